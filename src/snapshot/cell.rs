//! The one pointer to the current snapshot.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use super::Snapshot;
use crate::model::Revision;

/// Holds the current snapshot. Reading takes no lock; only the writer replaces it.
#[derive(Debug)]
pub struct SnapshotCell {
    current: ArcSwap<Snapshot>,
    revision: watch::Sender<Revision>,
}

impl SnapshotCell {
    /// A cell with this first snapshot.
    #[must_use]
    pub fn new(mut snapshot: Snapshot) -> Self {
        snapshot.settle();
        let revision = watch::Sender::new(snapshot.revision());
        Self { current: ArcSwap::from_pointee(snapshot), revision }
    }

    /// The current snapshot, for a short look.
    #[must_use]
    pub fn read(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// The current snapshot, to be kept across an await.
    #[must_use]
    pub fn get(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The revision of the current snapshot.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.read().revision()
    }

    /// Makes this the current snapshot, settled. Every read that begins afterwards sees it.
    pub fn publish(&self, mut snapshot: Arc<Snapshot>) {
        if !snapshot.is_settled() {
            Arc::make_mut(&mut snapshot).settle();
        }
        let revision = snapshot.revision();
        self.current.store(snapshot);
        self.revision.send_replace(revision);
    }

    /// Tells of each snapshot that is published from now on. Several may be told of as one.
    #[must_use]
    pub fn revisions(&self) -> watch::Receiver<Revision> {
        self.revision.subscribe()
    }
}
