//! Object rows and privileges of a store by id, over the pairs as they are stored.
//!
//! Only keys and the ids of rows are read; who granted is carried along as bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Pairs;
use crate::model::{GrantId, ObjectRow, Record, RecordKey};
use crate::store::{DecodedKey, decode_key, decode_record};

/// Privileges under one id, by their stored text, and who granted each.
pub(super) type Held<'a> = BTreeMap<Arc<str>, &'a [u8]>;

/// The grants of one store.
#[derive(Default)]
pub(super) struct Grants<'a> {
    /// Rows whose id can be read, by their key.
    rows: BTreeMap<&'a [u8], (ObjectRow, GrantId)>,
    /// By id; also those that no row leads to.
    privileges: HashMap<GrantId, Held<'a>>,
    /// How many rows lead to an id.
    holders: HashMap<GrantId, usize>,
}

impl<'a> Grants<'a> {
    pub(super) fn of(pairs: &'a Pairs) -> Self {
        let mut grants = Self::default();
        for (key, value) in pairs {
            match decode_key(key) {
                DecodedKey::Record(RecordKey::Privilege(id, privilege)) => {
                    grants.privileges.entry(id).or_default().insert(privilege, value);
                }
                DecodedKey::Record(RecordKey::Row(_)) => {
                    if let Some(Record::Row(row, id)) = decode_record(key, value) {
                        *grants.holders.entry(id.clone()).or_default() += 1;
                        grants.rows.insert(key, (row, id));
                    }
                }
                _ => {}
            }
        }
        grants
    }

    /// The rows with their keys and ids.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&'a [u8], &ObjectRow, &GrantId)> {
        self.rows.iter().map(|(&key, (row, id))| (key, row, id))
    }

    /// The id of the row under a key.
    pub(super) fn id_of(&self, key: &[u8]) -> Option<&GrantId> {
        self.rows.get(key).map(|(_, id)| id)
    }

    /// What stands under an id.
    pub(super) fn held(&self, id: &GrantId) -> impl Iterator<Item = (&Arc<str>, &'a [u8])> {
        self.privileges.get(id).into_iter().flatten().map(|(privilege, &by)| (privilege, by))
    }

    /// Whether the privilege stands under the id.
    pub(super) fn holds(&self, id: &GrantId, privilege: &str) -> bool {
        self.privileges.get(id).is_some_and(|held| held.contains_key(privilege))
    }

    /// How many rows lead to an id.
    pub(super) fn holders(&self, id: &GrantId) -> usize {
        self.holders.get(id).copied().unwrap_or_default()
    }

    /// Whether no row leads to an id and nothing stands under it.
    pub(super) fn is_free(&self, id: &GrantId) -> bool {
        self.holders(id) == 0 && !self.privileges.contains_key(id)
    }

    /// How many privileges there are that no row leads to.
    pub(super) fn orphans(&self) -> usize {
        let orphaned = self.privileges.iter().filter(|(id, _)| self.holders(id) == 0);
        orphaned.map(|(_, held)| held.len()).sum()
    }

    /// How many grants there are: each row with each of its privileges.
    pub(super) fn count(&self) -> usize {
        self.rows().map(|(_, _, id)| self.held(id).count()).sum()
    }
}
