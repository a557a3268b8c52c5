//! Wakes a flush of sled's that waits for a write which has already failed.
//!
//! sled writes its log on threads of its own, and a flush waits until they tell it how far they
//! are. One that fails notes that, but does not always tell (0.34: where a buffer is written because
//! its last writer leaves it). Who waits then waits for ever. A second flush sees what has been
//! noted, and tells everybody; where nothing has failed it only waits as well.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::Duration;

/// How often it is looked whether a flush is still the one of the last time.
const PAUSE: Duration = Duration::from_millis(500);

/// The one watcher of the process, and how it hears of another database. It never ends: it costs
/// nothing while there is none.
static WATCHER: OnceLock<mpsc::Sender<Weak<Flushes>>> = OnceLock::new();

/// Has the flushes of one open database looked after, until it is dropped.
pub(super) struct Watch(Arc<Flushes>);

struct Flushes {
    /// One more of them.
    flush: Box<dyn Fn() + Send + Sync>,
    /// Beginnings and ends: odd while a flush is running.
    turns: AtomicU64,
}

impl Watch {
    pub(super) fn start(db: &sled::Db) -> io::Result<Self> {
        let db = db.clone();
        let new = Self::of(move || drop(db.flush()));
        if WATCHER.get().is_none() {
            let (sender, news) = mpsc::channel();
            thread::Builder::new().name("watch sled".to_owned()).spawn(move || watch(&news))?;
            // Of two at once one is told that it came too late, and its thread ends.
            let _ = WATCHER.set(sender);
        }
        if let Some(watcher) = WATCHER.get() {
            // It never ends.
            let _ = watcher.send(Arc::downgrade(&new.0));
        }
        Ok(new)
    }

    fn of(flush: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(Flushes { flush: Box::new(flush), turns: AtomicU64::new(0) }))
    }

    /// Runs a flush, which is looked after meanwhile. One at a time.
    pub(super) fn over<T>(&mut self, flush: impl FnOnce() -> T) -> T {
        self.0.turns.fetch_add(1, Ordering::SeqCst);
        let outcome = flush();
        self.0.turns.fetch_add(1, Ordering::SeqCst);
        outcome
    }
}

/// What the watcher knows of one database.
struct Watched {
    flushes: Weak<Flushes>,
    turns: u64,
    /// For how many pauses one flush has been running.
    pauses: u32,
}

impl Watched {
    fn new(flushes: Weak<Flushes>) -> Self {
        Self { flushes, turns: 0, pauses: 0 }
    }

    fn look(&mut self) {
        let Some(flushes) = self.flushes.upgrade() else { return };
        let turns = flushes.turns.load(Ordering::SeqCst);
        if turns.is_multiple_of(2) || turns != self.turns {
            (self.turns, self.pauses) = (turns, 0);
            return;
        }
        self.pauses = self.pauses.saturating_add(1);
        // Another flush that finds no failure waits itself, and does not see a later one. So there
        // is one more whenever it has taken twice as long, each on a thread of its own.
        if self.pauses.is_power_of_two() {
            let flush = move || (flushes.flush)();
            // Where no thread can be had there may be one the next time.
            let _ = thread::Builder::new().name("wake sled".to_owned()).spawn(flush);
        }
    }
}

fn watch(news: &mpsc::Receiver<Weak<Flushes>>) {
    let mut watched = Vec::new();
    loop {
        let new = if watched.is_empty() {
            news.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            news.recv_timeout(PAUSE)
        };
        match new {
            Ok(flushes) => watched.push(Watched::new(flushes)),
            Err(RecvTimeoutError::Timeout) => watched.iter_mut().for_each(Watched::look),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        watched.retain(|one| one.flushes.strong_count() > 0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// What sled knows of its log, and whom it has told.
    #[derive(Default)]
    struct Log {
        state: Mutex<State>,
        told: Condvar,
    }

    #[derive(Default)]
    struct State {
        has_failed: bool,
        is_told: bool,
        flushes: u32,
    }

    impl Log {
        /// Tells of a failure that has been noted; waits to be told of a later one.
        fn flush(&self) {
            let mut state = self.state.lock().unwrap();
            state.flushes += 1;
            state.is_told |= state.has_failed;
            self.told.notify_all();
            drop(self.told.wait_while(state, |state| !state.is_told).unwrap());
        }

        fn wait_for_flushes(&self, number: u32) {
            let state = self.state.lock().unwrap();
            let too_few = |state: &mut State| state.flushes < number;
            let (_state, waited) = self.told.wait_timeout_while(state, PATIENCE, too_few).unwrap();
            assert!(!waited.timed_out(), "never {number} flushes");
        }
    }

    fn watched() -> (Arc<Log>, Watch, Watched) {
        let log = Arc::new(Log::default());
        let flushed = Arc::clone(&log);
        let watch = Watch::of(move || flushed.flush());
        let watched = Watched::new(Arc::downgrade(&watch.0));
        (log, watch, watched)
    }

    #[test]
    fn a_failure_that_is_noted_while_other_flushes_wait_as_well_wakes_all_of_them() {
        let (log, mut watch, mut watched) = watched();
        let flushed = Arc::clone(&log);
        let flush = thread::spawn(move || watch.over(|| flushed.flush()));
        log.wait_for_flushes(1);
        // Seen for the first time, and then for pauses 1 to 4.
        (0..5).for_each(|_| watched.look());
        log.wait_for_flushes(4);
        log.state.lock().unwrap().has_failed = true;
        (5..8).for_each(|_| watched.look());
        assert!(!log.state.lock().unwrap().is_told, "not before it has taken twice as long");
        watched.look();
        flush.join().unwrap();
        assert_eq!(log.state.lock().unwrap().flushes, 5);
    }

    #[test]
    fn flushes_that_follow_one_another_are_not_taken_for_one_that_waits() {
        let (_log, mut watch, mut watched) = watched();
        for _ in 0..4 {
            watch.over(|| watched.look());
            assert_eq!(watched.pauses, 0);
        }
    }
}
