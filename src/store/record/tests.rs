//! The written form against a dump of real stores, and the two directions against each other.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::model::{ObjectRow, RoleName, UserName};

const DUMP: &str = include_str!("../../../tests/data/metastore-dump.json");

/// The pairs of a part of the dump, with keys without the root path.
fn pairs(part: &Value) -> Vec<(String, Vec<u8>)> {
    let entries = part["entries"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| {
            let key = entry["key"].as_str().unwrap().strip_prefix("by-dev/meta/").unwrap();
            let value = match (entry["value_utf8"].as_str(), entry["value_base64"].as_str()) {
                (Some(text), None) => text.as_bytes().to_vec(),
                (None, Some(text)) => {
                    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text)
                        .unwrap()
                }
                other => panic!("{key} has {other:?}"),
            };
            (key.to_owned(), value)
        })
        .collect()
}

fn user(name: &str, value: &str) -> Option<Credential> {
    let key = format!("root-coord/credential/users/{name}");
    match decode_record(key.as_bytes(), value.as_bytes())? {
        Record::User(found, credential) => {
            assert_eq!(found.as_str(), name);
            Some(credential)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_pair_of_real_stores_is_understood_and_keeps_its_key() {
    let dump: Value = serde_json::from_str(DUMP).unwrap();
    let mut seen = 0;
    for part in [&dump, &dump["older"], &dump["newer"]] {
        for (key, value) in pairs(part) {
            let record = decode_record(key.as_bytes(), &value).unwrap_or_else(|| panic!("{key}"));
            assert_eq!(encode_record(&record).0, key);
            seen += 1;
        }
    }
    assert_eq!(seen, 34 + 18 + 18);
}

#[test]
fn writing_back_gives_the_same_bytes_but_where_the_newest_form_differs() {
    let dump: Value = serde_json::from_str(DUMP).unwrap();
    let mut same = 0;
    let mut changed = Vec::new();
    for part in [&dump, &dump["older"], &dump["newer"]] {
        for (key, value) in pairs(part) {
            let record = decode_record(key.as_bytes(), &value).unwrap();
            let (_, written) = encode_record(&record);
            assert_eq!(decode_record(key.as_bytes(), &written), Some(record), "{key}");
            if written == value {
                same += 1;
            } else if key.contains("/roles/") && value.is_empty() {
                assert_eq!(written, br#"{"description":""}"#, "{key}");
            } else {
                changed.push(key.rsplit('/').next().unwrap().to_owned());
            }
        }
    }
    // `ms_erin` carries a field of the cache, which is left out; `ms_pg` is not sorted.
    assert_eq!(changed, ["ms_erin", "ms_pg"]);
    assert_eq!(same, 34 + 18 + 18 - 8 - 2);
}

#[test]
fn a_credential_keeps_its_version_and_its_description() {
    let value = r#"{"encrypted_password":"$2a$10$x","time_tick":459270061531234306,"description":"on call"}"#;
    let credential = user("ms_dave", value).unwrap();
    assert_eq!(credential.hash.expose(), "$2a$10$x");
    assert_eq!(credential.time_tick, 459_270_061_531_234_306);
    assert_eq!(credential.description.as_deref(), Some("on call"));
    assert_eq!(encode_credential(&credential), value);
}

#[test]
fn an_empty_description_is_not_the_same_as_none() {
    let with = r#"{"encrypted_password":"h","description":""}"#;
    let without = r#"{"encrypted_password":"h"}"#;
    assert_eq!(user("u", with).unwrap().description.as_deref(), Some(""));
    assert_eq!(user("u", without).unwrap().description, None);
    assert_eq!(encode_credential(&user("u", with).unwrap()), with);
    assert_eq!(encode_credential(&user("u", without).unwrap()), without);
}

#[test]
fn unknown_fields_and_nulls_are_tolerated() {
    let value = r#" {"username":"x","is_super":true,"later":[1,{"a":2}],"encrypted_password":"h","time_tick":null} "#;
    let credential = user("u", value).unwrap();
    assert_eq!(credential.hash.expose(), "h");
    assert_eq!(encode_credential(&credential), r#"{"encrypted_password":"h"}"#);
}

#[test]
fn a_credential_that_does_not_decode_is_a_user_who_cannot_log_in() {
    for value in [
        "",
        "{",
        "null",
        "[]",
        r#"["h",1,"d"]"#,
        r#""h""#,
        r#"{"encrypted_password":5}"#,
        r#"{"encrypted_password":"h","time_tick":-1}"#,
        r#"{"encrypted_password":"h","time_tick":1.5}"#,
        r#"{"encrypted_password":"h"} x"#,
    ] {
        assert_eq!(user("u", value).unwrap().hash.expose(), "", "{value}");
        assert!(!is_credential(value.as_bytes()), "{value}");
    }
    assert_eq!(user("u", "{}").unwrap().hash.expose(), "", "no password, so nothing matches it");
}

#[test]
fn a_role_that_does_not_decode_has_no_description() {
    for value in ["", "{", "x", "null", "[\"d\"]", r#"{"description":5}"#, "{}", "\u{0}"] {
        assert_eq!(decode_role(value.as_bytes()), Role::default(), "{value}");
    }
    assert_eq!(decode_role(br#"{"description":"reads"}"#).description, "reads");
}

#[test]
fn strings_are_escaped_as_go_escapes_them() {
    let text = "<a> & \"b\" \\ \n\r\t\u{8}\u{c}\u{1}\u{1f}\u{7f} \u{2028}\u{2029} é 💡 /";
    assert_eq!(
        quote(text),
        "\"\\u003ca\\u003e \\u0026 \\\"b\\\" \\\\ \\n\\r\\t\\b\\f\\u0001\\u001f\u{7f} \
         \\u2028\\u2029 é 💡 /\""
    );
}

#[test]
fn a_group_is_sorted_and_each_member_once() {
    let info = PrivilegeGroupInfo {
        group_name: "other".to_owned(),
        privileges: ["Query", "Insert", "Query"]
            .map(|name| PrivilegeEntity { name: name.to_owned() })
            .to_vec(),
    };
    let decoded = decode_group(Arc::from("g"), &info.encode_to_vec()).unwrap();
    assert_eq!(decoded.privileges, [Arc::from("Insert"), Arc::from("Query")]);
    assert_eq!(&*decoded.name, "g");
    assert_eq!(decode_group(Arc::from("g"), b"\x0a\xff"), None, "cut off");
}

#[test]
fn ids_and_grantors_may_be_any_text_but_must_be_text() {
    let row = b"root-coord/credential/grantee-privileges/r/Global/default.*";
    let privilege = b"root-coord/credential/grantee-id/x/PrivilegeLoad";
    assert!(
        matches!(decode_record(row, b"any string"), Some(Record::Row(_, id)) if &*id.0 == "any string")
    );
    assert!(
        matches!(decode_record(privilege, b""), Some(Record::Privilege(_, _, by)) if by.0.is_empty())
    );
    assert_eq!(decode_record(row, b"\xff"), None);
    assert_eq!(decode_record(privilege, b"\xff"), None);
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_$*. <>é]{1,12}"
}

fn record() -> impl Strategy<Value = Record> {
    let user = || name().prop_map(|text| UserName::new(&text).unwrap());
    let role = || name().prop_map(|text| RoleName::new(&text).unwrap());
    let text = || name().prop_map(Arc::<str>::from);
    prop_oneof![
        (user(), any::<String>(), any::<u64>(), any::<Option<String>>()).prop_map(
            |(user, hash, time_tick, description)| {
                let hash = PasswordHash::new(&hash);
                let description = description.map(String::into_boxed_str);
                Record::User(user, Credential { hash, description, time_tick })
            }
        ),
        (role(), any::<String>())
            .prop_map(|(role, description)| Record::Role(role, Role { description })),
        (user(), role()).prop_map(|(user, role)| Record::Binding(user, role)),
        (role(), text(), text(), any::<String>()).prop_map(|(role, object_type, object, id)| {
            Record::Row(ObjectRow { role, object_type, object }, GrantId(Arc::from(id)))
        }),
        (text(), text(), any::<String>()).prop_map(|(id, privilege, by)| {
            Record::Privilege(GrantId(id), privilege, Grantor(Arc::from(by)))
        }),
        (text(), prop::collection::btree_set(any::<String>(), 0..6)).prop_map(|(name, members)| {
            let privileges = members.into_iter().map(Arc::from).collect();
            Record::Group(PrivilegeGroup { name, privileges })
        }),
    ]
}

proptest! {
    #[test]
    fn a_record_survives_being_written_and_read(record in record()) {
        let (key, value) = encode_record(&record);
        prop_assert_eq!(decode_record(key.as_bytes(), &value), Some(record));
    }

    #[test]
    fn a_json_parser_reads_what_is_quoted(text in any::<String>()) {
        prop_assert_eq!(serde_json::from_str::<String>(&quote(&text)).unwrap(), text);
    }

    #[test]
    fn no_value_makes_the_decoder_fail(value in prop::collection::vec(any::<u8>(), 0..60)) {
        for key in ["root-coord/credential/users/u", "root-coord/credential/roles/r",
            "root-coord/privilege-group/g"] {
            let _ = decode_record(key.as_bytes(), &value);
        }
    }
}
