//! What a client reads when it may not.

use super::Transport;
use crate::credential::CredentialError;
use crate::log::clip;
use crate::policy::Denial;

/// What a refusal reads as over HTTP, where Milvus words two kinds differently than over gRPC.
#[must_use]
pub fn rest_denial(transport: Transport, text: &str) -> String {
    match transport.http {
        401 => "user hasn't authenticated".to_owned(),
        403 => format!("rpc error: code = PermissionDenied desc = {text}"),
        _ => text.to_owned(),
    }
}

/// The text of a denial, as Milvus words it where Milvus has a word for it. `database` is the one
/// of the request.
#[must_use]
pub fn denial_text(denial: &Denial, caller: &str, database: &str) -> String {
    match denial {
        // Milvus names no database for streams.
        Denial::Privilege { requirement, privilege, .. } if requirement.streaming => {
            format!("{}: permission deny to {caller}", privilege.stored_name())
        }
        Denial::Privilege { privilege, cluster, .. } => {
            // It goes into a header, and the request may name anything: no legal name is longer.
            let database = if *cluster { "*" } else { clip(database, 255) };
            let privilege = privilege.stored_name();
            format!("{privilege}: permission deny to {caller} in the `{database}` database")
        }
        Denial::RootOnly(requirement) => {
            format!("{}: permission deny to {caller}, only root may call it", requirement.method)
        }
        Denial::Refused(requirement) => {
            format!("{}: permission deny to {caller}, nobody may call it", requirement.method)
        }
        Denial::Principal(requirement) => format!(
            "{}: permission deny to {caller}, rls_principal may only name the caller; leave it out",
            requirement.method
        ),
        Denial::Replicated(requirement) => format!(
            "{}: permission deny to {caller}, base.replicateInfo is not accepted; leave it out",
            requirement.method
        ),
        Denial::NoCaller(requirement) => {
            format!("{}: permission deny without authentication", requirement.method)
        }
        // Nothing is said of a name that only the caller knows.
        Denial::UnknownRpc => {
            format!("permission deny to {caller}, there is no such RPC in this version")
        }
        // It comes before all that the request says, so it reads as for a login.
        Denial::Stale(_) => CredentialError::Stale.to_string(),
    }
}
