//! Joins the state, the verifier and the decision: says who is calling and what they may.
//!
//! This is what an embedder holds. [`Authorizer::authenticate`] waits only for a login that was
//! not seen before; [`Authorizer::check`] never waits.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::credential::{
    Authenticated, Caller, CredentialError, HeaderError, Login, Peer, RaiseCost, Verifier,
};
use crate::model::{Change, Record, Revision};
use crate::policy::{Claims, Decision, Denial, Need, Request, Requirement, Rules, decide};
use crate::snapshot::{Snapshot, SnapshotCell};
use crate::writer::{SubmitError, Writer};

/// Authenticates and authorizes against the current state. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Authorizer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    snapshots: Arc<SnapshotCell>,
    verifier: Arc<Verifier>,
    writer: Writer,
    rules: Rules,
    /// Ends what goes on in the background.
    ending: CancellationToken,
}

impl Authorizer {
    /// An authorizer on this state, with this verifier and these rules. The writer is used for one
    /// thing: to raise the cost of an old hash after a login.
    #[must_use]
    pub fn new(
        snapshots: Arc<SnapshotCell>,
        verifier: Arc<Verifier>,
        writer: Writer,
        rules: Rules,
    ) -> Self {
        let ending = CancellationToken::new();
        Self(Arc::new(Inner { snapshots, verifier, writer, rules, ending }))
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

    /// Who is calling. When authorization is switched off, nobody in particular is.
    ///
    /// # Errors
    /// The login is missing, cannot be read or is wrong, or it could not be checked.
    pub async fn authenticate(
        &self,
        login: Result<Login, HeaderError>,
        peer: Peer,
    ) -> Result<Caller, CredentialError> {
        if !self.0.rules.enforced {
            return Ok(Caller::unauthenticated(peer));
        }
        let login = login?;
        let Authenticated { caller, raise } =
            self.0.verifier.authenticate(&self.0.snapshots, &login, peer).await?;
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

    /// Whether the caller may. Neither waits nor allocates.
    pub fn check(
        &self,
        caller: Option<&Caller>,
        requirement: &'static Requirement,
        database: &str,
        objects: &[String],
        claims: Claims<'_>,
    ) -> Decision {
        let state = self.0.snapshots.read();
        let caller = caller.filter(|caller| caller.is_authenticated()).map(Caller::name);
        if self.0.rules.enforced && caller.is_some_and(|name| state.user(name).is_none()) {
            // Deleted since the login was checked.
            return Decision::Deny(Denial::NoCaller(requirement));
        }
        let request = Request { caller, requirement, database, objects, claims };
        decide(&state, self.0.rules, &request)
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
