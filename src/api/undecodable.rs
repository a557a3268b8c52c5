//! The gRPC error for a message that cannot be decoded.

use tonic::Status;

/// The answer to a message that cannot be decoded.
#[must_use]
pub fn undecodable(detail: &str) -> Status {
    Status::internal(format!("grpc: error unmarshalling request: {detail}"))
}
