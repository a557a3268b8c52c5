//! Tells of what a store holds and this version does not understand: each key once.

use std::collections::BTreeSet;

/// Most keys that are remembered. Beyond it a key may be told of again.
const MOST: usize = 10_000;

/// The keys that have been told of.
#[derive(Debug, Default)]
pub(super) struct Ignored(BTreeSet<String>);

impl Ignored {
    /// One line for the keys among these that are new.
    pub(super) fn report(&mut self, keys: Vec<String>) {
        let new: Vec<String> = keys.into_iter().filter(|key| !self.0.contains(key)).collect();
        if new.is_empty() {
            return;
        }
        let first: Vec<&String> = new.iter().take(5).collect();
        tracing::warn!(
            count = new.len(),
            ?first,
            "records that this version does not understand are kept and decide nothing"
        );
        let room = MOST.saturating_sub(self.0.len());
        self.0.extend(new.into_iter().take(room));
    }
}
