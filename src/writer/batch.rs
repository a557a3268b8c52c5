//! What has gathered in the queue, checked in order against one working state.

use std::sync::Arc;

use super::WriteError;
use super::job::Job;
use crate::model::{Change, Revision};
use crate::snapshot::Snapshot;

/// Operations that are committed together.
pub(super) struct Batch {
    jobs: Vec<Job>,
    /// The state after all of them.
    pub(super) state: Snapshot,
    /// Their changes, in order.
    pub(super) changes: Vec<Change>,
}

impl Batch {
    /// Checks operations one after another; each sees what the ones before it want to change.
    pub(super) fn check(state: &Arc<Snapshot>, jobs: Vec<Job>) -> Self {
        let mut batch = Self { jobs, state: (**state).clone(), changes: Vec::new() };
        batch.recheck(state);
        batch
    }

    /// Checks all of them again, on another state.
    pub(super) fn recheck(&mut self, state: &Arc<Snapshot>) {
        self.state = (**state).clone();
        self.changes.clear();
        for job in &mut self.jobs {
            let changes = job.operation.check(&self.state);
            for change in &changes {
                self.state.apply(change);
            }
            self.changes.extend(changes);
        }
    }

    /// Answers everybody. One outcome holds for all, also for those who were refused: a refusal
    /// may rest on an operation before it in the batch.
    pub(super) fn answer(self, outcome: Result<Revision, WriteError>) {
        for job in self.jobs {
            job.operation.answer(outcome);
        }
    }
}
