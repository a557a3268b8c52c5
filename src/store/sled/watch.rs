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
    db: sled::Db,
    /// Beginnings and ends: odd while a flush is running.
    turns: AtomicU64,
}

impl Watch {
    pub(super) fn start(db: &sled::Db) -> io::Result<Self> {
        let flushes = Arc::new(Flushes { db: db.clone(), turns: AtomicU64::new(0) });
        if WATCHER.get().is_none() {
            let (sender, news) = mpsc::channel();
            thread::Builder::new().name("watch sled".to_owned()).spawn(move || watch(&news))?;
            // Of two at once one is told that it came too late, and its thread ends.
            let _ = WATCHER.set(sender);
        }
        if let Some(watcher) = WATCHER.get() {
            // It never ends.
            let _ = watcher.send(Arc::downgrade(&flushes));
        }
        Ok(Self(flushes))
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
            let flush = move || drop(flushes.db.flush());
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
            Ok(flushes) => watched.push(Watched { flushes, turns: 0, pauses: 0 }),
            Err(RecvTimeoutError::Timeout) => watched.iter_mut().for_each(Watched::look),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        watched.retain(|one| one.flushes.strong_count() > 0);
    }
}
