//! Writes that are too many for one batch of sled, made all or none nevertheless.
//!
//! Until a batch is done, sled keeps every version of every page that it has touched: four million
//! writes took more than 24 GiB. A write of many keys therefore goes first, in pieces, under keys of
//! ours (the journal); then one batch says that it is complete, and with which revision and digest.
//! That is the moment at which it is made. What stands in the journal is moved to where it belongs
//! in pieces again, and an opening finishes that, or removes a journal that was never complete.

use std::path::Path;

use super::durable::SyncFile;
use super::meta::{Meta, PREFIX};
use super::opened::{Failure, Opened};
use super::{StoreError, attempt};
use crate::model::Revision;
use crate::store::Writes;

/// Most keys that one batch of sled may touch. It then takes some tens of megabytes.
pub(super) const MOST_AT_ONCE: usize = 10_000;

/// Each write stands under this and its own key.
const JOURNAL: &[u8] = b"\0milvus-rbac/journal/";
/// Stands in the tree while the journal is complete and not all of it is in its place.
const COMPLETE: &[u8] = b"\0milvus-rbac/journal-complete";

/// The first byte of a journal's value: what follows is the value, or the key is removed.
const PUT: u8 = 1;
const REMOVE: u8 = 0;

impl Opened {
    /// Makes many writes durable, which lead to a revision.
    pub(super) fn write_many(
        &mut self,
        revision: Revision,
        writes: Writes,
        path: &Path,
        sync: &dyn SyncFile,
    ) -> Result<(), Failure> {
        let meta = self.keep(revision, writes, path).map_err(Failure::NothingWritten)?;
        // INVARIANT: nothing says that the journal is complete before all of it is on the disk.
        self.make_durable(path, sync).map_err(Failure::NothingWritten)?;
        let mut complete = sled::Batch::default();
        complete.insert(COMPLETE, &[]);
        meta.write(&mut complete);
        self.apply(complete, path).map_err(Failure::Unknown)?;
        self.make_durable(path, sync).map_err(Failure::Unknown)?;
        self.meta = meta;
        self.finish_journal(path, sync).map_err(Failure::Unknown)?;
        self.mark.write(&self.meta);
        Ok(())
    }

    /// Writes the journal, and returns what is to be said of the state that it leads to.
    fn keep(&self, revision: Revision, writes: Writes, path: &Path) -> Result<Meta, StoreError> {
        let mut meta = Meta { revision, digest: self.meta.digest };
        let mut piece = Piece::default();
        let mut progress = Progress::new("into the journal");
        for (key, value) in writes.0 {
            let old = attempt("read", path, || self.db.get(&key))?;
            if let Some(old) = &old {
                meta.digest.toggle(&key, old);
            }
            let kept = match &value {
                Some(value) => {
                    meta.digest.toggle(&key, value);
                    [&[PUT], value.as_slice()].concat()
                }
                None => vec![REMOVE],
            };
            piece.batch.insert([JOURNAL, &key].concat(), kept);
            piece.keys += 1;
            if piece.keys == MOST_AT_ONCE {
                self.apply(std::mem::take(&mut piece).batch, path)?;
                progress.add(MOST_AT_ONCE);
            }
        }
        self.apply(piece.batch, path)?;
        Ok(meta)
    }

    /// Brings a journal to its end that an earlier write has left: a complete one into its place,
    /// another one away. Costs one look where there is none.
    pub(super) fn finish_journal(
        &mut self,
        path: &Path,
        sync: &dyn SyncFile,
    ) -> Result<(), StoreError> {
        let complete = attempt("read", path, || self.db.contains_key(COMPLETE))?;
        let mut progress =
            Progress::new(if complete { "into their place" } else { "out of the journal" });
        loop {
            let Piece { batch, keys } = self.next_piece(complete, path)?;
            if keys == 0 {
                break;
            }
            self.apply(batch, path)?;
            progress.add(keys);
        }
        if complete {
            // INVARIANT: the journal counts until all of it is on the disk in its place.
            self.make_durable(path, sync)?;
            let mut done = sled::Batch::default();
            done.remove(COMPLETE);
            self.apply(done, path)?;
        } else if progress.keys > 0 {
            tracing::warn!(
                path = %path.display(), keys = progress.keys,
                "removed what an interrupted write had left; it was never acknowledged"
            );
        }
        Ok(())
    }

    /// The batch that takes the first keys out of the journal, into their place if it is complete.
    fn next_piece(&self, complete: bool, path: &Path) -> Result<Piece, StoreError> {
        let mut piece = Piece::default();
        for kept in self.db.scan_prefix(JOURNAL).take(MOST_AT_ONCE) {
            let (kept, value) = attempt("read", path, || kept)?;
            let key = kept.strip_prefix(JOURNAL).unwrap_or_default();
            match value.split_first() {
                _ if !complete => {}
                Some((&PUT, value)) if !key.starts_with(PREFIX) => piece.batch.insert(key, value),
                Some((&REMOVE, [])) if !key.starts_with(PREFIX) => piece.batch.remove(key),
                _ => {
                    return Err(StoreError::Damaged {
                        path: path.to_owned(),
                        detail: "the journal of a large write cannot be read".to_owned(),
                    });
                }
            }
            piece.batch.remove(kept);
            piece.keys += 1;
        }
        Ok(piece)
    }

    fn apply(&self, batch: sled::Batch, path: &Path) -> Result<(), StoreError> {
        attempt("write to", path, || self.db.apply_batch(batch))
    }
}

/// What one batch does to the journal.
#[derive(Default)]
struct Piece {
    batch: sled::Batch,
    keys: usize,
}

/// Says how far a long write is.
struct Progress {
    step: &'static str,
    keys: usize,
}

impl Progress {
    /// Keys after which there is word of it.
    const TOLD: usize = 50 * MOST_AT_ONCE;

    fn new(step: &'static str) -> Self {
        Self { step, keys: 0 }
    }

    fn add(&mut self, keys: usize) {
        self.keys += keys;
        if self.keys.is_multiple_of(Self::TOLD) {
            tracing::info!(keys = self.keys, "a large write has brought keys {}", self.step);
        }
    }
}
