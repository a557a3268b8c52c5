//! What is kept: the durable copy of the state, and nothing else.
//!
//! # The contract
//! One thread, the writer's, owns a store; nobody else touches it. A store keeps records under
//! keys (`keys.rs`) in a written form (`record.rs`), both exactly Milvus's, so every store holds
//! the same bytes.
//!
//! 1. `load` gives every record of the newest durable state and that state's revision.
//! 2. `commit` writes all changes of a batch or none. When it answers [`Commit::Committed`] the
//!    batch survives a power cut. Deleting what is not there is no error.
//! 3. A commit whose fate is not known says [`Commit::Unknown`], never success. After it, and
//!    after any other failure of the medium, the store refuses everything until `reopen`.
//! 4. What a newer version wrote and this one does not understand is kept and reported once.
//!
//! `tests/it/store_contract.rs` runs these sentences against every implementation.

mod batch;
mod error;
mod keys;
mod memory;
mod record;
mod sled;

pub use error::StoreError;
pub use keys::{DecodedKey, decode_key, encode_key};
pub use memory::MemoryStore;
pub use record::{decode_record, encode_record};
pub use sled::{SledOptions, SledStore, SyncFile};

use std::fmt::Debug;

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
}

/// How a commit ended.
#[derive(Debug)]
#[must_use]
pub enum Commit {
    /// Durable, at this revision.
    Committed(Revision),
    /// Nothing was written; the state is as before.
    Refused(StoreError),
    /// Somebody else changed the state; nothing was written. Load again and retry.
    Conflict,
    /// It may or may not have been written. Reopen, load, and look.
    Unknown(StoreError),
}

/// A durable copy of the state. See the module for what every implementation promises.
pub trait Store: Debug + Send {
    /// What and where it is, for the ready line and the log: `sled:./milvus-rbac-data`. Never
    /// holds a secret.
    fn describe(&self) -> String;

    /// Reads the whole state. An empty store gives no records and revision 0.
    ///
    /// # Errors
    /// If the medium fails, or what it holds cannot be the state that was acknowledged.
    fn load(&mut self) -> Result<Loaded, StoreError>;

    /// Writes a batch on top of the state at `base`. An empty batch is written too: it still
    /// takes a revision.
    fn commit(&mut self, base: Revision, changes: &[Change]) -> Commit;

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
}
