//! Wakes a flush of sled's that waits for a write which has already failed.
//!
//! sled writes its log on threads of its own, and a flush waits until they tell it how far they
//! are. One that fails notes that, but does not always tell (0.34: where a buffer is written because
//! its last writer leaves it). Who waits then waits for ever. A second flush sees what has been
//! noted, and tells everybody; where nothing has failed it only waits as well.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::thread;
use std::time::Duration;

/// After one to two of these a flush is looked after. The disk has then been slow, or has failed.
const PAUSE: Duration = Duration::from_millis(500);

/// The one watcher of the process, and how it hears of another database. It never ends: it costs
/// nothing while there is none.
static WATCHER: OnceLock<mpsc::Sender<Weak<Flushes>>> = OnceLock::new();

/// Has the flushes of one open database looked after, until it is dropped.
pub(super) struct Watch(Arc<Flushes>);

struct Flushes {
    db: sled::Db,
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Watch {
    pub(super) fn start(db: &sled::Db) -> io::Result<Self> {
        let zero = || AtomicU64::new(0);
        let flushes = Arc::new(Flushes { db: db.clone(), begun: zero(), ended: zero() });
        if WATCHER.get().is_none() {
            let (sender, news) = mpsc::channel();
            if WATCHER.set(sender).is_ok() {
                thread::Builder::new().name("watch sled".to_owned()).spawn(move || watch(&news))?;
            }
        }
        if let Some(watcher) = WATCHER.get() {
            // It never ends.
            let _ = watcher.send(Arc::downgrade(&flushes));
        }
        Ok(Self(flushes))
    }

    /// Runs a flush, which is looked after meanwhile.
    pub(super) fn over<T>(&self, flush: impl FnOnce() -> T) -> T {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        let outcome = flush();
        self.0.ended.fetch_add(1, Ordering::SeqCst);
        outcome
    }
}

fn watch(news: &mpsc::Receiver<Weak<Flushes>>) {
    let mut watched: Vec<(Weak<Flushes>, u64)> = Vec::new();
    loop {
        let new = if watched.is_empty() {
            let Ok(new) = news.recv() else { return };
            Some(new)
        } else {
            news.recv_timeout(PAUSE).ok()
        };
        let is_time = new.is_none();
        watched.extend(new.map(|new| (new, 0)));
        watched.retain(|(flushes, _)| flushes.strong_count() > 0);
        for (flushes, last) in watched.iter_mut().filter(|_| is_time) {
            let Some(flushes) = flushes.upgrade() else { continue };
            let begun = flushes.begun.load(Ordering::SeqCst);
            if begun == *last && flushes.ended.load(Ordering::SeqCst) != begun {
                // Whoever waits is told what this one finds.
                drop(flushes.db.flush());
            }
            *last = begun;
        }
    }
}
