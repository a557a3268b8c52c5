//! The operations: what each one checks, in which order, what it changes, and how it fails.
//!
//! Free of transport: gRPC, REST and an embedder's own code call the same functions. Nobody is
//! authorized here; the guard has done that before. Every change leaves one line in the log.

mod backup;
mod bootstrap;
mod builtin_roles;
mod data_changes;
mod database;
mod error;
mod grant_error;
mod grant_plan;
mod grant_query;
mod grant_rules;
mod grants;
mod membership;
mod password;
mod privilege_groups;
mod restore;
mod restore_error;
mod roles;
mod rules;
mod trace;
mod users;

pub use backup::{BackupRole, BackupUser, RbacBackup};
pub use bootstrap::{Bootstrap, BootstrapError};
pub use database::DatabaseView;
pub use error::{AdminError, ConfiguredRoleAction, DefaultRoleAction};
pub use grant_error::{DatabaseNameError, GrantError, GroupError};
pub use grant_query::{GrantQuery, GrantView, ObjectQuery};
pub use grants::{GivenPrivilege, GrantAction, LevelGrant, ObjectGrant};
pub use membership::{Membership, RoleView, UserView};
pub use password::GivenPassword;
pub use privilege_groups::{GroupAction, GroupView};
pub use restore_error::RestoreError;
pub use rules::AdminRules;
pub use users::{NewUser, UserUpdate};

use std::sync::Arc;

use crate::credential::{Caller, Verifier};
use crate::log::LogPace;
use crate::snapshot::{Snapshot, SnapshotCell};
use crate::writer::{Plan, SubmitError, Writer};
use trace::Trace;

/// The operations on one deployment. Cloning shares it.
///
/// What only reads, such as [`Admin::list_users`], answers from the state that is published here.
/// Where several processes share a store it may be behind the newest one: [`Writer::freshness`]
/// tells by how much, and nothing is refused here for that. What changes anything is checked on
/// the newest state.
#[derive(Debug, Clone)]
pub struct Admin {
    writer: Writer,
    snapshots: Arc<SnapshotCell>,
    verifier: Arc<Verifier>,
    rules: Arc<AdminRules>,
    pace: Arc<LogPace>,
}

impl Admin {
    /// Operations that commit through this writer, hash with this verifier and follow these rules.
    #[must_use]
    pub fn new(
        writer: Writer,
        snapshots: Arc<SnapshotCell>,
        verifier: Arc<Verifier>,
        rules: AdminRules,
    ) -> Self {
        Self { writer, snapshots, verifier, rules: Arc::new(rules), pace: Arc::default() }
    }

    /// The current state.
    #[must_use]
    pub fn snapshots(&self) -> &Arc<SnapshotCell> {
        &self.snapshots
    }

    /// The writer, to ask whether changes are accepted.
    #[must_use]
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &AdminRules {
        &self.rules
    }
}

/// What an operation without a result wants to change.
type Planned = Result<Plan<()>, AdminError>;

impl Admin {
    fn trace(&self, caller: &Caller, operation: &'static str, target: &str) -> Trace {
        Trace {
            pace: Arc::clone(&self.pace),
            caller: caller.clone(),
            operation,
            target: target.to_owned(),
        }
    }

    /// What a look says of a state that was the newest after this was asked. Where others change the
    /// store, too, the published one may not have heard of what they were told is done.
    async fn look_at_newest<T, F>(&self, mut look: F) -> Result<T, AdminError>
    where
        T: Send + 'static,
        F: FnMut(&Snapshot) -> Result<T, AdminError> + Send + 'static,
    {
        match self.writer.submit(move |state| look(state).map(|seen| (seen, Vec::new()))).await {
            Ok(done) => Ok(done.value),
            Err(SubmitError::Refused(refusal)) => Err(refusal),
            Err(SubmitError::Write(error)) => Err(AdminError::Write(error)),
        }
    }

    /// Submits what has been prepared and leaves its line in the log, also if it could not be
    /// prepared.
    async fn commit<T, F>(
        &self,
        trace: Trace,
        prepared: Result<F, AdminError>,
    ) -> Result<T, AdminError>
    where
        T: Send + 'static,
        F: FnMut(&Snapshot) -> Result<Plan<T>, AdminError> + Send + 'static,
    {
        let mut plan = match prepared {
            Ok(plan) => plan,
            Err(error) => {
                trace.refused(&error);
                return Err(error);
            }
        };
        let caller = trace.caller.clone();
        let checked = move |state: &Snapshot| {
            // Since the login was checked, its user may have been deleted.
            if caller.is_authenticated() && state.user(caller.name()).is_none() {
                return Err(AdminError::CallerGone);
            }
            plan(state)
        };
        self.commit_unconditionally(trace, checked).await
    }

    /// Submits a plan whoever called, also if they have been deleted meanwhile: for what follows
    /// from something that has happened already. Leaves its line in the log.
    async fn commit_unconditionally<T, F>(&self, trace: Trace, plan: F) -> Result<T, AdminError>
    where
        T: Send + 'static,
        F: FnMut(&Snapshot) -> Result<Plan<T>, AdminError> + Send + 'static,
    {
        let outcome = self.writer.submit_observed(plan, move |outcome| trace.ended(outcome)).await;
        match outcome {
            Ok(done) => Ok(done.value),
            Err(SubmitError::Refused(refusal)) => Err(refusal),
            Err(SubmitError::Write(error)) => Err(AdminError::Write(error)),
        }
    }
}
