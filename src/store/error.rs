//! What can go wrong with a store, told to the operator.

use std::path::PathBuf;

/// Why a store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has it open.
    #[error(
        "the data directory {path} is in use by another process; stop that one, or choose \
         another directory"
    )]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// Others may read or write it.
    #[error(
        "{path} is open to other users (mode {mode:03o}); it holds password hashes; run: {command}"
    )]
    Permissions {
        /// The directory or file.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
        /// The command that sets it right.
        command: String,
    },
    /// It holds an older state than the one that was acknowledged.
    #[error(
        "the store in {path} is behind its high-water mark (it holds revision {found}, {marked} \
         was acknowledged): changes were lost, revoked rights may be back; restore a copy, or pass \
         --accept-data-loss to go on with what is there"
    )]
    BehindMark {
        /// The directory.
        path: PathBuf,
        /// Revision of what it holds.
        found: u64,
        /// Revision of the mark.
        marked: u64,
    },
    /// What it holds contradicts itself.
    #[error("the store in {path} is damaged: {detail}; restore a copy of the directory")]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// It was written by a version that this one does not understand.
    #[error(
        "the store in {path} has format {found}, and this version reads up to {supported}; use \
         the version that wrote it, or a newer one"
    )]
    Format {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format that is understood.
        supported: u64,
    },
    /// The medium failed.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The storage engine failed.
    #[error("cannot {action} the store in {path}: {detail}")]
    Engine {
        /// What was being done.
        action: &'static str,
        /// The directory.
        path: PathBuf,
        /// What the engine said.
        detail: String,
    },
    /// The cluster did not do what it was asked.
    #[error("cannot {action} {store}: {detail}")]
    Cluster {
        /// What was being asked.
        action: &'static str,
        /// The store, without secrets.
        store: String,
        /// What came back, or that nothing did.
        detail: String,
    },
    /// The cluster does not let us in, or not as far as we need.
    #[error(
        "{store} refuses this user ({detail}); check etcd.auth.userName, etcd.auth.password and \
         that the user may read and write below the root path"
    )]
    ClusterAccess {
        /// The store, without secrets.
        store: String,
        /// What the cluster said.
        detail: String,
    },
    /// TLS cannot be set up from the files that are configured.
    #[error("cannot use {path} for TLS to etcd: {detail}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// What has changed can no longer be told.
    #[error("the changes after revision {revision} in {store} cannot be told any more: {detail}")]
    NewsLost {
        /// The store, without secrets.
        store: String,
        /// The revision of the last state that is known.
        revision: i64,
        /// Why.
        detail: String,
    },
    /// One of our own keys holds what this version cannot read.
    #[error(
        "{store} holds something under `{key}` that this version does not understand: {detail}; \
         use the version that wrote it, or a newer one, or delete the key if no version did"
    )]
    OwnKey {
        /// The store, without secrets.
        store: String,
        /// The key, without the root path.
        key: String,
        /// What is wrong.
        detail: String,
    },
    /// A record is larger than the store can take.
    #[error("the record under `{key}` has {bytes} bytes, and the store takes {limit} at most")]
    TooLarge {
        /// The key.
        key: String,
        /// Bytes of key and value.
        bytes: usize,
        /// The most that there may be.
        limit: usize,
    },
    /// A record has no key of its own.
    #[error("cannot store a record under `{key}`: a part of the key is empty or has a slash in it")]
    Unstorable {
        /// The key that it would have had.
        key: String,
    },
    /// The cluster takes no change like this one.
    #[error("{store} does not take the change: {detail}")]
    NotTaken {
        /// The store, without secrets.
        store: String,
        /// What the cluster said.
        detail: String,
    },
    /// A large change is made, and not every record of it is written yet.
    #[error(
        "a large change in {store} is made, and {left} of its records are not written yet; a replica \
         that runs, or the next that starts, goes on with it"
    )]
    Unfinished {
        /// The store, without secrets.
        store: String,
        /// How many.
        left: usize,
    },
    /// A large change was begun again too often, because others kept changing the state.
    #[error("the change was begun {times} times, and others changed the state each time")]
    Outrun {
        /// How often.
        times: u32,
    },
    /// There is no number for another state.
    #[error("the store has reached the highest revision there is; restore it from a backup")]
    RevisionsExhausted,
    /// The settings name a store that this program was built without.
    #[error(
        "{store} cannot be opened: this program was built without the feature `{feature}` of \
         milvus-rbac; build it with that, or name another store"
    )]
    NotBuilt {
        /// The store, without secrets.
        store: String,
        /// The feature that has it.
        feature: &'static str,
    },
    /// It failed earlier and has not been reopened, or it has been closed.
    #[error("the store is not open")]
    NotOpen,
}

impl StoreError {
    /// Whether it is the change that cannot be made, and the store is as good as before.
    #[must_use]
    pub fn is_of_the_change(&self) -> bool {
        matches!(
            self,
            Self::Unstorable { .. }
                | Self::TooLarge { .. }
                | Self::NotTaken { .. }
                | Self::Outrun { .. }
                | Self::RevisionsExhausted
        )
    }
}
