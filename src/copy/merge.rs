//! What has to be written so that a target holds what both stores hold; the rule is in `mod.rs`.

use std::collections::HashSet;
use std::sync::Arc;

use super::grants::Grants;
use super::{Pairs, leftovers};
use crate::model::{GrantId, ObjectRow, Record, RecordKey};
use crate::store::{DecodedKey, decode_key, decode_record, encode_key, encode_record};

/// What a merge comes to: only what differs from what the target held.
pub(super) struct Merged {
    /// What is made or changed.
    pub(super) puts: Pairs,
    /// Leftovers of the target that are deleted.
    pub(super) deletes: Vec<Vec<u8>>,
    /// How many leftovers of the source are left out.
    pub(super) leftovers: usize,
    /// How many privileges of the source are left out because no row leads to them.
    pub(super) orphans: usize,
}

/// Unites both in `target`.
pub(super) fn merge(mut source: Pairs, target: &mut Pairs) -> Merged {
    let before = leftovers::take(target, &source);
    let leftovers = leftovers::take(&mut source, target).len();
    let (mut puts, orphans) = missing(&source, target);
    target.extend(puts.iter().map(|(key, value)| (key.clone(), value.clone())));
    puts.retain(|key, value| before.get(key) != Some(value));
    let deletes = before.into_keys().filter(|key| !target.contains_key(key)).collect();
    Merged { puts, deletes, leftovers, orphans }
}

/// What the target lacks, or has otherwise, and how many privileges no row of the source leads to.
fn missing(source: &Pairs, target: &Pairs) -> (Pairs, usize) {
    let grants = MergedGrants {
        source: Grants::of(source),
        target: Grants::of(target),
        made: HashSet::new(),
        puts: Pairs::new(),
    };
    let orphans = grants.source.orphans();
    let mut puts = grants.unite(source, target);
    for (key, value) in source {
        let theirs = target.get(key);
        let is_there = match decode_key(key) {
            DecodedKey::Record(RecordKey::Row(_) | RecordKey::Privilege(..)) => continue,
            // Its value is never read.
            DecodedKey::Record(RecordKey::Binding(..)) => theirs.is_some(),
            // A group that cannot be read is none.
            DecodedKey::Record(RecordKey::Group(_)) if decode_record(key, value).is_none() => {
                theirs.is_some_and(|theirs| decode_record(key, theirs).is_some() || theirs == value)
            }
            DecodedKey::Record(_) | DecodedKey::NotUnderstood | DecodedKey::Foreign => {
                theirs == Some(value)
            }
        };
        if !is_there {
            puts.insert(key.clone(), value.clone());
        }
    }
    (puts, orphans)
}

/// Rows and privileges being united.
struct MergedGrants<'a> {
    source: Grants<'a>,
    target: Grants<'a>,
    /// Ids that rows were given here.
    made: HashSet<GrantId>,
    puts: Pairs,
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
                self.puts.insert(key.clone(), value.clone());
            }
        }
        self.puts
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
        self.puts.insert(key.into_bytes(), value);
    }

    fn put_under(&mut self, id: &GrantId, held: Vec<(Arc<str>, &[u8])>) {
        for (privilege, by) in held {
            let key = encode_key(&RecordKey::Privilege(id.clone(), privilege));
            self.puts.insert(key.into_bytes(), by.to_vec());
        }
    }
}

/// Whether privileges can stand under an id.
fn can_hold(id: &GrantId) -> bool {
    !id.0.is_empty() && !id.0.contains('/')
}
