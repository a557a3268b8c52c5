//! The one place that commits.
//!
//! A thread of its own owns the store. Operations queue up; each is checked against the state so
//! far, what has gathered is committed as one batch, one new snapshot is published, and only then
//! is anybody answered. So a change is visible to every reader before its caller hears of it, and
//! nothing is acknowledged that is not durable.
//!
//! When a commit ends without a known outcome the callers are told so, and the service is
//! read-only until the store has been reopened and the snapshot rebuilt from what it holds.

mod batch;
mod job;
mod worker;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::sync::{Semaphore, oneshot};

use crate::model::{BuiltinGroups, Change, Revision};
use crate::snapshot::{Snapshot, SnapshotCell};
use crate::store::{Store, StoreError};

use job::{Check, Job};
use worker::Worker;

/// Most operations that wait at once; more wait before they queue, so memory stays bounded.
const MAX_QUEUED: usize = 4096;

/// Why an operation that passed its checks was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The store has failed and is being reopened. Nothing was written.
    #[error(
        "the store has failed and the service is read-only until it has recovered; nothing was \
         written, try again later"
    )]
    ReadOnly,
    /// The store refused the batch. Nothing was written.
    #[error("the store refused the change; nothing was written, try again later")]
    Refused,
    /// The batch may or may not have been written.
    #[error(
        "the outcome of the change is unknown: the store failed while it was written; look before \
         you try again"
    )]
    Unknown,
    /// The check of the operation panicked. Nothing was written.
    #[error("the operation failed inside the server; nothing was written")]
    Panicked,
    /// The service is shutting down. Nothing was written.
    #[error("the server is shutting down; nothing was written")]
    Closed,
}

/// Why an operation did not happen.
#[derive(Debug)]
pub enum SubmitError<E> {
    /// Its own check refused it.
    Refused(E),
    /// It could not be written.
    Write(WriteError),
}

/// An operation that happened.
#[derive(Debug)]
pub struct Done<T> {
    /// What its check returned.
    pub value: T,
    /// The revision at which it holds.
    pub revision: Revision,
    /// Whether anything had to be changed.
    pub changed: bool,
}

/// The changes of an operation and what its caller gets when they are durable.
pub type Plan<T> = (T, Vec<Change>);

/// Handle on the writer. The thread ends when [`Writer::close`] is called or the last handle is
/// dropped.
#[derive(Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    slots: Arc<Semaphore>,
    writable: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
    description: String,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("store", &self.shared.description).finish_non_exhaustive()
    }
}

impl Writer {
    /// Loads the state of a store and starts the thread that owns it from now on. The built-in
    /// groups are those of the configuration; no store holds them.
    ///
    /// # Errors
    /// If the store cannot be read, or the system gives no thread.
    pub fn start(
        mut store: Box<dyn Store>,
        builtin: Arc<BuiltinGroups>,
    ) -> Result<(Self, Arc<SnapshotCell>), StoreError> {
        let loaded = store.load()?;
        worker::report_ignored(&loaded);
        let snapshot = Snapshot::from_records(loaded.revision, loaded.records, builtin);
        let cell = Arc::new(SnapshotCell::new(snapshot));
        let description = store.describe();
        let (queue, messages) = mpsc::channel();
        let writable = Arc::new(AtomicBool::new(true));
        let worker = Worker::new(store, Arc::clone(&cell), Arc::clone(&writable));
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || worker.run(&messages))
            .map_err(|source| StoreError::Io {
                action: "start the thread of",
                path: description.clone().into(),
                source,
            })?;
        let shared = Shared {
            queue: Mutex::new(Some(queue)),
            slots: Arc::new(Semaphore::new(MAX_QUEUED)),
            writable,
            thread: Mutex::new(Some(thread)),
            description,
        };
        Ok((Self { shared: Arc::new(shared) }, cell))
    }

    /// Runs an operation: `check` looks at the newest state and returns the changes it wants, or
    /// its own refusal. It may be called again if the state has moved before the commit.
    ///
    /// # Errors
    /// The refusal of the check, or why the change was not acknowledged.
    pub async fn submit<T, E, F>(&self, check: F) -> Result<Done<T>, SubmitError<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnMut(&Snapshot) -> Result<Plan<T>, E> + Send + 'static,
    {
        self.submit_observed(check, |_| ()).await
    }

    /// Like [`Writer::submit`]; `observe` is told the outcome on the writer's thread before the
    /// caller is, and also when no caller waits any more. It must not block.
    ///
    /// # Errors
    /// As for [`Writer::submit`].
    pub async fn submit_observed<T, E, F, O>(
        &self,
        check: F,
        observe: O,
    ) -> Result<Done<T>, SubmitError<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnMut(&Snapshot) -> Result<Plan<T>, E> + Send + 'static,
        O: FnOnce(&Result<Done<T>, SubmitError<E>>) + Send + 'static,
    {
        let Ok(slot) = Arc::clone(&self.shared.slots).acquire_owned().await else {
            return Err(SubmitError::Write(WriteError::Closed));
        };
        let (answer, outcome) = oneshot::channel();
        let job = Job::new(Box::new(Check::new(check, observe, answer)), slot);
        if !self.send(job) {
            return Err(SubmitError::Write(WriteError::Closed));
        }
        // Once it is in the queue, an answer that never comes says nothing about the change.
        outcome.await.unwrap_or(Err(SubmitError::Write(WriteError::Unknown)))
    }

    /// Whether changes are accepted at the moment. False after a failure of the store, until it
    /// has been reopened.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.shared.writable.load(Ordering::Acquire)
    }

    /// What the store is and where.
    #[must_use]
    pub fn store(&self) -> &str {
        &self.shared.description
    }

    /// Answers what has queued up, closes the store and ends the thread. Blocks until then.
    ///
    /// # Errors
    /// If the store could not be closed; nothing acknowledged depends on that.
    pub fn close(&self) -> Result<(), StoreError> {
        // Dropping the sender is what tells the thread to end.
        drop(lock(&self.shared.queue).take());
        self.shared.slots.close();
        match lock(&self.shared.thread).take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) | None => Ok(()),
        }
    }

    fn send(&self, job: Job) -> bool {
        lock(&self.shared.queue).as_ref().is_some_and(|queue| queue.send(job).is_ok())
    }
}

/// The lock guards one pointer; a panic cannot leave it half changed.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
