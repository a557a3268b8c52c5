//! The reference store: the written pairs in a map, gone with the process.
//!
//! It goes through the same codec as the others, so whatever cannot be stored durably cannot be
//! stored here either. It never fails.

use std::collections::BTreeMap;

use super::{Commit, Scanned, Store, StoreError, Writes};
use crate::model::Revision;

/// A store in memory.
#[derive(Default)]
pub struct MemoryStore {
    revision: Revision,
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl std::fmt::Debug for MemoryStore {
    // Values hold password hashes, so they are not printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore")
            .field("revision", &self.revision)
            .field("pairs", &self.pairs.len())
            .finish()
    }
}

impl MemoryStore {
    /// An empty store, at revision 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A store at revision 0 that holds these keys, without Milvus's root path, and values, as a
    /// Milvus would have written them. What is not understood is kept and reported by `load`.
    #[must_use]
    pub fn from_pairs(pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        Self { revision: Revision(0), pairs: pairs.into_iter().collect() }
    }

    /// The keys and values as they are stored, ascending by key.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }
}

impl Store for MemoryStore {
    fn describe(&self) -> String {
        "memory:".to_owned()
    }

    fn scan(&mut self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<Scanned, StoreError> {
        self.pairs().for_each(|(key, value)| visit(key, value));
        Ok(Scanned { revision: self.revision, as_of: None })
    }

    fn write(&mut self, base: Revision, writes: Writes) -> Commit {
        if base != self.revision {
            return Commit::Conflict;
        }
        let Some(revision) = base.next() else {
            return Commit::Refused(StoreError::RevisionsExhausted);
        };
        for (key, value) in writes.0 {
            match value {
                Some(value) => self.pairs.insert(key, value),
                None => self.pairs.remove(&key),
            };
        }
        self.revision = revision;
        Commit::Committed(revision)
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
