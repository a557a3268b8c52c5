//! The reference store: the written pairs in a map, gone with the process.
//!
//! It goes through the same codec as the others, so whatever cannot be stored durably cannot be
//! stored here either. It never fails.

use std::collections::BTreeMap;

use super::batch::{Batch, decode_all};
use super::{Commit, Loaded, Store, StoreError};
use crate::model::{Change, Revision};

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

    fn load(&mut self) -> Result<Loaded, StoreError> {
        Ok(decode_all(self.revision, self.pairs()))
    }

    fn commit(&mut self, base: Revision, changes: &[Change]) -> Commit {
        if base != self.revision {
            return Commit::Conflict;
        }
        let batch = match Batch::new(self.revision, changes) {
            Ok(batch) => batch,
            Err(error) => return Commit::Refused(error),
        };
        for (key, value) in batch.writes {
            match value {
                Some(value) => self.pairs.insert(key, value),
                None => self.pairs.remove(&key),
            };
        }
        self.revision = batch.revision;
        Commit::Committed(self.revision)
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
