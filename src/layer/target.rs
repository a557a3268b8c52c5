//! What a request is about, read from the top-level fields of its protobuf message without
//! decoding it: database and object names, and what else it says that has a rule of its own.
//!
//! Which fields those are stands in `proto/requirements.txt`; they are found by `scanner.rs`.

use super::wire::{ScanError, Value, message, text, text_at};
use crate::model::DEFAULT_DATABASE;
use crate::policy::{Condition, ObjectSource, Requirement};

/// What a request is about. Everything but the names is empty for nearly all requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a claim of its own")]
pub struct Target {
    /// The database, empty if the request names none.
    pub database: String,
    /// The objects. A field that is not there is an empty name; where a name stands in a message,
    /// none means `*`.
    pub objects: Vec<String>,
    /// The target database, empty if the request names none; `None` if the row has none.
    pub other_database: Option<String>,
    /// Principals of row-level security, all that occur and are not empty.
    pub principals: Vec<String>,
    /// It wants row-level security skipped.
    pub skip_rls: bool,
    /// It touches properties of row-level security.
    pub rls_properties: bool,
    /// The collection whose properties it touches.
    pub collection: String,
    /// It imports binlogs.
    pub binlogs: bool,
    /// It says that it is replicated.
    pub replicated: bool,
    /// It names its object by id.
    pub by_id: bool,
}

impl Target {
    /// What a request is about of which no field has been read.
    pub(super) fn new(requirement: &Requirement) -> Self {
        let mut target = Self::default();
        if matches!(requirement.object, ObjectSource::Field(_)) {
            target.objects.push(String::new());
        }
        if requirement.conditions.iter().any(|one| matches!(one, Condition::Crossing(_))) {
            target.other_database = Some(String::new());
        }
        target
    }

    /// The database that the request is about: the one it names, else that of the connection, else
    /// `default`.
    #[must_use]
    pub fn database_or<'a>(&'a self, connection: &'a str) -> &'a str {
        database_of(&self.database, connection)
    }

    /// The target database by the same rule, if there is one.
    pub(super) fn other_database_or<'a>(&'a self, connection: &'a str) -> Option<&'a str> {
        self.other_database.as_deref().map(|name| database_of(name, connection))
    }

    /// Takes in a field that the row asks for. Of a repeated occurrence of a name the last one
    /// counts, as in protobuf; a claim counts if it occurs at all.
    pub(super) fn read(
        &mut self,
        requirement: &Requirement,
        number: u32,
        value: Value<'_>,
    ) -> Result<(), ScanError> {
        if requirement.database == Some(number) {
            text(number, value)?.clone_into(&mut self.database);
        }
        self.name(requirement.object, number, value)?;
        for condition in requirement.conditions {
            self.claim(*condition, number, value)?;
        }
        Ok(())
    }

    /// An object's name. One that is given by id stays so whatever names stand beside it.
    fn name(
        &mut self,
        source: ObjectSource,
        number: u32,
        value: Value<'_>,
    ) -> Result<(), ScanError> {
        let found = match source {
            ObjectSource::Field(field) if field == number => Some(text(number, value)?),
            ObjectSource::Nested(field) if field == number => text_at(number, value, &[1])?,
            ObjectSource::Role(field) if field == number => text_at(number, value, &[1, 1])?,
            ObjectSource::Repeated(field) if field == number => {
                let name = text(number, value)?;
                // One that is repeated is decided about once.
                if self.objects.last().is_none_or(|last| last != name) {
                    self.objects.push(name.to_owned());
                }
                None
            }
            _ => None,
        };
        let Some(name) = found.filter(|_| !self.by_id) else { return Ok(()) };
        self.objects.clear();
        // In a message, an empty name is as good as none.
        if !name.is_empty() || matches!(source, ObjectSource::Field(_)) {
            self.objects.push(name.to_owned());
        }
        Ok(())
    }

    /// An option of an import. Newer servers take row-level security from there, too.
    fn option(&mut self, key: &str, value: &str) {
        let on = !value.is_empty() && !value.eq_ignore_ascii_case("false");
        self.binlogs |= on && BINLOG_OPTIONS.contains(&key);
        self.skip_rls |= on && key == SKIP_RLS_OPTION;
        if key == PRINCIPAL_OPTION {
            self.principal(value);
        }
    }

    /// A principal that it names. An empty one names nobody.
    fn principal(&mut self, name: &str) {
        if !name.is_empty() && self.principals.last().is_none_or(|last| last != name) {
            self.principals.push(name.to_owned());
        }
    }

    fn claim(
        &mut self,
        condition: Condition,
        number: u32,
        value: Value<'_>,
    ) -> Result<(), ScanError> {
        match condition {
            Condition::Base if number == BASE => {
                let mut fields = message(number, value)?;
                while let Some((inner, _)) = fields.next()? {
                    self.replicated |= inner == REPLICATE_INFO;
                }
            }
            Condition::RowSecurity(one, other) if number == one || number == other => match value {
                Value::Number(flag) => self.skip_rls |= flag != 0,
                Value::Bytes(_) => self.principal(text(number, value)?),
                Value::Fixed => return Err(ScanError::WireType(number)),
            },
            Condition::Crossing(field) if number == field => {
                self.other_database = Some(text(number, value)?.to_owned());
            }
            Condition::RowSecurityProperties { properties, removed, collection } => {
                if number == properties {
                    let key = text_at(number, value, &[KEY])?.unwrap_or_default();
                    self.rls_properties |= is_rls_property(key);
                } else if number == removed {
                    self.rls_properties |= is_rls_property(text(number, value)?);
                } else if number == collection {
                    text(number, value)?.clone_into(&mut self.collection);
                }
            }
            Condition::Id(field) if number == field => match value {
                Value::Number(0) => {}
                Value::Number(_) => {
                    self.by_id = true;
                    self.objects = vec![String::new()];
                }
                Value::Bytes(_) | Value::Fixed => return Err(ScanError::WireType(number)),
            },
            Condition::ImportOptions(options) if number == options => {
                let key = text_at(number, value, &[KEY])?.unwrap_or_default();
                let wanted = text_at(number, value, &[VALUE])?.unwrap_or_default();
                self.option(key, wanted);
            }
            Condition::Base
            | Condition::RowSecurity(..)
            | Condition::Crossing(_)
            | Condition::IfNamed
            | Condition::Id(_)
            | Condition::ImportOptions(_) => {}
        }
        Ok(())
    }
}

fn database_of<'a>(name: &'a str, connection: &'a str) -> &'a str {
    let named = [name, connection].into_iter().find(|name| !name.is_empty());
    named.unwrap_or(DEFAULT_DATABASE)
}

/// Whether the row asks for this field.
pub(super) fn is_asked_for(requirement: &Requirement, number: u32) -> bool {
    let object = match requirement.object {
        ObjectSource::Any => None,
        ObjectSource::Field(field)
        | ObjectSource::Nested(field)
        | ObjectSource::Repeated(field)
        | ObjectSource::Role(field) => Some(field),
    };
    requirement.database == Some(number)
        || object == Some(number)
        || requirement.conditions.iter().any(|condition| match *condition {
            Condition::Base => number == BASE,
            Condition::RowSecurity(one, other) => number == one || number == other,
            Condition::Crossing(field) | Condition::Id(field) | Condition::ImportOptions(field) => {
                number == field
            }
            Condition::IfNamed => false,
            Condition::RowSecurityProperties { properties, removed, collection } => {
                [properties, removed, collection].contains(&number)
            }
        })
}

/// The field of a request with its `MsgBase`, and the one in that with its `ReplicateInfo`.
const BASE: u32 = 1;
const REPLICATE_INFO: u32 = 7;

/// The fields of a `KeyValuePair`.
const KEY: u32 = 1;
const VALUE: u32 = 2;

/// Options of an import that reads binlogs instead of files of a user.
const BINLOG_OPTIONS: [&str; 2] = ["backup", "l0_import"];

/// Options of an import that say of row-level security what other requests say in fields.
const SKIP_RLS_OPTION: &str = "skip_rls";
const PRINCIPAL_OPTION: &str = "rls_principal";

fn is_rls_property(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("rls."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::layer::scan;
    use crate::policy::find;
    use crate::proto::milvus as pb;

    fn row(method: &str) -> &'static Requirement {
        find(&format!("/milvus.proto.milvus.MilvusService/{method}")).unwrap()
    }

    fn user(name: &str) -> Vec<u8> {
        let user = Some(pb::UserEntity { name: name.to_owned() });
        pb::SelectUserRequest { base: None, user, include_role_info: true }.encode_to_vec()
    }

    #[test]
    fn the_name_in_a_nested_message_is_found_and_an_empty_one_means_everything() {
        assert_eq!(scan(&user("ann"), row("SelectUser")).unwrap().objects, ["ann"]);
        assert!(scan(&user(""), row("SelectUser")).unwrap().objects.is_empty());
        assert!(scan(&[], row("SelectUser")).unwrap().objects.is_empty());
    }

    #[test]
    fn of_two_names_the_last_one_counts() {
        let twice = [user("ann"), user("bob")].concat();
        assert_eq!(scan(&twice, row("SelectUser")).unwrap().objects, ["bob"]);
        let twice = [user("ann"), user("")].concat();
        let decoded = pb::SelectUserRequest::decode(&*twice).unwrap();
        assert_eq!(decoded.user.unwrap().name, "ann");
        assert_eq!(scan(&twice, row("SelectUser")).unwrap().objects, ["ann"]);
    }

    #[test]
    fn a_repeated_field_gives_all_its_names() {
        let message = [&b"\x1a\x01a"[..], b"\x1a\x01b", b"\x12\x02db"].concat();
        let target = scan(&message, row("Flush")).unwrap();
        assert_eq!(target.objects, ["a", "b"]);
        assert_eq!(target.database, "db");
    }

    #[test]
    fn what_is_malformed_is_refused() {
        let row = row("UpdateCredential");
        for (message, error) in [
            (&b"\x12"[..], ScanError::Truncated),
            (b"\x12\x05ab", ScanError::Truncated),
            (b"\x12\x81\x00a", ScanError::Varint),
            (b"\x92\x00\x01a", ScanError::Varint),
            (b"\x10\x01", ScanError::WireType(2)),
            (b"\x13\x14", ScanError::Tag),
            (b"\x02\x01a", ScanError::Tag),
            (b"\x12\x01\xff", ScanError::Utf8(2)),
            (b"\x0e", ScanError::Tag),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", ScanError::Varint),
        ] {
            assert_eq!(scan(message, row), Err(error), "{message:x?}");
        }
    }

    /// A field with text, as bytes of a message.
    fn text_field(number: u8, text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for byte in [u32::from(number) << 3 | 2, u32::try_from(text.len()).unwrap()] {
            prost::encoding::encode_varint(u64::from(byte), &mut bytes);
        }
        [bytes, text.as_bytes().to_vec()].concat()
    }

    fn number_field(number: u8, value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in [u64::from(number) << 3, value] {
            prost::encoding::encode_varint(part, &mut bytes);
        }
        bytes
    }

    fn scanned(method: &str, parts: &[Vec<u8>]) -> Target {
        scan(&parts.concat(), row(method)).unwrap()
    }

    #[test]
    fn skipping_row_security_and_naming_principals_are_seen_whatever_comes_last() {
        let parts = [number_field(26, 1), number_field(26, 0)];
        assert!(scanned("Search", &parts).skip_rls);
        assert!(!scanned("Search", &parts[1..]).skip_rls);
        let parts = [text_field(25, "bob"), text_field(25, "ann")];
        assert_eq!(scanned("Search", &parts).principals, ["bob", "ann"]);
        assert!(scanned("HybridSearch", &[number_field(17, 1)]).skip_rls);
        assert!(!scanned("Search", &[number_field(17, 1)]).skip_rls);
    }

    #[test]
    fn a_base_that_says_replicated_is_seen() {
        let base = text_field(1, &String::from_utf8(text_field(7, "")).unwrap());
        assert!(scanned("Insert", std::slice::from_ref(&base)).replicated);
        let plain = text_field(1, &String::from_utf8(number_field(3, 5)).unwrap());
        assert!(!scanned("Insert", &[plain]).replicated);
        // Its first field is no base.
        assert!(!scanned("Import", &[base]).replicated);
    }

    #[test]
    fn target_databases_ids_properties_and_options_are_seen() {
        assert_eq!(scanned("RenameCollection", &[]).other_database.as_deref(), Some(""));
        let renamed = scanned("RenameCollection", &[text_field(5, "db2")]);
        assert_eq!(renamed.other_database.as_deref(), Some("db2"));

        let by_name = text_field(3, "c1");
        assert_eq!(scanned("ShowPartitions", std::slice::from_ref(&by_name)).objects, ["c1"]);
        assert_eq!(scanned("ShowPartitions", &[by_name, number_field(4, 9)]).objects, [""]);

        let pair = |key: &str, value: &str| {
            String::from_utf8([text_field(1, key), text_field(2, value)].concat()).unwrap()
        };
        let altered = [text_field(5, &pair("rls.enabled", "true")), text_field(3, "c1")];
        let altered = scanned("AlterCollection", &altered);
        assert!(altered.rls_properties && altered.collection == "c1");
        assert!(scanned("AlterCollection", &[text_field(6, "RLS.force")]).rls_properties);
        let other = text_field(5, &pair("collection.ttl.seconds", "1"));
        assert!(!scanned("AlterCollection", &[other]).rls_properties);

        assert!(scanned("Import", &[text_field(6, &pair("backup", "true"))]).binlogs);
        assert!(!scanned("Import", &[text_field(6, &pair("backup", "false"))]).binlogs);
        assert!(!scanned("Import", &[text_field(6, &pair("timeout", "true"))]).binlogs);
        assert!(scanned("Import", &[text_field(6, &pair("skip_rls", "true"))]).skip_rls);
        assert!(!scanned("Import", &[text_field(6, &pair("skip_rls", "false"))]).skip_rls);
        let named = scanned("Import", &[text_field(6, &pair("rls_principal", "bob"))]);
        assert_eq!(named.principals, ["bob"]);
    }

    #[test]
    fn the_role_that_a_grant_query_is_about_is_found_three_messages_deep() {
        let role = String::from_utf8(text_field(1, "reader")).unwrap();
        let entity = String::from_utf8(text_field(1, &role)).unwrap();
        assert_eq!(scanned("SelectGrant", &[text_field(2, &entity)]).objects, ["reader"]);
        assert!(scanned("SelectGrant", &[text_field(2, "")]).objects.is_empty());
    }

    #[test]
    fn a_name_that_is_not_there_is_empty() {
        assert_eq!(scanned("Insert", &[]).objects, [""]);
        assert!(scanned("Flush", &[]).objects.is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_is_read_is_what_a_decoder_reads(
            bytes in proptest::collection::vec(any::<u8>(), 0..64)
        ) {
            if let Ok(target) = scan(&bytes, row("UpdateCredential"))
                && let Ok(decoded) = pb::UpdateCredentialRequest::decode(&*bytes)
            {
                let name = target.objects.first().map_or("", String::as_str);
                prop_assert_eq!(name, decoded.username);
            }
        }
    }
}
