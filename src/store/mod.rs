//! What is kept: the durable copy of the state, and nothing else.
//!
//! # The contract
//! One thread, the writer's, owns a store; nobody else touches it. A store keeps records under
//! keys (`keys.rs`) in a written form (`record.rs`), both exactly Milvus's, so every store holds
//! the same bytes.
//!
//! 1. `scan` gives every pair of the newest durable state and that state's revision; `load` gives
//!    the records that the pairs make.
//! 2. `write` makes all changes of a batch or none. When it answers [`Commit::Committed`] the
//!    batch survives a power cut, or the loss of a minority of the machines that keep it. Deleting
//!    what is not there is no error.
//! 3. A commit whose fate is not known says [`Commit::Unknown`], never success. After it, and
//!    after any other failure of the medium, the store refuses everything until `reopen`.
//! 4. What a newer version wrote and this one does not understand is kept and reported once.
//! 5. A store that several processes share tells of what the others change: `news`, and the call
//!    of [`Store::follow`] when there is some. No change is left out or told in part, and a store
//!    that cannot promise that any more says so and is loaded again.
//!
//! `tests/it/store_contract.rs` runs these sentences against every implementation.

mod error;
#[cfg(feature = "etcd")]
mod etcd;
mod keys;
mod memory;
mod news;
mod record;
#[cfg(feature = "sled")]
mod sled;
mod writes;

pub use error::StoreError;
#[cfg(feature = "etcd")]
pub use etcd::{DEFAULT_ROOT, EtcdIdentity, EtcdLogin, EtcdOptions, EtcdStore, EtcdTls};
pub use keys::{DecodedKey, decode_key, encode_key};
pub use memory::MemoryStore;
pub use news::{News, Wake};
pub use record::{decode_record, encode_record};
#[cfg(feature = "sled")]
pub use sled::{SledOptions, SledStore, SyncFile};
pub use writes::Writes;

use std::fmt::Debug;

use crate::clock::Uptime;
use crate::model::{Change, Record, Revision};

/// Everything a store holds at one revision.
#[derive(Debug)]
pub struct Loaded {
    /// The revision of this state.
    pub revision: Revision,
    /// Its records, in no particular order.
    pub records: Vec<Record>,
    /// Keys that stand under our prefixes and are not understood, for one log line; the records
    /// behind them are kept untouched.
    pub ignored: Vec<String>,
    /// When this was the newest state; `None` if nobody else can have changed it since.
    pub as_of: Option<Uptime>,
}

/// A step of reading the whole state.
#[derive(Debug)]
pub enum Loading {
    /// What came before counts for nothing: it is read anew.
    Anew,
    /// A record.
    Record(Record),
    /// A key under our prefixes whose key or value is not understood; it is kept untouched.
    NotUnderstood(String),
}

/// What a scan went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned {
    /// The revision of the state.
    pub revision: Revision,
    /// As in [`Loaded`].
    pub as_of: Option<Uptime>,
}

/// How a commit ended.
#[derive(Debug)]
#[must_use]
pub enum Commit {
    /// Durable, at this revision.
    Committed(Revision),
    /// Nothing was written; the state is as before.
    Refused(StoreError),
    /// Somebody else changed the state; nothing was written. Take the news or load again, and
    /// retry.
    Conflict,
    /// It may or may not have been written. Reopen, load, and look.
    Unknown(StoreError),
}

/// A durable copy of the state. See the module for what every implementation promises.
pub trait Store: Debug + Send {
    /// What and where it is, for the ready line and the log: `sled:./milvus-rbac-data`. Never
    /// holds a secret.
    fn describe(&self) -> String;

    /// Shows every key, without Milvus's root path, and its value, in no particular order. An
    /// empty store shows none. If it fails, what it has shown so far counts for nothing.
    ///
    /// # Errors
    /// If the medium fails, or what it holds cannot be the state that was acknowledged.
    fn scan(&mut self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<Scanned, StoreError>;

    /// Makes these writes on top of the state at `base`. An empty batch is written too: it still
    /// takes a revision.
    fn write(&mut self, base: Revision, writes: Writes) -> Commit;

    /// Opens the medium afresh after a failure.
    ///
    /// # Errors
    /// If it still cannot be opened; the store goes on refusing.
    fn reopen(&mut self) -> Result<(), StoreError>;

    /// Brings everything to rest and lets go of the medium. Idempotent.
    ///
    /// # Errors
    /// If the last sync failed; nothing acknowledged depends on it.
    fn close(&mut self) -> Result<(), StoreError>;

    /// Reads the whole state, a record at a time: there may be millions. A store of our own starts
    /// at revision 0.
    ///
    /// # Errors
    /// As for [`Store::scan`].
    fn load_each(&mut self, take: &mut dyn FnMut(Loading)) -> Result<Scanned, StoreError> {
        scan_records(self, take)
    }

    /// The same, all in one place.
    ///
    /// # Errors
    /// As for [`Store::scan`].
    fn load(&mut self) -> Result<Loaded, StoreError> {
        let (mut records, mut ignored) = (Vec::new(), Vec::new());
        let Scanned { revision, as_of } = self.load_each(&mut |loading| match loading {
            Loading::Anew => {
                records.clear();
                ignored.clear();
            }
            Loading::Record(record) => records.push(record),
            Loading::NotUnderstood(key) => ignored.push(key),
        })?;
        Ok(Loaded { revision, records, ignored, as_of })
    }

    /// Writes changes in their written form, on top of the state at `base`.
    fn commit(&mut self, base: Revision, changes: &[Change]) -> Commit {
        match Writes::of(changes) {
            Ok(writes) => self.write(base, writes),
            Err(error) => Commit::Refused(error),
        }
    }

    /// Whether the state at `base` is still the newest: [`Commit::Committed`] with its revision if
    /// so, else [`Commit::Conflict`]. Then the news, or a load, bring one that was the newest after
    /// this was asked. What is refused, or needs no change, is answered from such a state. A store
    /// of our own need not look.
    fn confirm(&mut self, base: Revision) -> Commit {
        Commit::Committed(base)
    }

    /// Begins to call `wake` when there may be news. Once it has been called, it need not be again
    /// before `news` has been.
    fn follow(&mut self, wake: Wake) {
        drop(wake);
    }

    /// What has changed since the last load or the last news, own changes included.
    ///
    /// # Errors
    /// What happened meanwhile cannot be told any more: load again.
    fn news(&mut self) -> Result<Option<News>, StoreError> {
        Ok(None)
    }

    /// Whether others change it, too. Then all there is to know comes by the news, also while
    /// changes fail, and it is loaded again only when those are lost.
    fn is_shared(&self) -> bool {
        false
    }

    /// Most writes that are made as cheaply together as one alone.
    fn most_writes(&self) -> usize {
        usize::MAX
    }
}

/// The records of a scan.
fn scan_records(
    store: &mut (impl Store + ?Sized),
    take: &mut dyn FnMut(Loading),
) -> Result<Scanned, StoreError> {
    store.scan(&mut |key, value| {
        let read = record::read(key, value);
        if !read.is_understood {
            take(Loading::NotUnderstood(String::from_utf8_lossy(key).into_owned()));
        }
        if let Some(record) = read.record {
            take(Loading::Record(record));
        }
    })
}
