//! A refusal as gRPC tells it: a Status inside a normal answer or, rarely, a gRPC error.

use std::collections::HashMap;

use crate::admin::AdminError;
use crate::api::{AnswerTooLarge, Operation, Refusal, refusal};
use crate::proto::common::Status;

/// What an operation came to: the Status to put into the answer, or the gRPC error to fail with.
pub(super) fn outcome(
    operation: Operation,
    result: Result<(), AdminError>,
) -> Result<Status, tonic::Status> {
    match result {
        Ok(()) => Ok(Status::default()),
        Err(error) => refused(operation, &error),
    }
}

/// The Status of a refused operation, or the gRPC error to fail with.
pub(super) fn refused(operation: Operation, error: &AdminError) -> Result<Status, tonic::Status> {
    let refusal = refusal(operation, error);
    match refusal.transport {
        Some(transport) => Err(tonic::Status::new(transport.grpc, refusal.reason)),
        None => Ok(milvus_status(refusal)),
    }
}

/// Fills all fields of a Status as Milvus does.
fn milvus_status(refusal: Refusal) -> Status {
    let extra_info = if refusal.input {
        HashMap::from([("is_input_error".to_owned(), "true".to_owned())])
    } else {
        HashMap::new()
    };
    Status {
        error_code: refusal.legacy.into(),
        reason: refusal.reason.clone(),
        code: refusal.code,
        retriable: refusal.retriable,
        detail: refusal.reason,
        extra_info,
    }
}

/// The gRPC error for a request that reached a service without a caller: the guard was left out.
pub(super) fn no_caller() -> tonic::Status {
    tracing::error!("a request reached the service without a caller; is the guard in place?");
    tonic::Status::unauthenticated("the request has not been authenticated")
}

/// The gRPC error in place of an answer that is too large.
pub(super) fn too_large(error: AnswerTooLarge) -> tonic::Status {
    tonic::Status::new(AnswerTooLarge::TRANSPORT.grpc, error.to_string())
}

/// A gRPC error.
#[must_use]
pub fn grpc_status(code: tonic::Code, message: impl Into<String>) -> tonic::Status {
    tonic::Status::new(code, message)
}
