//! The thread that owns the store: gather, commit, publish, answer, hear what others have changed,
//! and recover.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::ignored::Ignored;
use super::job::Job;
use super::{Message, Read, WriteError, read_state};
use crate::freshness::Freshness;
use crate::model::Revision;
use crate::snapshot::{Snapshot, SnapshotCell};
use crate::store::{Commit, News, Store, StoreError};

/// Most operations in one batch. Large enough to spread a sync over many callers, small enough
/// that the first of them does not wait for long.
const MAX_BATCH: usize = 512;

/// Most times that a batch is checked again because somebody else changed the store. A shared
/// store pauses between them, longer each time.
const MAX_CONFLICTS: u32 = 64;

/// First pause between attempts to reopen a failed store; doubled up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// How often a state that is too old is looked at again.
const STALE_PAUSE: Duration = Duration::from_millis(500);

/// Says that changes are no longer accepted when the thread ends, also by a panic.
pub(super) struct Ended(pub(super) Arc<AtomicBool>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A failed store: when to try again, and how long to wait after that.
struct Recovery {
    next: Instant,
    pause: Duration,
    /// Why it last could not be reopened.
    told: Option<String>,
}

/// What the thread shares with those who read.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) cell: Arc<SnapshotCell>,
    pub(super) freshness: Arc<Freshness>,
    pub(super) writable: Arc<AtomicBool>,
}

pub(super) struct Worker {
    store: Box<dyn Store>,
    published: Published,
    waiting: VecDeque<Job>,
    recovery: Option<Recovery>,
    ignored: Ignored,
}

impl Worker {
    pub(super) fn new(store: Box<dyn Store>, published: Published, ignored: Ignored) -> Self {
        let waiting = VecDeque::new();
        Self { store, published, waiting, recovery: None, ignored }
    }

    /// Runs until every handle is gone and the queue is empty, then closes the store.
    pub(super) fn run(mut self, queue: &Receiver<Message>) -> Result<(), StoreError> {
        while self.gather(queue) {
            if self.recovery.as_ref().is_some_and(|recovery| recovery.next <= Instant::now()) {
                self.recover();
            }
            self.hear();
            while !self.waiting.is_empty() {
                self.work();
            }
            // Tells of the age where nobody asks for anything.
            let _ = self.published.freshness.is_stale();
        }
        self.store.close()
    }

    /// Waits until there is something to do and takes what has gathered. False if the service ends.
    fn gather(&mut self, queue: &Receiver<Message>) -> bool {
        let first = match self.time_to_wait() {
            None => queue.recv().map_err(RecvTimeoutError::from),
            Some(time) => queue.recv_timeout(time),
        };
        let first = match first {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        };
        let gathered = std::iter::once(first).chain(queue.try_iter().take(MAX_BATCH - 1));
        self.waiting.extend(gathered.filter_map(|message| match message {
            Message::Job(job) => Some(job),
            Message::News => None,
        }));
        true
    }

    /// How long there is nothing to do unless somebody asks; `None` for as long as nobody does.
    fn time_to_wait(&self) -> Option<Duration> {
        let freshness = &self.published.freshness;
        let until_stale = freshness.time_left().map(|rest| match rest {
            Duration::ZERO => STALE_PAUSE,
            rest => rest,
        });
        let until_recovery = self
            .recovery
            .as_ref()
            .map(|recovery| recovery.next.saturating_duration_since(Instant::now()));
        until_stale.into_iter().chain(until_recovery).min()
    }

    fn work(&mut self) {
        let state = self.published.cell.get();
        let mut batch = Batch::check(&state, &mut self.waiting, self.store.most_writes());
        let outcome = match self.recovery {
            // Reads go on; who only learns that there is nothing to do is not told that either,
            // because the state it was checked on may be about to change.
            Some(_) => Err(WriteError::ReadOnly),
            None => self.commit(&mut batch),
        };
        batch.answer(outcome);
    }

    /// Commits a batch and publishes its state before anybody is answered. Where nothing is to be
    /// changed, the state that says so has to be one that was the newest after the question: that
    /// it still is cannot be waited for where others change it all the time.
    fn commit(&mut self, batch: &mut Batch) -> Result<Revision, WriteError> {
        let mut is_new_enough = false;
        for _ in 0..MAX_CONFLICTS {
            let base = batch.state.revision();
            let changes = &batch.changes;
            let commit = if changes.is_empty() && is_new_enough {
                Commit::Committed(base)
            } else if changes.is_empty() {
                self.store.confirm(base)
            } else {
                self.store.commit(base, changes)
            };
            match commit {
                Commit::Committed(revision) if changes.is_empty() => return Ok(revision),
                Commit::Committed(revision) => {
                    let mut state = std::mem::take(&mut batch.state);
                    state.set_revision(revision);
                    self.publish_with_news(state);
                    return Ok(revision);
                }
                Commit::Refused(error) if error.is_of_the_change() => {
                    tracing::warn!(store = %self.store.describe(), %error, "a change is refused");
                    return Err(WriteError::Refused);
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
                    if let Err(error) = self.catch_up() {
                        self.fail("refused", &error);
                        return Err(WriteError::Refused);
                    }
                    is_new_enough |= changes.is_empty();
                    batch.recheck(&self.published.cell.get());
                }
            }
        }
        tracing::warn!(attempts = MAX_CONFLICTS, "a change lost every race for the store");
        Err(WriteError::Refused)
    }

    /// Publishes the state after a commit, together with what others have changed before it.
    fn publish_with_news(&mut self, mut state: Snapshot) {
        match self.store.news() {
            Ok(None) => self.published.cell.publish(Arc::new(state)),
            Ok(Some(news)) => self.publish_news(&mut state, news),
            Err(error) => {
                // What was committed holds, so it is published whatever else there may be.
                self.published.cell.publish(Arc::new(state));
                self.reload(&error);
            }
        }
    }

    /// Publishes a state with the news in it.
    fn publish_news(&mut self, state: &mut Snapshot, news: News) {
        let News { revision, changes, ignored, as_of } = news;
        for change in &changes {
            state.apply(change);
        }
        let moved = revision > state.revision();
        state.set_revision(revision.max(state.revision()));
        if moved || !changes.is_empty() || state.revision() > self.published.cell.revision() {
            self.published.cell.publish(Arc::new(std::mem::take(state)));
        }
        if let Some(as_of) = as_of {
            self.published.freshness.confirm(as_of);
        }
        self.ignored.report(ignored);
    }

    /// Publishes what others have changed.
    fn hear(&mut self) {
        // A store of our own has none, and may not be asked while it is not open.
        if self.recovery.is_some() && !self.store.is_shared() {
            return;
        }
        match self.store.news() {
            Ok(None) => {}
            Ok(Some(news)) => {
                let mut state = (*self.published.cell.get()).clone();
                self.publish_news(&mut state, news);
            }
            // The recovery reads everything afresh.
            Err(_) if self.recovery.is_some() => {}
            Err(error) => self.reload(&error),
        }
    }

    /// Takes the news, or reads everything afresh where a store has none.
    fn catch_up(&mut self) -> Result<(), StoreError> {
        match self.store.news() {
            Ok(Some(news)) => {
                let mut state = (*self.published.cell.get()).clone();
                self.publish_news(&mut state, news);
                Ok(())
            }
            // What it was has yet to be heard.
            Ok(None) if self.store.is_shared() => Ok(()),
            Ok(None) | Err(_) => self.load(),
        }
    }

    /// Reads everything afresh because the news have been missed.
    fn reload(&mut self, error: &StoreError) {
        tracing::warn!(store = %self.store.describe(), %error, "the whole state is read again");
        if let Err(error) = self.load() {
            self.fail("not read", &error);
        }
    }

    /// Reads the state afresh and publishes it.
    fn load(&mut self) -> Result<(), StoreError> {
        let before = self.published.cell.get();
        let builtin = Arc::clone(before.builtin_groups());
        let Read { mut state, ignored, as_of } = read_state(&mut *self.store, builtin)?;
        state.keep_logins(&before);
        self.published.cell.publish(Arc::new(state));
        if let Some(as_of) = as_of {
            self.published.freshness.confirm(as_of);
        }
        self.ignored.report(ignored);
        Ok(())
    }

    /// Turns the service read-only.
    fn fail(&mut self, outcome: &'static str, error: &StoreError) {
        tracing::error!(
            store = %self.store.describe(), outcome, %error,
            "the store failed; the service is read-only until it has been reopened"
        );
        self.published.writable.store(false, Ordering::Release);
        self.recovery = Some(Recovery { next: Instant::now(), pause: FIRST_PAUSE, told: None });
    }

    /// Tries to reopen the store and to rebuild the state from what it holds.
    fn recover(&mut self) {
        let Some(recovery) = &mut self.recovery else {
            return;
        };
        let (pause, recovery_told) = (recovery.pause, recovery.told.take());
        match self.store.reopen().and_then(|()| self.reread()) {
            Ok(()) => {
                self.recovery = None;
                self.published.writable.store(true, Ordering::Release);
                tracing::info!(
                    store = %self.store.describe(),
                    revision = %self.published.cell.read().revision(),
                    "the store has been reopened; changes are accepted again"
                );
            }
            Err(error) => {
                let text = error.to_string();
                // Told again only when it is something else.
                if recovery_told.as_deref() != Some(&*text) {
                    tracing::warn!(
                        store = %self.store.describe(), %error, "the store cannot be reopened yet"
                    );
                }
                let next = Instant::now() + pause;
                let pause = (pause * 2).min(MAX_PAUSE);
                self.recovery = Some(Recovery { next, pause, told: Some(text) });
            }
        }
    }

    /// Brings the state up to a store that has been reopened.
    fn reread(&mut self) -> Result<(), StoreError> {
        if self.store.is_shared() { self.catch_up() } else { self.load() }
    }
}
