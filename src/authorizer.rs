//! Joins the state, the verifier and the decision: says who is calling and what they may.
//!
//! This is what an embedder holds who has a stack of their own, the smaller of the two doors; the
//! larger one is the [`layer`](crate::layer), which also reads messages and answers refusals.
//! [`Authorizer::authenticate`] waits only for a login that was not seen before, and
//! [`Authorizer::authenticate_warm`] never does; [`Authorizer::check`] neither waits nor allocates.
//! All refuse while the state is older than it may be.
//!
//! ```
//! use milvus_rbac::admin::{GivenPassword, NewUser};
//! use milvus_rbac::config::Settings;
//! use milvus_rbac::credential::{Caller, Peer};
//! use milvus_rbac::deployment::Deployment;
//! use milvus_rbac::store::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let deployment = Deployment::open(Box::new(MemoryStore::new()), &Settings::default())?;
//! let ann = NewUser {
//!     name: "ann".to_owned(),
//!     password: GivenPassword::plain("P@ssw0rd".to_owned()),
//!     description: None,
//! };
//! deployment.admin().create_user(&Caller::unauthenticated(Peer::LOCAL), ann).await?;
//!
//! // For each request: who is it, as its `authorization` says, and may they?
//! let authorizer = deployment.authorizer();
//! let (header, peer) = (Some(&b"YW5uOlBAc3N3MHJk"[..]), Peer::from("10.0.0.7:50123".parse().ok()));
//! let caller = match authorizer.authenticate_warm(header, peer) {
//!     Some(known) => known?,
//!     None => authorizer.authenticate(header, peer).await?,
//! };
//! assert!(!authorizer.check(&caller, "Search", "default", &["books"]).is_allowed());
//! assert!(authorizer.check(&caller, "ListDatabases", "", &[]).is_allowed());
//! # deployment.close()?;
//! # Ok(())
//! # }
//! ```

mod listing;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::credential::{
    self, Authenticated, Caller, CredentialError, HeaderError, Login, Peer, RaiseCost, Verifier,
};
use crate::freshness::Freshness;
use crate::model::{Change, DEFAULT_DATABASE, Record, Revision};
use crate::policy::{self, Claims, Decision, Denial, Need, Request, Requirement, Rpc, Rules};
use crate::snapshot::{Snapshot, SnapshotCell};
use crate::writer::{SubmitError, Writer};

/// Authenticates and authorizes against the current state. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Authorizer(Arc<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    snapshots: Arc<SnapshotCell>,
    verifier: Arc<Verifier>,
    writer: Writer,
    freshness: Arc<Freshness>,
    rules: Rules,
    /// Whether every user sees the database `default` in lists.
    lists_default: bool,
    /// Ends what goes on in the background.
    ending: CancellationToken,
}

impl Authorizer {
    /// An authorizer on this state, with this verifier and these rules. The writer says how old
    /// the state is, and raises the cost of an old hash after a login.
    #[must_use]
    pub fn new(
        snapshots: Arc<SnapshotCell>,
        verifier: Arc<Verifier>,
        writer: Writer,
        rules: Rules,
    ) -> Self {
        let (freshness, ending) = (Arc::clone(writer.freshness()), CancellationToken::new());
        let lists_default = false;
        Self(Arc::new(Inner {
            snapshots,
            verifier,
            writer,
            freshness,
            rules,
            lists_default,
            ending,
        }))
    }

    /// Ends what logins have set going in the background. Logins themselves go on.
    pub fn end_background(&self) {
        self.0.ending.cancel();
    }

    /// Whether this RPC is answered without a login.
    #[must_use]
    pub fn is_open(&self, requirement: &Requirement) -> bool {
        let rules = self.0.rules;
        rules.open_health && rules.need(requirement) == Need::Health
    }

    /// Who is calling, by the first `authorization` of a gRPC request: base64 of `user:password`,
    /// without a scheme word. Other forms are read by [`credential`] and checked
    /// by [`Authorizer::log_in`]. `peer` is who the work is shared fairly among; give the address
    /// of the client, since all that is [`Peer::LOCAL`] shares one place in the queue.
    ///
    /// Ready when it is first polled wherever [`Authorizer::authenticate_warm`] has an answer. The
    /// future may be dropped. When authorization is switched off, nobody in particular is calling.
    ///
    /// # Errors
    /// As for [`Authorizer::log_in`].
    pub async fn authenticate(
        &self,
        header: Option<&[u8]>,
        peer: Peer,
    ) -> Result<Caller, CredentialError> {
        self.log_in(credential::grpc(header), peer).await
    }

    /// The same without waiting: the caller, if this login is remembered, or the refusal, if it
    /// takes no bcrypt to know it. `None` says nothing about the password, only that
    /// [`Authorizer::authenticate`] has to be awaited. No lock; allocates for the login and its name.
    pub fn authenticate_warm(
        &self,
        header: Option<&[u8]>,
        peer: Peer,
    ) -> Option<Result<Caller, CredentialError>> {
        self.recall(&credential::grpc(header), peer)
    }

    /// As [`Authorizer::authenticate_warm`], with a login that has been read already.
    pub(crate) fn recall(
        &self,
        login: &Result<Login, HeaderError>,
        peer: Peer,
    ) -> Option<Result<Caller, CredentialError>> {
        // INVARIANT: the age is asked before the state is read, so what is read is no older.
        if let Err(stale) = self.check_age() {
            return Some(Err(stale));
        }
        if !self.0.rules.enforced {
            return Some(Ok(Caller::unauthenticated(peer)));
        }
        match login {
            Ok(login) => {
                self.0.verifier.authenticate_cached(&self.0.snapshots, login, peer).map(Ok)
            }
            Err(error) => Some(Err((*error).into())),
        }
    }

    /// Who is calling, by a login that has been read already.
    ///
    /// # Errors
    /// The login is missing, cannot be read or is wrong, or it could not be checked. While the
    /// state is too old, [`CredentialError::Stale`] whatever the login, and at once.
    pub async fn log_in(
        &self,
        login: Result<Login, HeaderError>,
        peer: Peer,
    ) -> Result<Caller, CredentialError> {
        if let Some(known) = self.recall(&login, peer) {
            return known;
        }
        let login = login?;
        let checked = self.0.verifier.authenticate(&self.0.snapshots, &login, peer).await;
        // The check may have waited for long.
        self.check_age()?;
        let Authenticated { caller, raise } = checked?;
        // Best effort, and never in the way of the login: without a runtime it is left out.
        if let Some(raise) = raise
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (inner, ending) = (Arc::clone(&self.0), self.0.ending.clone());
            runtime.spawn(async move {
                ending.run_until_cancelled(raise_cost(&inner, raise, peer)).await;
            });
        }
        Ok(caller)
    }

    /// Whether the user that was authenticated is still there. A caller without a name always is.
    #[must_use]
    pub fn exists(&self, caller: &Caller) -> bool {
        !caller.is_authenticated() || self.0.snapshots.read().user(caller.name()).is_some()
    }

    /// Tells of each new revision, so that what goes on for long can be checked again.
    #[must_use]
    pub fn revisions(&self) -> watch::Receiver<Revision> {
        self.0.snapshots.revisions()
    }

    /// Waits until the state is too old to decide on; for ever if nobody else can change it.
    pub async fn becomes_stale(&self) {
        self.0.freshness.becomes_stale().await;
    }

    fn check_age(&self) -> Result<(), CredentialError> {
        if self.0.freshness.is_stale() { Err(CredentialError::Stale) } else { Ok(()) }
    }

    /// Whether the caller may do this to these objects of this database. Neither waits nor
    /// allocates. While the state is too old nobody may anything but what is answered without a
    /// login.
    ///
    /// The RPC is given by its row, its path, or the name of a method of Milvus's service; one that
    /// is not in the table is denied, [`Denial::UnknownRpc`]. An empty database stands for
    /// `default`. `objects` are the names that the message has where the row says
    /// ([`Requirement::object`]): the collection of a `Search`, all of them of a `Flush`, the user
    /// of a `SelectUser`; all must be allowed, and where a name is asked for and missing, only a
    /// grant on `*` covers it.
    ///
    /// Only names are looked at. What else a message may say that has a rule
    /// ([`Requirement::conditions`]: row-level security, another database, an id) is the business
    /// of whoever reads the message: `scan` of the [`layer`](crate::layer) reads it and its `Guard`
    /// decides on it; so does [`Authorizer::decide`], given the claims. A denial is not logged here.
    pub fn check<'a>(
        &self,
        caller: &Caller,
        rpc: impl Into<Rpc<'a>>,
        database: &str,
        objects: &[&str],
    ) -> Decision {
        let Some(requirement) = rpc.into().requirement() else {
            return Decision::Deny(Denial::UnknownRpc);
        };
        let database = if database.is_empty() { DEFAULT_DATABASE } else { database };
        self.decide(Some(caller), requirement, database, objects, Claims::default())
    }

    /// The same with all that a message may say; `None` calls an RPC that is open without a login
    /// ([`Authorizer::is_open`]). The database is not defaulted.
    pub fn decide<N: AsRef<str>>(
        &self,
        caller: Option<&Caller>,
        requirement: &'static Requirement,
        database: &str,
        objects: &[N],
        claims: Claims<'_>,
    ) -> Decision {
        // INVARIANT: the age is asked before the state is read, so what is read is no older.
        if self.0.freshness.is_stale() && !self.is_open(requirement) {
            return Decision::Deny(Denial::Stale(requirement));
        }
        let state = self.0.snapshots.read();
        let caller = caller.filter(|caller| caller.is_authenticated()).map(Caller::name);
        if self.0.rules.enforced && caller.is_some_and(|name| state.user(name).is_none()) {
            // Deleted since the login was checked.
            return Decision::Deny(Denial::NoCaller(requirement));
        }
        let request = Request { caller, requirement, database, objects, claims };
        policy::decide(&state, self.0.rules, &request)
    }
}

/// Replaces a hash of low cost by one of the configured cost, if it is still the one that the
/// password was verified against.
async fn raise_cost(inner: &Inner, raise: RaiseCost, peer: Peer) {
    let hash = match inner.verifier.hash(&raise.password, Peer::LOCAL).await {
        Ok(hash) => hash,
        Err(error) => {
            tracing::debug!(reason = error.reason(), "a hash of low cost stays for now");
            return;
        }
    };
    let user = raise.user.clone();
    let plan = move |state: &Snapshot| {
        let mut changes = Vec::new();
        if let Some(entry) = state.user(user.as_str())
            && entry.credential.hash == raise.verified
        {
            let mut credential = entry.credential.clone();
            credential.hash = hash.clone();
            changes.push(Change::Put(Record::User(user.clone(), credential)));
        }
        Ok::<_, std::convert::Infallible>(((), changes))
    };
    match inner.writer.submit(plan).await {
        Ok(done) if done.changed => {
            tracing::info!(
                caller = ?raise.user.as_str(), %peer, operation = "raise hash cost",
                target = ?raise.user.as_str(), outcome = "done", revision = done.revision.0, "change"
            );
        }
        Ok(_) => {}
        Err(SubmitError::Write(error)) => {
            tracing::debug!(%error, "a hash of low cost stays for now");
        }
        Err(SubmitError::Refused(never)) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use base64::prelude::*;

    use super::*;
    use crate::clock::{Clock as _, ManualClock};
    use crate::credential::{Password, RefusedWhy, VerifierOptions};
    use crate::model::{Credential, UserName};
    use crate::policy::find;
    use crate::store::MemoryStore;

    const RULES: Rules = Rules::DOCUMENTED;

    /// An authorizer whose state is ten seconds old at most, with `root`, and its clock.
    async fn authorizer(rules: Rules) -> (Authorizer, Arc<ManualClock>) {
        authorizer_at(rules, 4).await
    }

    /// The same with this bcrypt cost.
    async fn authorizer_at(rules: Rules, cost: u32) -> (Authorizer, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(0));
        let freshness = Arc::new(Freshness::new(clock.clone(), Duration::from_secs(10)));
        freshness.confirm(clock.uptime());
        let store = Box::new(MemoryStore::new());
        let (writer, snapshots) = Writer::start(store, Arc::default(), freshness).unwrap();
        let options = VerifierOptions { cost, ..VerifierOptions::default() };
        let verifier = Arc::new(Verifier::new(options).unwrap());
        let password = Password::from(b"Milvus".to_vec());
        let hash = verifier.hash(&password, Peer::LOCAL).await.unwrap();
        let credential = Credential { hash, description: None, time_tick: 0 };
        let root = Change::Put(Record::User(UserName::new("root").unwrap(), credential));
        let plan = move |_: &Snapshot| Ok::<_, ()>(((), vec![root.clone()]));
        writer.submit(plan).await.unwrap();
        (Authorizer::new(snapshots, verifier, writer, rules), clock)
    }

    async fn log_in(authorizer: &Authorizer, password: &str) -> Result<Caller, CredentialError> {
        authorizer.log_in(Login::new("root", password.as_bytes()), Peer::LOCAL).await
    }

    /// How gRPC sends this login.
    fn header(login: &str) -> Vec<u8> {
        BASE64_STANDARD.encode(login).into_bytes()
    }

    /// What a future has to say when it is looked at once, by nobody who could be woken.
    fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(future).poll(&mut context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    fn check(authorizer: &Authorizer, caller: Option<&Caller>, path: &str) -> Decision {
        let none: [&str; 0] = [];
        authorizer.decide(caller, find(path).unwrap(), "default", &none, Claims::default())
    }

    const LIST: &str = "/milvus.proto.milvus.MilvusService/ListCredUsers";
    const HEALTH: &str = "/grpc.health.v1.Health/Check";

    #[tokio::test]
    async fn while_the_state_is_too_old_nobody_is_known_and_nothing_allowed() {
        let (authorizer, clock) = authorizer(RULES).await;
        let root = log_in(&authorizer, "Milvus").await.unwrap();
        clock.advance(10_000);
        assert!(check(&authorizer, Some(&root), LIST).is_allowed());
        assert!(log_in(&authorizer, "Milvus").await.is_ok());
        clock.advance(1);
        let bcrypts = authorizer.0.verifier.jobs_done();
        for password in ["Milvus", "wrong"] {
            assert_eq!(log_in(&authorizer, password).await.unwrap_err(), CredentialError::Stale);
        }
        let missing = authorizer.authenticate(None, Peer::LOCAL).await;
        assert_eq!(missing.unwrap_err(), CredentialError::Stale);
        assert_eq!(authorizer.0.verifier.jobs_done(), bcrypts);
        let Decision::Deny(Denial::Stale(row)) = check(&authorizer, Some(&root), LIST) else {
            panic!("root may");
        };
        assert_eq!(row.path, LIST);

        authorizer.0.freshness.confirm(clock.uptime());
        assert!(check(&authorizer, Some(&root), LIST).is_allowed());
        assert_eq!(log_in(&authorizer, "Milvus").await.unwrap().name(), "root");
    }

    #[tokio::test]
    async fn a_login_that_is_remembered_is_answered_without_waiting() {
        let (authorizer, clock) = authorizer(RULES).await;
        let root = header("root:Milvus");
        assert!(authorizer.authenticate_warm(Some(&root), Peer::LOCAL).is_none());
        authorizer.authenticate(Some(&root), Peer::LOCAL).await.unwrap();

        let bcrypts = authorizer.0.verifier.jobs_done();
        for answer in [
            authorizer.authenticate_warm(Some(&root), Peer::LOCAL),
            at_once(authorizer.authenticate(Some(&root), Peer::LOCAL)),
            at_once(authorizer.log_in(Login::new("root", b"Milvus"), Peer::LOCAL)),
        ] {
            assert_eq!(answer.unwrap().unwrap().name(), "root");
        }
        // A wrong one says nothing before bcrypt has, also beside one that is remembered.
        let wrong = header("root:wrong");
        assert!(authorizer.authenticate_warm(Some(&wrong), Peer::LOCAL).is_none());
        assert_eq!(authorizer.0.verifier.jobs_done(), bcrypts);

        clock.advance(10_001);
        let stale = authorizer.authenticate_warm(Some(&root), Peer::LOCAL).unwrap();
        assert_eq!(stale.unwrap_err(), CredentialError::Stale);
    }

    #[tokio::test]
    async fn what_is_no_login_is_refused_without_waiting() {
        let (authorizer, _clock) = authorizer(RULES).await;
        let bcrypts = authorizer.0.verifier.jobs_done();
        let [key, empty] = ["a key", "root:"].map(header);
        let why = RefusedWhy::Empty;
        for (header, expected) in [
            (None, CredentialError::NoHeader),
            (Some(&b"Bearer x"[..]), CredentialError::BadEncoding),
            (Some(key.as_slice()), CredentialError::NotAPair),
            (Some(empty.as_slice()), CredentialError::Refused { why }),
        ] {
            let warm = authorizer.authenticate_warm(header, Peer::LOCAL).unwrap();
            assert_eq!(warm.unwrap_err(), expected);
            let first = at_once(authorizer.authenticate(header, Peer::LOCAL)).unwrap();
            assert_eq!(first.unwrap_err(), expected);
        }
        assert_eq!(authorizer.0.verifier.jobs_done(), bcrypts);
    }

    #[tokio::test]
    async fn without_authorization_nobody_in_particular_is_calling_and_nobody_waits() {
        let (authorizer, _clock) = authorizer(Rules { enforced: false, ..RULES }).await;
        let caller = authorizer.authenticate_warm(None, Peer::LOCAL).unwrap().unwrap();
        assert!(!caller.is_authenticated());
        assert!(authorizer.check(&caller, "Search", "", &["books"]).is_allowed());
    }

    #[tokio::test]
    async fn an_rpc_is_checked_by_its_row_its_path_or_its_method_and_an_unknown_one_is_denied() {
        let (authorizer, _clock) = authorizer(RULES).await;
        let root = log_in(&authorizer, "Milvus").await.unwrap();
        assert!(authorizer.check(&root, find(LIST).unwrap(), "", &[]).is_allowed());
        assert!(authorizer.check(&root, LIST, "", &[]).is_allowed());
        assert!(authorizer.check(&root, "ListCredUsers", "", &[]).is_allowed());
        for name in ["", "listCredUsers", "/ListCredUsers", "NoSuchMethod"] {
            let Decision::Deny(Denial::UnknownRpc) = authorizer.check(&root, name, "", &[]) else {
                panic!("{name:?} is no RPC, and not even root may call it");
            };
        }
    }

    #[tokio::test]
    async fn a_caller_whose_user_is_gone_may_nothing() {
        let (authorizer, _clock) = authorizer(RULES).await;
        let gone = Caller::for_tests("gone");
        let decision = authorizer.check(&gone, "ListDatabases", "", &[]);
        assert!(matches!(decision, Decision::Deny(Denial::NoCaller(_))));
        let nobody = Caller::unauthenticated(Peer::LOCAL);
        let decision = authorizer.check(&nobody, "ListDatabases", "", &[]);
        assert!(matches!(decision, Decision::Deny(Denial::NoCaller(_))));
    }

    #[tokio::test]
    async fn a_login_that_is_checked_until_the_state_is_too_old_is_refused() {
        // A cost that nobody is done with before the next line is reached.
        let (authorizer, clock) = authorizer_at(RULES, 11).await;
        for password in ["Milvus", "wrong"] {
            authorizer.0.freshness.confirm(clock.uptime());
            let mut checked = Box::pin(log_in(&authorizer, password));
            let begun = checked.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(begun.is_pending(), "bcrypt takes its time");
            clock.advance(10_001);
            assert_eq!(checked.await.unwrap_err(), CredentialError::Stale);
        }
    }

    #[tokio::test]
    async fn health_is_told_without_a_login_whatever_the_age_of_the_state() {
        let (open, clock) = authorizer(RULES).await;
        clock.advance(3_600_000);
        assert!(check(&open, None, HEALTH).is_allowed());
        let (closed, clock) = authorizer(Rules { open_health: false, ..RULES }).await;
        let root = log_in(&closed, "Milvus").await.unwrap();
        assert!(check(&closed, Some(&root), HEALTH).is_allowed());
        clock.advance(3_600_000);
        assert!(matches!(check(&closed, Some(&root), HEALTH), Decision::Deny(Denial::Stale(_))));
    }

    #[tokio::test]
    async fn lists_show_nothing_of_a_state_that_is_too_old_and_all_where_nothing_is_checked() {
        let (authorizer, clock) = authorizer(RULES).await;
        let root = log_in(&authorizer, "Milvus").await.unwrap();
        let nobody = Caller::unauthenticated(Peer::LOCAL);
        assert!(authorizer.databases_seen(&root).unwrap().shows("db"));
        assert!(authorizer.collections_seen(&root, "db").unwrap().shows("c"));
        assert!(!authorizer.databases_seen(&nobody).unwrap().shows("db"));
        assert!(!authorizer.sees_database(&nobody, "default").unwrap());
        let listing = authorizer.clone().listing_default(true);
        assert!(listing.sees_database(&nobody, "default").unwrap());
        assert!(!listing.sees_database(&nobody, "db").unwrap());
        clock.advance(10_001);
        for stale in [authorizer.databases_seen(&root), listing.collections_seen(&root, "db")] {
            assert_eq!(stale.unwrap_err(), CredentialError::Stale);
        }
        let (open, _) = self::authorizer(Rules { enforced: false, ..RULES }).await;
        assert!(open.sees_database(&nobody, "db").unwrap());
        assert!(open.collections_seen(&nobody, "db").unwrap().shows("c"));
    }

    #[tokio::test]
    async fn a_state_that_is_too_old_is_refused_also_when_nothing_is_checked() {
        let (authorizer, clock) = authorizer(Rules { enforced: false, ..RULES }).await;
        assert!(log_in(&authorizer, "wrong").await.is_ok());
        assert!(check(&authorizer, None, LIST).is_allowed());
        clock.advance(10_001);
        assert_eq!(log_in(&authorizer, "wrong").await.unwrap_err(), CredentialError::Stale);
        assert!(matches!(check(&authorizer, None, LIST), Decision::Deny(Denial::Stale(_))));
    }
}
