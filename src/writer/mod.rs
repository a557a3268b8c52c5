//! The one place that commits.
//!
//! A thread of its own owns the store. Operations queue up; each is checked against the state so
//! far, what has gathered is committed as one batch, one new snapshot is published, and only then
//! is anybody answered. So a change is visible to every reader before its caller hears of it, and
//! nothing is acknowledged that is not durable.
//!
//! When a commit ends without a known outcome the callers are told so, and the service is
//! read-only until the store has been reopened and the snapshot rebuilt from what it holds.
//!
//! A store that others share tells of their changes; they are published by the same thread, so
//! that there is one order of states. With each goes the moment from which it is known to be the
//! newest ([`Freshness`]).

mod batch;
mod ignored;
mod job;
mod worker;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::sync::{Semaphore, oneshot};

use crate::clock::Uptime;
use crate::freshness::Freshness;
use crate::model::{BuiltinGroups, Change, Revision};
use crate::snapshot::{Build, Snapshot, SnapshotCell};
use crate::store::{Loading, Scanned, Store, StoreError, Wake};

use ignored::Ignored;
use job::{Check, Job};
use worker::{Ended, Published, Worker};

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

/// What the thread is told.
enum Message {
    /// An operation wants to be done.
    Job(Job),
    /// The store may have news.
    News,
}

struct Shared {
    queue: Mutex<Option<mpsc::Sender<Message>>>,
    slots: Arc<Semaphore>,
    writable: Arc<AtomicBool>,
    freshness: Arc<Freshness>,
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
    /// groups are those of the configuration; no store holds them. How old the state is stands in
    /// `freshness` from now on.
    ///
    /// # Errors
    /// If the store cannot be read, or the system gives no thread.
    pub fn start(
        mut store: Box<dyn Store>,
        builtin: Arc<BuiltinGroups>,
        freshness: Arc<Freshness>,
    ) -> Result<(Self, Arc<SnapshotCell>), StoreError> {
        let read = read_state(&mut *store, builtin)?;
        let mut ignored = Ignored::default();
        ignored.report(read.ignored);
        let cell = Arc::new(SnapshotCell::new(read.state));
        if let Some(as_of) = read.as_of {
            freshness.confirm(as_of);
        }
        let description = store.describe();
        freshness.name_store(&description);
        let (queue, messages) = mpsc::channel();
        let writable = Arc::new(AtomicBool::new(true));
        let shared = Arc::new(Shared {
            queue: Mutex::new(Some(queue)),
            slots: Arc::new(Semaphore::new(MAX_QUEUED)),
            writable: Arc::clone(&writable),
            freshness: Arc::clone(&freshness),
            thread: Mutex::new(None),
            description: description.clone(),
        });
        // Weak, or the store would keep the thread going that ends when the last handle is dropped.
        let handle = Arc::downgrade(&shared);
        let news = move || {
            if let Some(shared) = handle.upgrade() {
                shared.send(Message::News);
            }
        };
        let fresh = Arc::clone(&freshness);
        store.follow(Wake::new(news, move |as_of| fresh.confirm(as_of)));
        let published =
            Published { cell: Arc::clone(&cell), freshness, writable: Arc::clone(&writable) };
        let worker = Worker::new(store, published, ignored);
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || {
                // However this thread ends, nobody may think that changes are still accepted. It
                // is said once nobody can be queued any more.
                let _ended = Ended(writable);
                let messages = messages;
                worker.run(&messages)
            })
            .map_err(|source| StoreError::Io {
                action: "start the thread of",
                path: description.into(),
                source,
            })?;
        *lock(&shared.thread) = Some(thread);
        Ok((Self { shared }, cell))
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
        if !self.shared.send(Message::Job(job)) {
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

    /// How old the state is, and may be.
    #[must_use]
    pub fn freshness(&self) -> &Arc<Freshness> {
        &self.shared.freshness
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
}

impl Shared {
    /// Whether the thread is still there to be told.
    fn send(&self, message: Message) -> bool {
        lock(&self.queue).as_ref().is_some_and(|queue| queue.send(message).is_ok())
    }
}

/// What a store holds, as the state that its records make.
struct Read {
    state: Snapshot,
    ignored: Vec<String>,
    as_of: Option<Uptime>,
}

/// Reads a store. The state grows with the records, so that nothing is held twice.
fn read_state(store: &mut dyn Store, builtin: Arc<BuiltinGroups>) -> Result<Read, StoreError> {
    let begin = move || Build::new(Arc::clone(&builtin));
    let (mut build, mut ignored) = (begin(), Vec::new());
    let Scanned { revision, as_of } = store.load_each(&mut |loading| match loading {
        Loading::Anew => {
            build = begin();
            ignored.clear();
        }
        Loading::Record(record) => build.add(record),
        Loading::NotUnderstood(key) => ignored.push(key),
    })?;
    Ok(Read { state: build.finish(revision), ignored, as_of })
}

/// The lock guards one pointer; a panic cannot leave it half changed.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
