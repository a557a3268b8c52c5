//! The two steps that every request takes, whatever it comes in: authenticate, decide. Each
//! refusal leaves a line in the log, but for those of a state that is too old: that is told once,
//! where it becomes so.

use std::sync::Arc;

use tonic::Status;

use super::Target;
use super::budget::{Budget, Share};
use super::rejection::{denied, unauthenticated};
use crate::api::{Transport, denial_text, denial_transport};
use crate::authorizer::Authorizer;
use crate::credential::{Caller, CredentialError, HeaderError, Login, Peer, RefusedWhy};
use crate::log::{Clipped, LogPace};
use crate::policy::{Claims, Decision, Denial, Permit, Requirement};

/// How much of a request is read before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardLimits {
    /// Most bytes of a message about users and roles.
    pub max_message_bytes: usize,
    /// Most bytes of a message that holds a whole backup, or data.
    pub max_large_message_bytes: usize,
}

impl GuardLimits {
    /// The limit of this RPC.
    pub(super) fn of(self, requirement: &Requirement) -> usize {
        if requirement.method == "RestoreRBAC" || !requirement.served {
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
    budget: Budget,
}

/// Most objects that a line names.
const MOST_OBJECTS: usize = 8;

/// A pace for each kind of refusal: what costs an attacker nothing must not drown what matters.
#[derive(Debug, Default)]
struct Paces {
    no_login: LogPace,
    wrong_login: LogPace,
    throttled: LogPace,
    denials: LogPace,
    unknown: LogPace,
}

impl Paces {
    fn of_login(&self, error: CredentialError) -> Option<&LogPace> {
        match error {
            CredentialError::Refused { .. } => Some(&self.wrong_login),
            CredentialError::Throttled => Some(&self.throttled),
            CredentialError::Stale => None,
            _ => Some(&self.no_login),
        }
    }

    fn of_denial(&self, denial: &Denial) -> Option<&LogPace> {
        match denial {
            Denial::Stale(_) => None,
            _ => Some(&self.denials),
        }
    }
}

/// A request that is not let through: what its client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The text.
    pub text: String,
    /// The codes of it.
    pub transport: Transport,
}

impl Guard {
    /// A guard around this authorizer.
    #[must_use]
    pub fn new(authorizer: Authorizer, limits: GuardLimits) -> Self {
        Self { authorizer, limits, paces: Arc::default(), budget: Budget::default() }
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> GuardLimits {
        self.limits
    }

    /// What one request may hold until it is allowed.
    pub(super) fn share(&self) -> Share {
        self.budget.share()
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
        let known = self.authorizer.recall(&login, peer);
        if let Some(Ok(caller)) = known {
            return Ok(caller);
        }
        let user = login.as_ref().ok().map(|login| login.user_bytes().to_vec());
        let outcome = match known {
            Some(known) => known,
            // Boxed, because it is large and rare.
            None => Box::pin(self.authorizer.log_in(login, peer)).await,
        };
        if let Err(error) = &outcome
            && let Some(suppressed) = self.paces.of_login(*error).and_then(LogPace::admit)
        {
            let user = user.map(|user| String::from_utf8_lossy(&user).into_owned());
            let (user, path) = (user.as_deref().map(Clipped), Clipped(path));
            let reason = error.reason();
            // Somebody is guessing, or is locked out by a guesser: an operator should know.
            if *error == CredentialError::Throttled {
                tracing::warn!(?user, %peer, ?path, reason, suppressed, "login refused");
            } else {
                tracing::info!(?user, %peer, ?path, reason, suppressed, "login refused");
            }
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
    /// What the client is told, after a line in the log.
    pub fn decide(
        &self,
        caller: Option<&Caller>,
        requirement: &'static Requirement,
        target: &Target,
        connection: &str,
    ) -> Result<Permit, Denied> {
        let denial = match self.judge(caller, requirement, target, connection) {
            Decision::Allow(permit) => return Ok(permit),
            Decision::Deny(denial) => denial,
        };
        let database = target.database_or(connection);
        self.note_denial(caller, requirement, target, database, &denial);
        let text = denial_text(&denial, caller.map_or("", Caller::name), database);
        Err(Denied { text, transport: denial_transport(&denial) })
    }

    /// The same without a line in the log, for a request of which not everything is known yet.
    pub(super) fn judge(
        &self,
        caller: Option<&Caller>,
        requirement: &'static Requirement,
        target: &Target,
        connection: &str,
    ) -> Decision {
        let claims = Claims {
            skip_rls: target.skip_rls,
            principals: &target.principals,
            other_database: target.other_database_or(connection),
            rls_properties: target.rls_properties,
            collection: &target.collection,
            binlogs: target.binlogs,
            replicated: target.replicated,
        };
        let database = target.database_or(connection);
        self.authorizer.decide(caller, requirement, database, &target.objects, claims)
    }

    fn note_denial(
        &self,
        caller: Option<&Caller>,
        requirement: &Requirement,
        target: &Target,
        database: &str,
        denial: &Denial,
    ) {
        if let Some(suppressed) = self.paces.of_denial(denial).and_then(LogPace::admit) {
            let peer = caller.map_or(Peer::LOCAL, Caller::peer);
            let name = caller.map_or("", Caller::name);
            let objects: Vec<Clipped<'_>> =
                target.objects.iter().take(MOST_OBJECTS).map(|name| Clipped(name)).collect();
            tracing::info!(
                caller = ?Clipped(name), %peer, rpc = requirement.method,
                database = ?Clipped(database), ?objects, count = target.objects.len(), reason = denial.reason(), suppressed, "denied"
            );
        }
    }

    /// Waits until a caller who may do this now may no longer, and says why. Every new revision is
    /// looked at, also the one that came while the request was let in, and the state's age.
    pub(super) async fn no_longer(
        self,
        caller: Option<Caller>,
        requirement: &'static Requirement,
        connection: String,
    ) -> Status {
        let mut revisions = self.authorizer.revisions();
        // What needs no login goes on whatever the age of the state.
        let ages = !self.is_open(requirement);
        loop {
            if let Some(caller) = &caller
                && !self.authorizer.exists(caller)
            {
                let why = RefusedWhy::UnknownUser;
                return unauthenticated(CredentialError::Refused { why });
            }
            let target = Target::default();
            if let Err(why) = self.decide(caller.as_ref(), requirement, &target, &connection) {
                return denied(why);
            }
            tokio::select! {
                biased;
                () = self.authorizer.becomes_stale(), if ages => {}
                Ok(()) = revisions.changed() => {}
                // There will be no other revision.
                else => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::Code;

    use super::*;
    use crate::clock::{Clock as _, ManualClock};
    use crate::credential::{Verifier, VerifierOptions};
    use crate::freshness::Freshness;
    use crate::policy::{Rules, find};
    use crate::store::MemoryStore;
    use crate::writer::Writer;

    const RULES: Rules = Rules { enforced: false, ..Rules::DOCUMENTED };

    /// A guard that lets everything pass as long as the state is ten seconds old at most.
    struct Aging {
        guard: Guard,
        freshness: Arc<Freshness>,
        clock: Arc<ManualClock>,
    }

    fn aging() -> Aging {
        let clock = Arc::new(ManualClock::at(0));
        let freshness = Arc::new(Freshness::new(clock.clone(), Duration::from_secs(10)));
        freshness.confirm(clock.uptime());
        let store = Box::new(MemoryStore::new());
        let (writer, snapshots) =
            Writer::start(store, Arc::default(), Arc::clone(&freshness)).unwrap();
        let options = VerifierOptions { cost: 4, ..VerifierOptions::default() };
        let verifier = Arc::new(Verifier::new(options).unwrap());
        let authorizer = Authorizer::new(snapshots, verifier, writer, RULES);
        Aging { guard: Guard::new(authorizer, GuardLimits::default()), freshness, clock }
    }

    fn row(path: &str) -> &'static Requirement {
        find(path).unwrap()
    }

    const WATCH: &str = "/grpc.health.v1.Health/Watch";
    const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

    #[tokio::test]
    async fn a_state_that_is_too_old_is_unavailable_over_either_api_and_in_the_same_words() {
        let Aging { guard, freshness, clock } = aging();
        let insert = row("/milvus.proto.milvus.MilvusService/Insert");
        let target = Target::default();
        assert!(guard.decide(None, insert, &target, "").is_ok());
        clock.advance(10_001);
        let denied = guard.decide(None, insert, &target, "").unwrap_err();
        let Transport { grpc, http, code } = denied.transport;
        assert_eq!((grpc, http, code), (Code::Unavailable, 503, 2));
        let error = guard.authenticate(Err(HeaderError::Missing), Peer::LOCAL, "/").await;
        let error = error.unwrap_err();
        assert_eq!(error.to_string(), denied.text);
        assert_eq!(unauthenticated(error).code(), Code::Unavailable);
        assert_eq!(
            denied.text,
            "the state of this server is older than it may be, so nothing is decided on it; try \
             again later, or ask another replica"
        );
        freshness.confirm(clock.uptime());
        assert!(guard.decide(None, insert, &target, "").is_ok());
        let refused = row("/milvus.proto.milvus.MilvusService/Dummy");
        let Transport { grpc, http, code } =
            guard.decide(None, refused, &target, "").unwrap_err().transport;
        assert_eq!((grpc, http, code), (Code::PermissionDenied, 403, 65535));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_with_the_state_unless_it_needs_no_login() {
        let Aging { guard, clock, .. } = aging();
        let hour = Duration::from_secs(3600);
        let mut ended = Box::pin(guard.clone().no_longer(None, row(REFLECTION), String::new()));
        assert!(tokio::time::timeout(hour, &mut ended).await.is_err());
        clock.advance(10_001);
        assert_eq!(ended.await.code(), Code::Unavailable);
        let open = guard.no_longer(None, row(WATCH), String::new());
        assert!(tokio::time::timeout(hour, open).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_goes_on_while_the_state_is_confirmed() {
        let Aging { guard, freshness, clock } = aging();
        let mut ended = Box::pin(guard.no_longer(None, row(REFLECTION), String::new()));
        for _ in 0..10 {
            let most = Duration::from_secs(8);
            assert!(tokio::time::timeout(most, &mut ended).await.is_err());
            clock.advance(8_000);
            freshness.confirm(clock.uptime());
        }
    }
}
