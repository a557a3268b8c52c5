//! What has to be written so that a target holds what both stores hold; the rule is in `mod.rs`.

use std::collections::HashSet;
use std::sync::Arc;

use super::Pairs;
use super::grants::Grants;
use crate::model::{GrantId, ObjectRow, Record, RecordKey, RoleName, UserName};
use crate::store::{DecodedKey, decode_key, encode_key, encode_record};

/// What a merge comes to.
pub(super) struct Merged {
    /// Only what differs from what the target holds.
    pub(super) writes: Pairs,
    /// Privileges of the source that no row leads to.
    pub(super) left_out: usize,
    /// See [`Copied::revived`](super::Copied::revived).
    pub(super) revived: usize,
}

/// Unites both.
pub(super) fn merge(source: &Pairs, target: &Pairs) -> Merged {
    let grants = MergedGrants {
        source: Grants::of(source),
        target: Grants::of(target),
        made: HashSet::new(),
        writes: Pairs::new(),
    };
    let left_out = grants.source.orphans();
    let mut writes = grants.unite(source, target);
    for (key, value) in source {
        let is_there = match decode_key(key) {
            DecodedKey::Record(RecordKey::Row(_) | RecordKey::Privilege(..)) => continue,
            // Its value is never read.
            DecodedKey::Record(RecordKey::Binding(..)) => target.contains_key(key),
            DecodedKey::Record(_) | DecodedKey::NotUnderstood | DecodedKey::Foreign => {
                target.get(key) == Some(value)
            }
        };
        if !is_there {
            writes.insert(key.clone(), value.clone());
        }
    }
    Merged { revived: revived(source, target), writes, left_out }
}

/// Rows and privileges being united.
struct MergedGrants<'a> {
    source: Grants<'a>,
    target: Grants<'a>,
    /// Ids that rows were given here.
    made: HashSet<GrantId>,
    writes: Pairs,
}

impl MergedGrants<'_> {
    fn unite(mut self, source: &Pairs, target: &Pairs) -> Pairs {
        let rows: Vec<(&[u8], ObjectRow, GrantId)> =
            self.source.rows().map(|(key, row, id)| (key, row.clone(), id.clone())).collect();
        for (key, row, id) in rows {
            match self.target.id_of(key).cloned() {
                Some(theirs) => self.add(&row, &id, theirs),
                None => self.bring(&row, &id),
            }
        }
        // A row whose id cannot be read leads to nothing; it is kept like any unknown record.
        for (key, value) in source {
            let is_row = matches!(decode_key(key), DecodedKey::Record(RecordKey::Row(_)));
            if is_row && self.source.id_of(key).is_none() && !target.contains_key(key) {
                self.writes.insert(key.clone(), value.clone());
            }
        }
        self.writes
    }

    /// A row that both have: what the source has under `id` is added to what the target has under
    /// `theirs`.
    fn add(&mut self, row: &ObjectRow, id: &GrantId, theirs: GrantId) {
        let held: Vec<_> = self.source.held(id).map(|(name, by)| (name.clone(), by)).collect();
        let missing = |(name, _): &(Arc<str>, &[u8])| !self.target.holds(&theirs, name);
        let missing: Vec<_> = held.into_iter().filter(missing).collect();
        if missing.is_empty() {
            return;
        }
        // INVARIANT: what is added under an id reaches one row.
        let shared = self.target.holders(&theirs) > 1;
        let place = if shared || !can_hold(&theirs) {
            let own = self.own_id(row, id);
            self.put(&Record::Row(row.clone(), own.clone()));
            let moved: Vec<_> =
                self.target.held(&theirs).map(|(name, by)| (name.clone(), by)).collect();
            self.put_under(&own, moved);
            own
        } else {
            theirs
        };
        self.put_under(&place, missing);
    }

    /// A row that only the source has, with what it has under `id`.
    fn bring(&mut self, row: &ObjectRow, id: &GrantId) {
        // INVARIANT: a row that is new finds nothing under its id.
        let place = if self.target.is_free(id) { id.clone() } else { self.own_id(row, id) };
        self.put(&Record::Row(row.clone(), place.clone()));
        let held: Vec<_> = self.source.held(id).map(|(name, by)| (name.clone(), by)).collect();
        self.put_under(&place, held);
    }

    /// An id under which there is nothing and to which no other row leads: the one that Milvus
    /// makes of the key, else that of a key that no row can have.
    fn own_id(&mut self, row: &ObjectRow, id: &GrantId) -> GrantId {
        let mut candidate = row.grant_id();
        let mut number = 0_u64;
        loop {
            let by_itself = usize::from(*id == candidate);
            if self.target.is_free(&candidate)
                && self.source.holders(&candidate) == by_itself
                && self.made.insert(candidate.clone())
            {
                return candidate;
            }
            number += 1;
            let object = Arc::from(format!("{}/{number}", row.object));
            candidate = ObjectRow { object, ..row.clone() }.grant_id();
        }
    }

    fn put(&mut self, record: &Record) {
        let (key, value) = encode_record(record);
        self.writes.insert(key.into_bytes(), value);
    }

    fn put_under(&mut self, id: &GrantId, held: Vec<(Arc<str>, &[u8])>) {
        for (privilege, by) in held {
            let key = encode_key(&RecordKey::Privilege(id.clone(), privilege));
            self.writes.insert(key.into_bytes(), by.to_vec());
        }
    }
}

/// Whether privileges can stand under an id.
fn can_hold(id: &GrantId) -> bool {
    !id.0.is_empty() && !id.0.contains('/')
}

/// Memberships and rows that count in neither store, because a user or role is missing there, and
/// do in both together.
fn revived(source: &Pairs, target: &Pairs) -> usize {
    let has = |pairs: &Pairs, key: &RecordKey| pairs.contains_key(encode_key(key).as_bytes());
    let both = source.keys().chain(target.keys().filter(|key| !source.contains_key(*key)));
    both.filter(|key| {
        let Some(needed) = needed(key) else { return false };
        let counts_in = |pairs: &Pairs| {
            pairs.contains_key(*key) && needed.iter().all(|needed| has(pairs, needed))
        };
        let counts_in_both = needed.iter().all(|needed| has(source, needed) || has(target, needed));
        counts_in_both && !counts_in(source) && !counts_in(target)
    })
    .count()
}

/// Without which records what stands under a key does not count.
fn needed(key: &[u8]) -> Option<Vec<RecordKey>> {
    let user = |name: &UserName| RecordKey::User(name.clone());
    let role = |name: &RoleName| RecordKey::Role(name.clone());
    match decode_key(key) {
        DecodedKey::Record(RecordKey::Binding(who, what)) => Some(vec![user(&who), role(&what)]),
        DecodedKey::Record(RecordKey::Row(row)) => Some(vec![role(&row.role)]),
        _ => None,
    }
}
