//! Large changes as a timeline knows them: pieces without a head, and what is left to be done after
//! the head.

use std::collections::BTreeMap;
use std::fmt;

use super::journal::{self, Step};
use crate::clock::Uptime;
use crate::proto::mvccpb::KeyValue;

/// The pieces of a journal that has no head so far.
pub(super) struct Staged {
    pub(super) pieces: BTreeMap<u32, Vec<u8>>,
    /// The revision at which the first of them was put.
    pub(super) first: i64,
    /// When the last of them was seen.
    pub(super) since: Uptime,
}

impl Staged {
    /// Takes a piece in.
    pub(super) fn take(
        staged: &mut BTreeMap<String, Self>,
        id: &str,
        number: u32,
        pair: KeyValue,
        now: Uptime,
    ) {
        let new = || Self { pieces: BTreeMap::new(), first: 0, since: now };
        let staged = staged.entry(id.to_owned()).or_insert_with(new);
        staged.since = now;
        if number == 0 {
            staged.first = pair.mod_revision;
        }
        staged.pieces.insert(number, pair.value);
    }

    /// How many pieces there are.
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }
}

/// A large change that is made, and of which not every write is.
pub(super) struct Pending {
    /// The id of its pieces.
    pub(super) id: String,
    /// The revision from which it is made.
    pub(super) at: i64,
    /// When it was first seen.
    pub(super) since: Uptime,
    /// The writes that are still to be made, in their order.
    pub(super) left: BTreeMap<Step, Option<Vec<u8>>>,
}

// Both hold what is stored, so they are not printed.
impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged").field("pieces", &self.pieces.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("at", &self.at)
            .field("left", &self.left.len())
            .finish_non_exhaustive()
    }
}

impl Pending {
    /// Somebody has written this key after the change was made; there is nothing left to do to it.
    pub(super) fn settle(&mut self, key: &[u8]) {
        for is_put in [true, false] {
            self.left.remove(&journal::step(key, is_put));
        }
    }

    /// Everything up to this write has been made, also what needed no change. Returns what was
    /// still left of it.
    pub(super) fn done(&mut self, step: &Step) -> BTreeMap<Step, Option<Vec<u8>>> {
        let later = self.left.split_off(step);
        let mut made = std::mem::replace(&mut self.left, later);
        made.extend(self.left.remove_entry(step));
        made
    }

    /// Whether a write to this key is still to be made.
    pub(super) fn wants(&self, key: &[u8]) -> bool {
        [true, false].iter().any(|&is_put| self.left.contains_key(&journal::step(key, is_put)))
    }
}
