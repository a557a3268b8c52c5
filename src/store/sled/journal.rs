//! Writes that are too many for one batch of sled, made all or none nevertheless.
//!
//! Two things bound a batch. After a power cut sled finds its way only if what was not on the disk
//! yet lies within one segment of its log: of more than that it takes for written what the disk has
//! not got. And until a batch is done it keeps every version of every page that it has touched: four
//! million writes took more than 24 GiB.
//!
//! So a write of many keys goes first, in pieces with a sync behind each, under keys of ours (the
//! journal); then one batch says that it is complete, and with which revision and digest. That is the
//! moment at which it is made. What stands in the journal is moved to where it belongs in pieces
//! again, and an opening finishes that, or removes a journal that was never complete.

use std::path::Path;

use super::durable::SyncFile;
use super::meta::{Meta, PREFIX};
use super::opened::{Failure, Opened};
use super::{StoreError, attempt};
use crate::model::Revision;
use crate::store::Writes;

/// Most keys that one batch of sled may touch, and most bytes of keys and values. sled writes up to
/// thirty times as much, above all whole pages again, which is still less than a segment.
/// `tests/it/power_cut` looks at that.
pub(super) const MOST_AT_ONCE: usize = 128;
const MOST_BYTES: usize = 8 << 10;

/// Most bytes of one key and its value. A page of sled holds up to nineteen pairs, and above a
/// quarter of a segment it goes into a file of its own, which a power cut may take away from the log
/// that points to it.
pub(super) const MOST_PAIR: usize = 6_600;

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
        // INVARIANT: nothing says that the journal is complete before all of it is on the disk.
        let meta = self.keep(revision, writes, path, sync).map_err(Failure::NothingWritten)?;
        let mut complete = sled::Batch::default();
        complete.insert(COMPLETE, &[]);
        meta.write(&mut complete);
        self.apply(complete, path, sync).map_err(Failure::Unknown)?;
        self.meta = meta;
        self.finish_journal(path, sync).map_err(Failure::Unknown)?;
        self.move_mark();
        Ok(())
    }

    /// Writes the journal, and returns what is to be said of the state that it leads to.
    fn keep(
        &mut self,
        revision: Revision,
        writes: Writes,
        path: &Path,
        sync: &dyn SyncFile,
    ) -> Result<Meta, StoreError> {
        let mut meta = Meta { revision, digest: self.meta.digest };
        let mut piece = Piece::default();
        let mut progress = Progress::new("into the journal");
        for (key, value) in writes.0 {
            self.count(&mut meta, &key, value.as_deref(), path)?;
            let kept = match &value {
                Some(value) => [&[PUT], value.as_slice()].concat(),
                None => vec![REMOVE],
            };
            piece.count(&key, &kept);
            piece.batch.insert([JOURNAL, &key].concat(), kept);
            if piece.is_full() {
                let Piece { batch, keys, .. } = std::mem::take(&mut piece);
                self.apply(batch, path, sync)?;
                progress.add(keys);
            }
        }
        self.apply(piece.batch, path, sync)?;
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
            let Piece { batch, keys, .. } = self.next_piece(complete, path)?;
            if keys == 0 {
                break;
            }
            self.apply(batch, path, sync)?;
            progress.add(keys);
        }
        if complete {
            // INVARIANT: the journal counts until all of it is on the disk in its place.
            let mut done = sled::Batch::default();
            done.remove(COMPLETE);
            self.apply(done, path, sync)?;
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
        for kept in self.db.scan_prefix(JOURNAL) {
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
            piece.count(key, &value);
            piece.batch.remove(&kept);
            if piece.is_full() {
                break;
            }
        }
        Ok(piece)
    }
}

/// Whether these writes are too much for one batch.
pub(super) fn are_many(writes: &Writes) -> bool {
    writes.len() > MOST_AT_ONCE || writes.0.iter().map(size).sum::<usize>() > MOST_BYTES
}

/// The first key with more than may stand under one, and how much that is.
pub(super) fn too_large(writes: &Writes) -> Option<(&[u8], usize)> {
    let puts = writes.0.iter().filter(|(_, value)| value.is_some());
    puts.map(|pair| (pair.0.as_slice(), size(pair))).find(|(_, size)| *size > MOST_PAIR)
}

fn size((key, value): (&Vec<u8>, &Option<Vec<u8>>)) -> usize {
    key.len() + value.as_ref().map_or(0, Vec::len)
}

/// What one batch does to the journal.
#[derive(Default)]
struct Piece {
    batch: sled::Batch,
    keys: usize,
    bytes: usize,
}

impl Piece {
    fn count(&mut self, key: &[u8], value: &[u8]) {
        self.keys += 1;
        self.bytes += key.len() + value.len();
    }

    fn is_full(&self) -> bool {
        self.keys >= MOST_AT_ONCE || self.bytes >= MOST_BYTES
    }
}

/// Says how far a long write is.
struct Progress {
    step: &'static str,
    keys: usize,
}

impl Progress {
    /// Keys after which there is word of it.
    const TOLD: usize = 500_000;

    fn new(step: &'static str) -> Self {
        Self { step, keys: 0 }
    }

    fn add(&mut self, keys: usize) {
        let told = self.keys / Self::TOLD;
        self.keys += keys;
        if self.keys / Self::TOLD > told {
            tracing::info!(keys = self.keys, "a large write has brought keys {}", self.step);
        }
    }
}
