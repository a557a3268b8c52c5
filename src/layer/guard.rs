//! The two steps that every request takes, whatever it comes in: authenticate, decide. Each
//! refusal leaves a line in the log.

use std::sync::Arc;

use super::Target;
use crate::api::denial_text;
use crate::authorizer::Authorizer;
use crate::credential::{Caller, CredentialError, HeaderError, Login, Peer};
use crate::log_pace::LogPace;
use crate::model::DEFAULT_DATABASE;
use crate::policy::{Decision, Permit, Requirement};

/// How much of a request is read before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardLimits {
    /// Most bytes of a message that is answered here.
    pub max_message_bytes: usize,
    /// Most bytes of a message that holds a whole backup.
    pub max_large_message_bytes: usize,
}

impl GuardLimits {
    /// The limit of this RPC.
    pub(super) fn of(self, requirement: &Requirement) -> usize {
        if requirement.method == "RestoreRBAC" {
            self.max_large_message_bytes
        } else {
            self.max_message_bytes
        }
    }
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self { max_message_bytes: 4 << 20, max_large_message_bytes: 128 << 20 }
    }
}

/// Authenticates and decides, and logs what it refuses. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Guard {
    authorizer: Authorizer,
    limits: GuardLimits,
    pace: Arc<LogPace>,
}

impl Guard {
    /// A guard around this authorizer.
    #[must_use]
    pub fn new(authorizer: Authorizer, limits: GuardLimits) -> Self {
        Self { authorizer, limits, pace: Arc::default() }
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> GuardLimits {
        self.limits
    }

    /// Whether this RPC is answered without a login.
    #[must_use]
    pub fn is_open(&self, requirement: &Requirement) -> bool {
        self.authorizer.is_open(requirement)
    }

    /// Who is calling `path`.
    ///
    /// # Errors
    /// Why nobody is, after a line in the log.
    pub async fn authenticate(
        &self,
        login: Result<Login, HeaderError>,
        peer: Peer,
        path: &str,
    ) -> Result<Caller, CredentialError> {
        let user = login.as_ref().ok().map(|login| login.user_bytes().to_vec());
        let outcome = self.authorizer.authenticate(login, peer).await;
        if let Err(error) = &outcome
            && let Some(suppressed) = self.pace.admit()
        {
            let user = user.map(|user| String::from_utf8_lossy(&user).into_owned());
            tracing::info!(
                ?user, %peer, ?path, reason = error.reason(), suppressed, "login refused"
            );
        }
        outcome
    }

    /// Whether the caller may do this to that. `connection` is the database of the connection,
    /// which counts where the request names none.
    ///
    /// # Errors
    /// The text for the client, after a line in the log.
    pub fn decide(
        &self,
        caller: Option<&Caller>,
        requirement: &'static Requirement,
        target: &Target,
        connection: &str,
    ) -> Result<Permit, String> {
        let database = [target.database.as_str(), connection]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or(DEFAULT_DATABASE);
        let denial = match self.authorizer.check(caller, requirement, database, &target.objects) {
            Decision::Allow(permit) => return Ok(permit),
            Decision::Deny(denial) => denial,
        };
        let name = caller.map_or("", Caller::name);
        if let Some(suppressed) = self.pace.admit() {
            let peer = caller.map_or(Peer::LOCAL, Caller::peer);
            tracing::info!(
                caller = ?name, %peer, rpc = requirement.method, ?database,
                objects = ?target.objects, reason = denial.reason(), suppressed, "denied"
            );
        }
        Err(denial_text(&denial, name, database))
    }
}
