//! Where each record stands: Milvus's keys below its root path, in both directions.
//!
//! A key is the text of a fixed part and of names, divided by slashes, with nothing escaped. What
//! stands under a key is left to `record.rs`; whether it decides anything, to the policy. Names
//! are kept as they are: an object `a.b.c` is written back as it was read.

use std::sync::Arc;

use crate::model::{GrantId, ObjectRow, RecordKey, RoleName, UserName};

const USERS: &str = "root-coord/credential/users/";
const ROLES: &str = "root-coord/credential/roles/";
const BINDINGS: &str = "root-coord/credential/user-role-mapping/";
const ROWS: &str = "root-coord/credential/grantee-privileges/";
const PRIVILEGES: &str = "root-coord/credential/grantee-id/";
const GROUPS: &str = "root-coord/privilege-group/";

/// Reads the names behind one fixed part.
type Decoder = fn(&str) -> Option<RecordKey>;

/// What a stored key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodedKey {
    /// A record of ours.
    Record(RecordKey),
    /// It stands under a prefix of ours and is none of the keys that we know: too many or too few
    /// segments, an empty one, or no UTF-8. To be kept and reported.
    NotUnderstood,
    /// It stands under no prefix of ours.
    Foreign,
}

/// The key of a record, without Milvus's root path.
///
/// A name with a slash in it, or an empty one, gives a key that [`decode_key`] does not give back;
/// stores refuse to write such a record.
#[must_use]
pub fn encode_key(key: &RecordKey) -> String {
    match key {
        RecordKey::User(user) => format!("{USERS}{user}"),
        RecordKey::Role(role) => format!("{ROLES}{role}"),
        RecordKey::Binding(user, role) => format!("{BINDINGS}{user}/{role}"),
        RecordKey::Row(row) => row.key(),
        RecordKey::Privilege(id, privilege) => format!("{PRIVILEGES}{}/{privilege}", id.0),
        RecordKey::Group(name) => format!("{GROUPS}{name}"),
    }
}

/// What a key, without Milvus's root path, stands for.
#[must_use]
pub fn decode_key(key: &[u8]) -> DecodedKey {
    let kinds = [
        (USERS, decode_user as Decoder),
        (ROLES, decode_role),
        (BINDINGS, decode_binding),
        (ROWS, decode_row),
        (PRIVILEGES, decode_privilege),
        (GROUPS, decode_group),
    ];
    for (prefix, decode) in kinds {
        let Some(names) = key.strip_prefix(prefix.as_bytes()) else { continue };
        let record = std::str::from_utf8(names).ok().and_then(decode);
        return record.map_or(DecodedKey::NotUnderstood, DecodedKey::Record);
    }
    DecodedKey::Foreign
}

/// The names in the rest of a key, if there are exactly this many and none is empty.
fn segments<const N: usize>(names: &str) -> Option<[&str; N]> {
    let mut found = [""; N];
    let mut rest = names.split('/');
    for slot in &mut found {
        *slot = rest.next().filter(|segment| !segment.is_empty())?;
    }
    rest.next().is_none().then_some(found)
}

fn decode_user(names: &str) -> Option<RecordKey> {
    UserName::new(names).map(RecordKey::User)
}

fn decode_role(names: &str) -> Option<RecordKey> {
    RoleName::new(names).map(RecordKey::Role)
}

fn decode_binding(names: &str) -> Option<RecordKey> {
    let [user, role] = segments(names)?;
    Some(RecordKey::Binding(UserName::new(user)?, RoleName::new(role)?))
}

fn decode_row(names: &str) -> Option<RecordKey> {
    let [role, object_type, object] = segments(names)?;
    Some(RecordKey::Row(ObjectRow {
        role: RoleName::new(role)?,
        object_type: Arc::from(object_type),
        object: Arc::from(object),
    }))
}

fn decode_privilege(names: &str) -> Option<RecordKey> {
    let [id, privilege] = segments(names)?;
    Some(RecordKey::Privilege(GrantId(Arc::from(id)), Arc::from(privilege)))
}

fn decode_group(names: &str) -> Option<RecordKey> {
    let [name] = segments(names)?;
    Some(RecordKey::Group(Arc::from(name)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(role: &str, object_type: &str, object: &str) -> ObjectRow {
        ObjectRow {
            role: RoleName::new(role).unwrap(),
            object_type: Arc::from(object_type),
            object: Arc::from(object),
        }
    }

    #[test]
    fn a_key_with_the_wrong_segments_is_not_understood() {
        for key in [
            "root-coord/credential/users/",
            "root-coord/credential/users/a/b",
            "root-coord/credential/roles/",
            "root-coord/credential/roles/r/",
            "root-coord/credential/user-role-mapping/u",
            "root-coord/credential/user-role-mapping/u/",
            "root-coord/credential/user-role-mapping//r",
            "root-coord/credential/user-role-mapping/u/r/x",
            "root-coord/credential/grantee-privileges/r/Collection",
            "root-coord/credential/grantee-privileges/r//o",
            "root-coord/credential/grantee-privileges/r/Collection/ms_x/y",
            "root-coord/credential/grantee-id/1e655fbdfee6aa52",
            "root-coord/credential/grantee-id/1e655fbdfee6aa52/",
            "root-coord/credential/grantee-id//PrivilegeLoad",
            "root-coord/privilege-group/",
            "root-coord/privilege-group/a/b",
        ] {
            assert_eq!(decode_key(key.as_bytes()), DecodedKey::NotUnderstood, "{key}");
        }
        assert_eq!(
            decode_key(b"root-coord/credential/users/\xff"),
            DecodedKey::NotUnderstood,
            "a name that is no UTF-8"
        );
    }

    #[test]
    fn what_stands_elsewhere_is_foreign() {
        for key in [
            "",
            "root-coord/credential/users",
            "root-coord/credential/",
            "root-coord/database/db-info/1",
            "by-dev/meta/root-coord/credential/users/root",
            "\0milvus-rbac/format",
        ] {
            assert_eq!(decode_key(key.as_bytes()), DecodedKey::Foreign, "{key}");
        }
    }

    #[test]
    fn an_object_with_two_dots_keeps_all_of_them() {
        let key = "root-coord/credential/grantee-privileges/r/Collection/a.b.c";
        let DecodedKey::Record(decoded) = decode_key(key.as_bytes()) else { panic!("{key}") };
        assert_eq!(decoded, RecordKey::Row(row("r", "Collection", "a.b.c")));
        assert_eq!(encode_key(&decoded), key);
    }

    proptest! {
        #[test]
        fn a_key_that_is_understood_encodes_to_itself(
            prefix in prop::sample::select(vec![USERS, ROLES, BINDINGS, ROWS, PRIVILEGES, GROUPS]),
            names in "([a-zA-Z .*é$_]{0,3}/?){0,5}",
        ) {
            let key = format!("{prefix}{names}");
            if let DecodedKey::Record(decoded) = decode_key(key.as_bytes()) {
                prop_assert_eq!(encode_key(&decoded), key);
            }
        }

        #[test]
        fn no_bytes_make_the_decoder_fail(key in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode_key(&key);
        }
    }
}
