//! How much there is in a store, by kind.

use super::Pairs;
use super::grants::Grants;
use crate::model::RecordKey;
use crate::store::{DecodedKey, decode_key};

/// How many records of each kind there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Users.
    pub users: usize,
    /// Roles.
    pub roles: usize,
    /// Memberships: a user holds a role.
    pub bindings: usize,
    /// Privileges that an object row leads to, for each row.
    pub grants: usize,
    /// Custom privilege groups.
    pub groups: usize,
    /// Records of unknown kind.
    pub unknown: usize,
}

impl Counts {
    pub(super) fn of(pairs: &Pairs) -> Self {
        let mut counts = Self { grants: Grants::of(pairs).count(), ..Self::default() };
        for key in pairs.keys() {
            let count = match decode_key(key) {
                DecodedKey::Record(RecordKey::User(_)) => &mut counts.users,
                DecodedKey::Record(RecordKey::Role(_)) => &mut counts.roles,
                DecodedKey::Record(RecordKey::Binding(..)) => &mut counts.bindings,
                DecodedKey::Record(RecordKey::Group(_)) => &mut counts.groups,
                DecodedKey::Record(RecordKey::Row(_) | RecordKey::Privilege(..)) => continue,
                DecodedKey::NotUnderstood | DecodedKey::Foreign => &mut counts.unknown,
            };
            *count += 1;
        }
        counts
    }
}
