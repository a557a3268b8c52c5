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

/// The `dbname` of the connection; empty if there is none.
pub(super) fn connection_database<T>(request: &Request<T>) -> String {
    let name =
        request.metadata().get("dbname").map(tonic::metadata::MetadataValue::as_encoded_bytes);
    String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
}
