//! The one pointer to the current snapshot.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::Snapshot;

/// Holds the current snapshot. Reading takes no lock; only the writer replaces it.
#[derive(Debug)]
pub struct SnapshotCell(ArcSwap<Snapshot>);

impl SnapshotCell {
    /// A cell with this first snapshot.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// The current snapshot, for a short look.
    #[must_use]
    pub fn read(&self) -> Guard<Arc<Snapshot>> {
        self.0.load()
    }

    /// The current snapshot, to be kept across an await.
    #[must_use]
    pub fn get(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Makes this the current snapshot. Every read that begins afterwards sees it.
    pub fn publish(&self, snapshot: Arc<Snapshot>) {
        self.0.store(snapshot);
    }
}
