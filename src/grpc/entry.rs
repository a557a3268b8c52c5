//! What every RPC begins with: the caller, and the database of the connection.

use tonic::Request;

use super::status::no_caller;
use crate::credential::Caller;

/// Takes a request apart into who calls and what they want.
///
/// # Errors
/// UNAUTHENTICATED if the guard left no caller.
pub(super) fn enter<T>(request: Request<T>) -> Result<(Caller, T), tonic::Status> {
    let (_, mut extensions, message) = request.into_parts();
    let caller = extensions.remove::<Caller>().ok_or_else(no_caller)?;
    Ok((caller, message))
}

/// The `dbname` of the connection; empty if there is none or it is no text.
pub(super) fn connection_database<T>(request: &Request<T>) -> String {
    request
        .metadata()
        .get("dbname")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}
