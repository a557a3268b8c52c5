//! What a store still has of users, roles and groups that it does not have any more, and that
//! would come to life because the other store has them.

use std::collections::HashMap;

use super::Pairs;
use super::grants::Grants;
use crate::model::{GrantId, RecordKey, custom_group};
use crate::store::{DecodedKey, decode_key, decode_record, encode_key};

/// Takes away what is left over in one store of whom only the other has, and returns it. What is
/// left over of whom neither has stays.
pub(super) fn take(pairs: &mut Pairs, other: &Pairs) -> Pairs {
    let comes = |key: RecordKey| !has(pairs, &key) && has(other, &key);
    let mut keys: Vec<Vec<u8>> =
        pairs.keys().filter(|key| is_of_whom(key, &comes)).cloned().collect();
    keys.extend(privileges_of(pairs, &keys));
    keys.into_iter().filter_map(|key| pairs.remove_entry(&key)).collect()
}

/// Whether there is a user, a role or a group. A group that cannot be read is none.
fn has(pairs: &Pairs, key: &RecordKey) -> bool {
    let key = encode_key(key).into_bytes();
    pairs.get(&key).is_some_and(|value| decode_record(&key, value).is_some())
}

/// Whether what stands under a key is a membership, an object row or a grant of a group, of one
/// of these.
fn is_of_whom(key: &[u8], is: &impl Fn(RecordKey) -> bool) -> bool {
    match decode_key(key) {
        DecodedKey::Record(RecordKey::Binding(user, role)) => {
            is(RecordKey::User(user)) || is(RecordKey::Role(role))
        }
        DecodedKey::Record(RecordKey::Row(row)) => is(RecordKey::Role(row.role)),
        DecodedKey::Record(RecordKey::Privilege(_, privilege)) => {
            custom_group(&privilege).is_some_and(|name| is(RecordKey::Group(name.into())))
        }
        _ => false,
    }
}

/// The keys of privileges that only rows among these keys lead to.
///
/// INVARIANT: what stands under an id stays as long as a row that stays leads to it.
fn privileges_of(pairs: &Pairs, keys: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let grants = Grants::of(pairs);
    let mut gone: HashMap<&GrantId, usize> = HashMap::new();
    for id in keys.iter().filter_map(|key| grants.id_of(key)) {
        *gone.entry(id).or_default() += 1;
    }
    let gone = gone.into_iter().filter(|(id, rows)| grants.holders(id) == *rows);
    let key = |id: &GrantId, privilege| RecordKey::Privilege(id.clone(), privilege);
    gone.flat_map(|(id, _)| grants.held(id).map(move |(privilege, _)| key(id, privilege.clone())))
        .map(|key| encode_key(&key).into_bytes())
        .collect()
}
