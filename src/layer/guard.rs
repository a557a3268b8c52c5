//! The two steps that every request takes, whatever it comes in: authenticate, decide. Each
//! refusal leaves a line in the log.

use std::sync::Arc;

use tonic::Status;

use super::Target;
use super::rejection::{denied, unauthenticated};
use crate::api::denial_text;
use crate::authorizer::Authorizer;
use crate::credential::{Caller, CredentialError, HeaderError, Login, Peer, RefusedWhy};
use crate::log::{Clipped, LogPace};
use crate::model::DEFAULT_DATABASE;
use crate::policy::{Claims, Decision, Permit, Requirement};

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
    paces: Arc<Paces>,
}

/// Most objects that a line names.
const MOST_OBJECTS: usize = 8;

/// A pace for each kind of refusal: what costs an attacker nothing must not drown what matters.
#[derive(Debug, Default)]
struct Paces {
    no_login: LogPace,
    wrong_login: LogPace,
    denials: LogPace,
    unknown: LogPace,
}

impl Paces {
    fn of(&self, error: CredentialError) -> &LogPace {
        match error {
            CredentialError::Refused { .. } => &self.wrong_login,
            _ => &self.no_login,
        }
    }
}

impl Guard {
    /// A guard around this authorizer.
    #[must_use]
    pub fn new(authorizer: Authorizer, limits: GuardLimits) -> Self {
        Self { authorizer, limits, paces: Arc::default() }
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
            && let Some(suppressed) = self.paces.of(*error).admit()
        {
            let user = user.map(|user| String::from_utf8_lossy(&user).into_owned());
            let (user, path) = (user.as_deref().map(Clipped), Clipped(path));
            tracing::info!(
                ?user, %peer, ?path, reason = error.reason(), suppressed, "login refused"
            );
        }
        outcome
    }

    /// Notes a call of an RPC that is not in the table: a newer client, or somebody who looks
    /// around. The count of those left out comes with the next line.
    pub(super) fn note_unknown(&self, caller: Option<&Caller>, path: &str) {
        if let Some(suppressed) = self.paces.unknown.admit() {
            let peer = caller.map_or(Peer::LOCAL, Caller::peer);
            let name = caller.map_or("", Caller::name);
            tracing::info!(
                caller = ?Clipped(name), %peer, path = ?Clipped(path), suppressed, "unknown RPC"
            );
        }
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
        let or_default = |name| {
            let names: [&str; 2] = [name, connection];
            names.into_iter().find(|name| !name.is_empty()).unwrap_or(DEFAULT_DATABASE)
        };
        let database = or_default(&target.database);
        let claims = Claims {
            skip_rls: target.skip_rls,
            principals: &target.principals,
            other_database: target.other_database.as_deref().map(or_default),
            rls_properties: target.rls_properties,
            collection: &target.collection,
            binlogs: target.binlogs,
            replicated: target.replicated,
        };
        let objects = &target.objects;
        let denial = match self.authorizer.check(caller, requirement, database, objects, claims) {
            Decision::Allow(permit) => return Ok(permit),
            Decision::Deny(denial) => denial,
        };
        let name = caller.map_or("", Caller::name);
        if let Some(suppressed) = self.paces.denials.admit() {
            let peer = caller.map_or(Peer::LOCAL, Caller::peer);
            let objects: Vec<Clipped<'_>> =
                target.objects.iter().take(MOST_OBJECTS).map(|name| Clipped(name)).collect();
            tracing::info!(
                caller = ?Clipped(name), %peer, rpc = requirement.method,
                database = ?Clipped(database), ?objects, count = target.objects.len(), reason = denial.reason(), suppressed, "denied"
            );
        }
        Err(denial_text(&denial, name, database))
    }

    /// Waits until a caller who may do this now may no longer, and says why. Every new revision is
    /// looked at, also the one that came while the request was let in.
    pub(super) async fn no_longer(
        self,
        caller: Option<Caller>,
        requirement: &'static Requirement,
        connection: String,
    ) -> Status {
        let mut revisions = self.authorizer.revisions();
        loop {
            if let Some(caller) = &caller
                && !self.authorizer.exists(caller)
            {
                let why = RefusedWhy::UnknownUser;
                return unauthenticated(CredentialError::Refused { why });
            }
            let target = Target::default();
            if let Err(text) = self.decide(caller.as_ref(), requirement, &target, &connection) {
                return denied(text);
            }
            if revisions.changed().await.is_err() {
                // There will be no other revision.
                std::future::pending::<()>().await;
            }
        }
    }
}
