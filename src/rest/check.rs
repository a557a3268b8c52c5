//! Whether a body would be taken, without a request around it. What is done with one that is
//! taken is `service.rs`'s.

use super::answer::Answer;
use super::body::parse;
use crate::api::Endpoint;

/// Reads a body as a request to this endpoint does, before the caller is decided about: as JSON of
/// the endpoint's shape with its required fields. Values, such as names and passwords, are not
/// looked at, and the size is the caller's to limit.
///
/// # Errors
/// The answer that a client would get: code 1801 if it is not the JSON that is asked for, 1802 if
/// a required field is missing or empty. It never quotes a value of the body.
pub fn check_body(endpoint: Endpoint, bytes: &[u8]) -> Result<(), Answer> {
    parse(endpoint, bytes).map(drop)
}
