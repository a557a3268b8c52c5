//! Our own keys in the tree: format, revision, creation, and a digest of everything else.
//!
//! They stand outside Milvus's prefixes and are written in the same batch as the records, so they
//! are always of the same state.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{StoreError, attempt};
use crate::model::Revision;

/// All keys of ours begin so; none of Milvus's does.
pub(super) const PREFIX: &[u8] = b"\0milvus-rbac/";

const FORMAT: &[u8] = b"\0milvus-rbac/format";
const REVISION: &[u8] = b"\0milvus-rbac/revision";
const DIGEST: &[u8] = b"\0milvus-rbac/digest";
const CREATED: &[u8] = b"\0milvus-rbac/created";

/// The newest format that this version reads, and the one that it writes.
const NEWEST_FORMAT: u64 = 1;

/// Digest of a set of pairs: the hashes of all of them, added without carry. A change costs what
/// it touches, whatever the size of the set. It finds damage; it proves nothing about intent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Digest(pub(super) [u8; 32]);

impl Digest {
    /// Puts a pair into the set, or takes it out.
    pub(super) fn toggle(&mut self, key: &[u8], value: &[u8]) {
        let mut hash = Sha256::new();
        // Without the length, a byte could wander from the key to the value.
        hash.update((key.len() as u64).to_be_bytes());
        hash.update(key);
        hash.update(value);
        for (sum, byte) in self.0.iter_mut().zip(hash.finalize()) {
            *sum ^= byte;
        }
    }
}

/// What our keys say of the state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) revision: Revision,
    pub(super) digest: Digest,
}

impl Meta {
    /// What stands in the tree, or `None` if nothing at all does.
    pub(super) fn read(db: &sled::Db, path: &Path) -> Result<Option<Self>, StoreError> {
        let get = |key: &[u8]| attempt("read", path, || db.get(key));
        let Some(format) = get(FORMAT)? else {
            if attempt("read", path, || db.iter().next().transpose())?.is_none() {
                return Ok(None);
            }
            return Err(damaged(path, "it has records, but no format version"));
        };
        let format = number(&format).ok_or_else(|| damaged(path, "its format is no number"))?;
        if format > NEWEST_FORMAT {
            return Err(StoreError::Format {
                path: path.to_owned(),
                found: format,
                supported: NEWEST_FORMAT,
            });
        }
        let revision = get(REVISION)?.as_deref().and_then(number);
        let digest = get(DIGEST)?.as_deref().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        match (revision, digest) {
            (Some(revision), Some(digest)) => {
                Ok(Some(Self { revision: Revision(revision), digest: Digest(digest) }))
            }
            _ => Err(damaged(path, "its revision or its digest is missing or unreadable")),
        }
    }

    /// Adds what every commit changes.
    pub(super) fn write(&self, batch: &mut sled::Batch) {
        batch.insert(REVISION, &self.revision.0.to_be_bytes());
        batch.insert(DIGEST, &self.digest.0);
    }

    /// The batch that makes an empty tree a store.
    pub(super) fn first_batch(created_unix_ms: u64) -> sled::Batch {
        let mut batch = sled::Batch::default();
        batch.insert(FORMAT, &NEWEST_FORMAT.to_be_bytes());
        batch.insert(CREATED, &created_unix_ms.to_be_bytes());
        Self::default().write(&mut batch);
        batch
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

fn damaged(path: &Path, detail: &str) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_does_not_depend_on_the_way() {
        let mut one = Digest::default();
        one.toggle(b"a", b"1");
        one.toggle(b"b", b"2");
        let mut other = Digest::default();
        other.toggle(b"b", b"2");
        other.toggle(b"c", b"3");
        other.toggle(b"a", b"1");
        assert_ne!(one, other);
        other.toggle(b"c", b"3");
        assert_eq!(one, other);
    }

    #[test]
    fn a_byte_does_not_wander_from_key_to_value() {
        let mut one = Digest::default();
        one.toggle(b"ab", b"c");
        let mut other = Digest::default();
        other.toggle(b"a", b"bc");
        assert_ne!(one, other);
    }
}
