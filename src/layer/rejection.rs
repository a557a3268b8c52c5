//! Refusals of the guard as gRPC answers.

use tonic::Status;

use super::Denied;
use crate::api::credential_transport;
use crate::credential::CredentialError;
use crate::policy::all;

/// A request whose caller is not known.
pub(super) fn unauthenticated(error: CredentialError) -> Status {
    Status::new(credential_transport(error).grpc, error.to_string())
}

/// An RPC without a row, in the words that gRPC servers in Go have for it.
pub(super) fn unknown(path: &str) -> Status {
    let Some((service, method)) = path.strip_prefix('/').and_then(|rest| rest.rsplit_once('/'))
    else {
        return Status::unimplemented(format!("malformed method name: {path:?}"));
    };
    let text = if all().iter().any(|row| row.service == service) {
        format!("unknown method {method} for service {service}")
    } else {
        format!("unknown service {service}")
    };
    Status::unimplemented(text)
}

/// Metadata that could be read in more than one way.
pub(super) fn repeated(name: &str) -> Status {
    Status::invalid_argument(format!("the metadata `{name}` is given more than once; give it once"))
}

/// A caller who may not.
pub(super) fn denied(why: Denied) -> Status {
    Status::new(why.transport.grpc, why.text)
}
