//! What a client reads when it may not.

use crate::log::clip;
use crate::policy::Denial;

/// The text of a denial, as Milvus words it where Milvus has a word for it.
#[must_use]
pub fn denial_text(denial: &Denial, caller: &str, database: &str) -> String {
    match denial {
        Denial::Privilege { privilege, cluster, .. } => {
            // It goes into a header, and the request may name anything: no legal name is longer.
            let database = if *cluster { "*" } else { clip(database, 255) };
            format!(
                "Privilege{privilege}: permission deny to {caller} in the `{database}` database"
            )
        }
        Denial::RootOnly(requirement) => {
            format!("{}: permission deny to {caller}, only root may call it", requirement.method)
        }
        Denial::Refused(requirement) => {
            format!("{}: permission deny to {caller}, nobody may call it", requirement.method)
        }
        Denial::NoCaller(requirement) => {
            format!("{}: permission deny without authentication", requirement.method)
        }
    }
}
