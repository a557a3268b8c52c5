//! What has gathered in the queue, checked in order against one working state.

use std::collections::VecDeque;
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
    /// Checks operations one after another; each sees what the ones before it want to change. Stops
    /// before the one that would bring the changes above `most`, unless it is the first.
    pub(super) fn check(state: &Arc<Snapshot>, waiting: &mut VecDeque<Job>, most: usize) -> Self {
        let mut batch = Self { jobs: Vec::new(), state: (**state).clone(), changes: Vec::new() };
        while let Some(mut job) = waiting.pop_front() {
            let changes = job.operation.check(&batch.state);
            if !batch.changes.is_empty() && batch.changes.len() + changes.len() > most {
                waiting.push_front(job);
                break;
            }
            batch.add(changes);
            batch.jobs.push(job);
        }
        batch
    }

    /// Checks all of them again, on another state.
    pub(super) fn recheck(&mut self, state: &Arc<Snapshot>) {
        self.state = (**state).clone();
        self.changes.clear();
        let mut jobs = std::mem::take(&mut self.jobs);
        for job in &mut jobs {
            let changes = job.operation.check(&self.state);
            self.add(changes);
        }
        self.jobs = jobs;
    }

    fn add(&mut self, changes: Vec<Change>) {
        for change in &changes {
            self.state.apply(change);
        }
        self.changes.extend(changes);
    }

    /// Answers everybody. One outcome holds for all, also for those who were refused: a refusal
    /// may rest on an operation before it in the batch.
    pub(super) fn answer(self, outcome: Result<Revision, WriteError>) {
        for job in self.jobs {
            job.operation.answer(outcome);
        }
    }
}
