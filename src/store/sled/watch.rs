//! Wakes a flush of sled's that waits for a write which has already failed.
//!
//! sled writes its log on threads of its own, and a flush waits until they tell it how far they
//! are. One that fails notes that, but does not always tell (0.34: where a buffer is written because
//! its last writer leaves it). Who waits then waits for ever. A second flush sees what has been
//! noted, and tells everybody; where nothing has failed it only waits as well.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// After one to two of these a flush is looked after. The disk has then been slow, or has failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Looks after the flushes of one open database. Ends, and lets go of it, when it is dropped.
pub(super) struct Watch {
    state: Arc<State>,
    watcher: Option<JoinHandle<()>>,
}

/// SeqCst throughout: a flush that begins while the watcher goes to sleep must be seen by it, or see
/// that it sleeps.
#[derive(Default)]
struct State {
    begun: AtomicU64,
    ended: AtomicU64,
    sleeps: AtomicBool,
    is_over: AtomicBool,
}

impl Watch {
    pub(super) fn start(db: &sled::Db) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let (seen, db) = (Arc::clone(&state), db.clone());
        let watcher = thread::Builder::new()
            .name("watch sled".to_owned())
            .spawn(move || seen.watch(|| drop(db.flush())))?;
        Ok(Self { state, watcher: Some(watcher) })
    }

    /// Runs a flush, which is looked after meanwhile.
    pub(super) fn over<T>(&self, flush: impl FnOnce() -> T) -> T {
        self.state.begun.fetch_add(1, Ordering::SeqCst);
        if self.state.sleeps.swap(false, Ordering::SeqCst) {
            self.wake();
        }
        let outcome = flush();
        self.state.ended.fetch_add(1, Ordering::SeqCst);
        outcome
    }

    fn wake(&self) {
        if let Some(watcher) = &self.watcher {
            watcher.thread().unpark();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(watcher) = self.watcher.take() {
            // It may have panicked as sled did, which has been reported there.
            let _ = watcher.join();
        }
    }
}

impl State {
    fn watch(&self, look_after: impl Fn()) {
        let mut last = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            let begun = self.begun.load(Ordering::SeqCst);
            if begun != last {
                // While there are flushes it looks now and then, and none has to wake it.
                last = begun;
                thread::park_timeout(PAUSE);
            } else if self.ended.load(Ordering::SeqCst) != begun {
                look_after();
                thread::park_timeout(PAUSE);
            } else {
                self.sleeps.store(true, Ordering::SeqCst);
                if self.begun.load(Ordering::SeqCst) == begun
                    && !self.is_over.load(Ordering::SeqCst)
                {
                    thread::park();
                }
                self.sleeps.store(false, Ordering::SeqCst);
            }
        }
    }
}
