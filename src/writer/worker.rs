//! The thread that owns the store: gather, commit, publish, answer, and recover.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::WriteError;
use super::batch::Batch;
use super::job::Job;
use crate::snapshot::{Snapshot, SnapshotCell};
use crate::store::{Commit, Loaded, Store, StoreError};

/// Most operations in one batch. Large enough to spread a sync over many callers, small enough
/// that the first of them does not wait for long.
const MAX_BATCH: usize = 512;

/// Most times that a batch is checked again because somebody else changed the store.
const MAX_CONFLICTS: u32 = 16;

/// First pause between attempts to reopen a failed store; doubled up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Says that changes are no longer accepted when the thread ends, also by a panic.
struct Ended(Arc<AtomicBool>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A failed store: when to try again, and how long to wait after that.
struct Recovery {
    next: Instant,
    pause: Duration,
}

pub(super) struct Worker {
    store: Box<dyn Store>,
    cell: Arc<SnapshotCell>,
    writable: Arc<AtomicBool>,
    recovery: Option<Recovery>,
}

impl Worker {
    pub(super) fn new(
        store: Box<dyn Store>,
        cell: Arc<SnapshotCell>,
        writable: Arc<AtomicBool>,
    ) -> Self {
        Self { store, cell, writable, recovery: None }
    }

    /// Runs until every handle is gone and the queue is empty, then closes the store.
    pub(super) fn run(mut self, queue: &Receiver<Job>) -> Result<(), StoreError> {
        // However this thread ends, nobody may think that changes are still accepted.
        let _ended = Ended(Arc::clone(&self.writable));
        while let Some(jobs) = self.gather(queue) {
            if jobs.is_empty() {
                self.recover();
            } else {
                self.work(jobs);
            }
        }
        self.store.close()
    }

    /// Waits for operations and takes what has gathered. Nothing means that it is time to try the
    /// store again; `None` that the service ends.
    fn gather(&mut self, queue: &Receiver<Job>) -> Option<Vec<Job>> {
        let first = match &self.recovery {
            None => queue.recv().ok()?,
            Some(recovery) => {
                let wait = recovery.next.saturating_duration_since(Instant::now());
                match queue.recv_timeout(wait) {
                    Ok(job) => job,
                    Err(RecvTimeoutError::Timeout) => return Some(Vec::new()),
                    Err(RecvTimeoutError::Disconnected) => return None,
                }
            }
        };
        let gathered = queue.try_iter().take(MAX_BATCH - 1);
        Some(std::iter::once(first).chain(gathered).collect())
    }

    fn work(&mut self, jobs: Vec<Job>) {
        if self.recovery.as_ref().is_some_and(|recovery| recovery.next <= Instant::now()) {
            self.recover();
        }
        let mut batch = Batch::check(&self.cell.get(), jobs);
        let outcome = match self.recovery {
            // Reads go on; who only learns that there is nothing to do is not told that either,
            // because the state it was checked on may be about to change.
            Some(_) => Err(WriteError::ReadOnly),
            None if batch.changes.is_empty() => Ok(batch.state.revision()),
            None => self.commit(&mut batch),
        };
        batch.answer(outcome);
    }

    /// Commits a batch and publishes its state before anybody is answered.
    fn commit(&mut self, batch: &mut Batch) -> Result<crate::model::Revision, WriteError> {
        for _ in 0..MAX_CONFLICTS {
            match self.store.commit(batch.state.revision(), &batch.changes) {
                Commit::Committed(revision) => {
                    let mut state = std::mem::take(&mut batch.state);
                    state.set_revision(revision);
                    self.cell.publish(Arc::new(state));
                    return Ok(revision);
                }
                Commit::Refused(error) => {
                    self.fail("refused", &error);
                    return Err(WriteError::Refused);
                }
                Commit::Unknown(error) => {
                    self.fail("unknown", &error);
                    return Err(WriteError::Unknown);
                }
                Commit::Conflict => {
                    if let Err(error) = self.load() {
                        self.fail("refused", &error);
                        return Err(WriteError::Refused);
                    }
                    batch.recheck(&self.cell.get());
                    if batch.changes.is_empty() {
                        return Ok(batch.state.revision());
                    }
                }
            }
        }
        tracing::warn!(attempts = MAX_CONFLICTS, "a change lost every race for the store");
        Err(WriteError::Refused)
    }

    /// Reads the state afresh and publishes it.
    fn load(&mut self) -> Result<(), StoreError> {
        let loaded = self.store.load()?;
        report_ignored(&loaded);
        let builtin = Arc::clone(self.cell.read().builtin_groups());
        let snapshot = Snapshot::from_records(loaded.revision, loaded.records, builtin);
        self.cell.publish(Arc::new(snapshot));
        Ok(())
    }

    /// Turns the service read-only.
    fn fail(&mut self, outcome: &'static str, error: &StoreError) {
        tracing::error!(
            store = %self.store.describe(), outcome, %error,
            "a commit failed; the service is read-only until the store has been reopened"
        );
        self.writable.store(false, Ordering::Release);
        self.recovery = Some(Recovery { next: Instant::now(), pause: FIRST_PAUSE });
    }

    /// Tries to reopen the store and to rebuild the state from what it holds.
    fn recover(&mut self) {
        let Some(recovery) = &mut self.recovery else {
            return;
        };
        let pause = recovery.pause;
        match self.store.reopen().and_then(|()| self.load()) {
            Ok(()) => {
                self.recovery = None;
                self.writable.store(true, Ordering::Release);
                tracing::info!(
                    store = %self.store.describe(),
                    revision = %self.cell.read().revision(),
                    "the store has been reopened; changes are accepted again"
                );
            }
            Err(error) => {
                tracing::warn!(
                    store = %self.store.describe(), %error, retry_in = ?pause,
                    "the store cannot be reopened yet"
                );
                let next = Instant::now() + pause;
                self.recovery = Some(Recovery { next, pause: (pause * 2).min(MAX_PAUSE) });
            }
        }
    }
}

/// Names what a store holds and this version does not understand, once.
pub(super) fn report_ignored(loaded: &Loaded) {
    if !loaded.ignored.is_empty() {
        let first: Vec<&String> = loaded.ignored.iter().take(5).collect();
        tracing::warn!(
            count = loaded.ignored.len(),
            ?first,
            "records that this version does not understand are kept and decide nothing"
        );
    }
}
