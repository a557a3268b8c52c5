//! An open directory: what stands in the tree, and how a batch gets there to stay.
//!
//! Whether it may still be used is `mod.rs`'s business; how it came to be open, `open.rs`'s.

use std::fs::File;
use std::path::Path;
use std::sync::mpsc;
use std::{mem, thread};

use super::durable::{Blobs, SyncFile, forget_cached_pages};
use super::lock::LockFile;
use super::mark::MarkFile;
use super::meta::{self, Meta};
use super::page::Page;
use super::watch::Watch;
use super::{StoreError, attempt, io_error, journal};
use crate::model::Revision;
use crate::store::Writes;

/// How many pages a scan reads ahead.
const PAGES_AHEAD: usize = 4;

/// Everything that an open store holds on to. The order counts: sled goes first, the lock last.
pub(super) struct Opened {
    /// Holds sled, too.
    pub(super) watch: Watch,
    pub(super) db: sled::Db,
    /// A handle of our own on sled's data file. It has been open since before the first write, so
    /// the system tells it of every failed one.
    pub(super) data: File,
    pub(super) blobs: Blobs,
    /// Once what it speaks of is on the disk.
    pub(super) mark: Option<MarkFile>,
    pub(super) meta: Meta,
    /// Only held.
    pub(super) lock: LockFile,
}

/// Why a batch did not become durable.
pub(super) enum Failure {
    /// It never reached sled.
    NothingWritten(StoreError),
    /// It may be there or not, now or after a power cut.
    Unknown(StoreError),
}

impl Opened {
    pub(super) fn revision(&self) -> Revision {
        self.meta.revision
    }

    /// Shows everything but our own keys, and holds it against the digest. sled is read on a thread
    /// of its own meanwhile: of a million records, that is half of the work.
    pub(super) fn scan(
        &self,
        path: &Path,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<Revision, StoreError> {
        let mut digest = meta::Digest::default();
        let (sender, pages) = mpsc::sync_channel::<Page>(PAGES_AHEAD);
        thread::scope(|scope| {
            let read = move || attempt("read", path, || read_pages(&self.db, &sender));
            let reader = thread::Builder::new()
                .name("read sled".to_owned())
                .spawn_scoped(scope, read)
                .map_err(io_error("start a thread to read", path))?;
            for page in pages {
                page.each(|key, value| {
                    digest.toggle(key, value);
                    visit(key, value);
                });
            }
            // A panic of the engine has been caught within.
            reader.join().unwrap_or(Ok(()))
        })?;
        if digest != self.meta.digest {
            return Err(StoreError::Damaged {
                path: path.to_owned(),
                detail: "its records do not match their digest".to_owned(),
            });
        }
        Ok(self.meta.revision)
    }

    /// Makes the writes that lead to a revision durable.
    pub(super) fn write(
        &mut self,
        revision: Revision,
        writes: Writes,
        path: &Path,
        sync: &dyn SyncFile,
    ) -> Result<(), Failure> {
        if journal::are_many(&writes) {
            return self.write_many(revision, writes, path, sync);
        }
        let (batch, meta) =
            self.prepare(revision, writes, path).map_err(Failure::NothingWritten)?;
        // sled may have put a part of it into its log before it noticed a failure.
        self.apply(batch, path, sync).map_err(Failure::Unknown)?;
        self.meta = meta;
        self.move_mark();
        Ok(())
    }

    /// The batch for sled, with our own keys, and what they say. Costs what the batch touches.
    fn prepare(
        &self,
        revision: Revision,
        writes: Writes,
        path: &Path,
    ) -> Result<(sled::Batch, Meta), StoreError> {
        let mut meta = Meta { revision, digest: self.meta.digest };
        let mut batch = sled::Batch::default();
        for (key, value) in writes.0 {
            let was_there = self.count(&mut meta, &key, value.as_deref(), path)?;
            match value {
                Some(value) => batch.insert(key, value),
                None if was_there => batch.remove(key),
                None => {}
            }
        }
        meta.write(&mut batch);
        Ok((batch, meta))
    }

    /// Counts in the digest that a key gets another value, or none, and says whether it had one.
    pub(super) fn count(
        &self,
        meta: &mut Meta,
        key: &[u8],
        value: Option<&[u8]>,
        path: &Path,
    ) -> Result<bool, StoreError> {
        let old = attempt("read", path, || self.db.get(key))?;
        for value in old.as_deref().into_iter().chain(value) {
            meta.digest.toggle(key, value);
        }
        Ok(old.is_some())
    }

    /// Makes a batch, and makes it durable.
    pub(super) fn apply(
        &mut self,
        batch: sled::Batch,
        path: &Path,
        sync: &dyn SyncFile,
    ) -> Result<(), StoreError> {
        attempt("write to", path, || self.db.apply_batch(batch))?;
        self.make_durable(path, sync)
    }

    /// Brings what sled has in memory to its file, and the file to the disk. sled's own flush ends
    /// in the page cache: after a power cut, what it called flushed was gone.
    pub(super) fn make_durable(
        &mut self,
        path: &Path,
        sync: &dyn SyncFile,
    ) -> Result<(), StoreError> {
        attempt("flush", path, || self.watch.over(|| self.db.flush()))?;
        // The log points to the blobs, so they come first.
        attempt("sync", path, || self.blobs.sync_new(sync))?;
        attempt("sync", path, || sync.sync_data(&self.data, &path.join("db")))
    }

    /// Says in the mark how far the store is.
    pub(super) fn move_mark(&self) {
        if let Some(mark) = &self.mark {
            mark.write(&self.meta);
        }
    }

    /// Lets go of everything, sled first.
    pub(super) fn release(self, path: &Path) {
        let Self { watch, db, data, blobs, mark, meta: _, lock } = self;
        // A failure has been reported already, and what sled still had in memory was never
        // acknowledged.
        let _ = attempt("close", path, || {
            drop((watch, db));
            sled::Result::Ok(())
        });
        forget_cached_pages(&data);
        drop((data, blobs, mark));
        drop(lock);
    }
}

/// Sends all pairs but our own, in the order of their keys, until nobody wants any more.
fn read_pages(db: &sled::Db, pages: &mpsc::SyncSender<Page>) -> sled::Result<()> {
    let mut page = Page::default();
    for pair in db.iter() {
        let (key, value) = pair?;
        if key.starts_with(meta::PREFIX) {
            continue;
        }
        page.add(&key, &value);
        if page.is_full() && pages.send(mem::take(&mut page)).is_err() {
            return Ok(());
        }
    }
    // Nobody there is nobody to tell.
    let _ = pages.send(page);
    Ok(())
}
