//! A store that others could write, and whose contact with it a test holds in hand.

use std::sync::{Arc, Mutex, PoisonError};

use milvus_rbac::clock::{Clock as _, ManualClock, Uptime};
use milvus_rbac::model::Revision;
use milvus_rbac::store::{Commit, MemoryStore, News, Scanned, Store, StoreError, Wake, Writes};

/// The contact with a shared store, and the clock that says how long ago it was.
#[derive(Debug)]
pub(crate) struct Contact {
    pub(crate) clock: Arc<ManualClock>,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    /// What the store has to tell and has not told yet.
    as_of: Option<Uptime>,
    wake: Option<Wake>,
}

impl Contact {
    pub(crate) fn new() -> Arc<Self> {
        let clock = Arc::new(ManualClock::at(1_000_000));
        Arc::new(Self { clock, said: Mutex::default() })
    }

    /// Lets time pass in which nothing is heard.
    pub(crate) fn lose(&self, millis: i64) {
        self.clock.advance(millis);
    }

    /// Says that the state is the newest one.
    pub(crate) fn confirm(&self) {
        let wake = {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            said.as_of = Some(self.clock.uptime());
            said.wake.clone()
        };
        wake.unwrap().wake();
    }
}

/// The store: one in memory, whose state ages unless it is confirmed.
#[derive(Debug)]
pub(crate) struct Shared {
    store: MemoryStore,
    revision: Revision,
    name: String,
    contact: Arc<Contact>,
}

impl Shared {
    /// An empty one, under a name of its own in the log.
    pub(crate) fn new(name: &str, contact: &Arc<Contact>) -> Self {
        Self {
            store: MemoryStore::new(),
            revision: Revision(0),
            name: format!("shared:{name}"),
            contact: Arc::clone(contact),
        }
    }
}

impl Store for Shared {
    fn describe(&self) -> String {
        self.name.clone()
    }

    fn scan(&mut self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<Scanned, StoreError> {
        let as_of = Some(self.contact.clock.uptime());
        Ok(Scanned { as_of, ..self.store.scan(visit)? })
    }

    fn write(&mut self, base: Revision, writes: Writes) -> Commit {
        let commit = self.store.write(base, writes);
        if let Commit::Committed(revision) = commit {
            self.revision = revision;
        }
        commit
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn follow(&mut self, wake: Wake) {
        self.contact.said.lock().unwrap_or_else(PoisonError::into_inner).wake = Some(wake);
    }

    fn news(&mut self) -> Result<Option<News>, StoreError> {
        let as_of = self.contact.said.lock().unwrap_or_else(PoisonError::into_inner).as_of.take();
        let (changes, ignored) = (Vec::new(), Vec::new());
        Ok(Some(News { revision: self.revision, changes, ignored, as_of }))
    }
}
