//! The revision of each key at its last change, for the comparisons of a transaction.
//!
//! A fleet's worth of keys need not be kept in full: a key is known by 128 bits of keyed hash. If
//! two keys ever shared them, a transaction would be refused that might have been made, and never
//! the other way round.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashMap;

/// For each key that is there, the revision of its last change.
#[derive(Debug, Clone, Default)]
pub(super) struct Guards {
    one: RandomState,
    other: RandomState,
    revisions: HashMap<[u64; 2], i64>,
}

impl Guards {
    /// Notes a change at a revision.
    pub(super) fn put(&mut self, key: &[u8], revision: i64) {
        let id = self.id(key);
        self.revisions.insert(id, revision);
    }

    /// Notes that the key is gone.
    pub(super) fn delete(&mut self, key: &[u8]) {
        let id = self.id(key);
        self.revisions.remove(&id);
    }

    /// The revision of the last change; 0 if the key is not there, as etcd says it.
    pub(super) fn get(&self, key: &[u8]) -> i64 {
        self.revisions.get(&self.id(key)).copied().unwrap_or(0)
    }

    fn id(&self, key: &[u8]) -> [u64; 2] {
        [self.one.hash_one(key), self.other.hash_one(key)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_revision_of_its_last_change_until_it_is_gone() {
        let mut guards = Guards::default();
        assert_eq!(guards.get(b"a"), 0);
        guards.put(b"a", 5);
        guards.put(b"b", 6);
        guards.put(b"a", 7);
        assert_eq!((guards.get(b"a"), guards.get(b"b")), (7, 6));
        guards.delete(b"a");
        assert_eq!((guards.get(b"a"), guards.get(b"b")), (0, 6));
    }
}
