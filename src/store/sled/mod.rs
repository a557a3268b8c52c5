//! The store of a single process: sled in a directory of its own.
//!
//! sled alone does not keep the promises of [`Store`]: it does not sync, and it takes a damaged
//! log for a shorter one. So every commit ends in a sync of our own (`durable.rs`), the tree
//! carries a revision and a digest of everything in it (`meta.rs`), and a mark beside it says how
//! far it has been (`mark.rs`). Nor does it know a disk that fails to read from one that holds no
//! more (`readable.rs`). `open.rs` says in which order a directory is taken into use.
//!
//! One thread owns it, and nothing here may run on two: sled's own threads never sync or write
//! on a timer.

mod conf;
mod durable;
mod journal;
mod lock;
mod mark;
mod meta;
mod open;
mod opened;
mod page;
mod permissions;
mod readable;
mod watch;

pub use durable::SyncFile;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::durable::DataSync;
use self::journal::{MOST_AT_ONCE, MOST_PAIR};
use self::opened::{Failure, Opened};
use super::{Commit, Scanned, Store, StoreError, Writes};
use crate::model::Revision;

/// How a directory is opened.
#[derive(Debug, Clone, Default)]
pub struct SledOptions {
    /// Go on with what is there, also if it is older than what was acknowledged. Counts for the
    /// first time only: a reopening after a failure does not accept a loss.
    pub accept_data_loss: bool,
    /// Noted in the store when it is created: milliseconds since the Unix epoch.
    pub created_unix_ms: u64,
}

/// A store in a directory, which nobody else may use or read.
pub struct SledStore {
    path: PathBuf,
    options: SledOptions,
    sync: Arc<dyn SyncFile>,
    state: State,
}

enum State {
    Open(Opened),
    /// After a failure. It is kept because it holds the lock: nobody else may have the directory
    /// before we have let go of it.
    Failed(Opened),
    Closed,
}

impl fmt::Debug for SledStore {
    // sled's own output holds the whole tree, password hashes included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Open(_) => "open",
            State::Failed(_) => "failed",
            State::Closed => "closed",
        };
        f.debug_struct("SledStore")
            .field("path", &self.path)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

impl SledStore {
    /// Opens the store in a directory, and makes it if there is none. What had to be repaired is
    /// logged as a warning; nothing is ever deleted but leftovers of an unfinished write.
    ///
    /// # Errors
    /// If another process has it, others may read it, it is behind its mark, damaged or of a
    /// format from the future, or the medium fails.
    pub fn open(path: &Path, options: SledOptions) -> Result<Self, StoreError> {
        Self::open_with_sync(path, options, Arc::new(DataSync))
    }

    /// As [`SledStore::open`], with another way to sync files: for tests of what happens when that
    /// fails.
    ///
    /// # Errors
    /// As [`SledStore::open`].
    pub fn open_with_sync(
        path: &Path,
        mut options: SledOptions,
        sync: Arc<dyn SyncFile>,
    ) -> Result<Self, StoreError> {
        let opened = open::open(path, &options, &*sync)?;
        options.accept_data_loss = false;
        Ok(Self { path: path.to_owned(), options, sync, state: State::Open(opened) })
    }

    /// Refuses everything from now on, until it is reopened.
    fn fail(&mut self) {
        if let State::Open(opened) = std::mem::replace(&mut self.state, State::Closed) {
            self.state = State::Failed(opened);
        }
    }

    fn let_go(&mut self) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Open(opened) | State::Failed(opened) => opened.release(&self.path),
            State::Closed => {}
        }
    }
}

impl Store for SledStore {
    fn describe(&self) -> String {
        format!("sled:{}", self.path.display())
    }

    fn scan(&mut self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<Scanned, StoreError> {
        let State::Open(opened) = &self.state else { return Err(StoreError::NotOpen) };
        let scanned = opened.scan(&self.path, visit);
        if scanned.is_err() {
            self.fail();
        }
        scanned.map(|revision| Scanned { revision, as_of: None })
    }

    fn write(&mut self, base: Revision, writes: Writes) -> Commit {
        let State::Open(opened) = &mut self.state else {
            return Commit::Refused(StoreError::NotOpen);
        };
        if base != opened.revision() {
            return Commit::Conflict;
        }
        let Some(revision) = base.next() else {
            return Commit::Refused(StoreError::RevisionsExhausted);
        };
        if let Some((key, bytes)) = journal::too_large(&writes) {
            let key = String::from_utf8_lossy(key).into_owned();
            return Commit::Refused(StoreError::TooLarge { key, bytes, limit: MOST_PAIR });
        }
        match opened.write(revision, writes, &self.path, &*self.sync) {
            Ok(()) => Commit::Committed(revision),
            Err(Failure::NothingWritten(error)) => {
                self.fail();
                Commit::Refused(error)
            }
            Err(Failure::Unknown(error)) => {
                self.fail();
                Commit::Unknown(error)
            }
        }
    }

    fn most_writes(&self) -> usize {
        MOST_AT_ONCE
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        self.let_go();
        self.state = State::Open(open::open(&self.path, &self.options, &*self.sync)?);
        Ok(())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        let rest = match &mut self.state {
            State::Open(opened) => opened.make_durable(&self.path, &*self.sync),
            State::Failed(_) | State::Closed => Ok(()),
        };
        self.let_go();
        rest
    }
}

impl Drop for SledStore {
    // sled panics when its last sync fails, which would end a process that is unwinding already.
    fn drop(&mut self) {
        self.let_go();
    }
}

/// Calls the engine. Where it would panic, that is an error like any other: the writer must
/// outlive it. What it panicked with is left out, because it may print what is stored.
fn attempt<T, E: fmt::Display>(
    action: &'static str,
    path: &Path,
    call: impl FnOnce() -> Result<T, E>,
) -> Result<T, StoreError> {
    let detail = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the storage engine panicked".to_owned(),
    };
    Err(StoreError::Engine { action, path: path.to_owned(), detail })
}

/// Puts an I/O error into words.
fn io_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    move |source| StoreError::Io { action, path: path.to_owned(), source }
}
