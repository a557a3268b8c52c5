//! What a request is about, read from the top-level fields of its protobuf message without
//! decoding it: database and object names, and what else it says that has a rule of its own.
//!
//! Which fields those are stands in `proto/requirements.txt`.

use super::wire::{Fields, ScanError, Value, message, text, text_at};
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
    /// Principals of row-level security, all that occur.
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
}

/// Reads from a whole message what its row asks for. Of a repeated occurrence of a name the last
/// one counts, as in protobuf; a claim counts if it occurs at all.
///
/// # Errors
/// The message is malformed. Fields that are not asked for are checked for their frame only.
pub fn scan(bytes: &[u8], requirement: &Requirement) -> Result<Target, ScanError> {
    let mut target = Target::default();
    let mut names = Names::new(requirement);
    if requirement.conditions.iter().any(|one| matches!(one, Condition::Crossing(_))) {
        target.other_database = Some(String::new());
    }
    let mut fields = Fields(bytes);
    while let Some((number, value)) = fields.next()? {
        if requirement.database == Some(number) {
            text(number, value)?.clone_into(&mut target.database);
        }
        names.read(number, value)?;
        for condition in requirement.conditions {
            target.claim(*condition, number, value)?;
        }
    }
    target.objects = names.objects();
    Ok(target)
}

/// The object names of a message so far.
struct Names<'a> {
    source: ObjectSource,
    names: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn new(requirement: &Requirement) -> Self {
        let names = match requirement.object {
            ObjectSource::Field(_) => vec![""],
            _ => Vec::new(),
        };
        Self { source: requirement.object, names }
    }

    fn read(&mut self, number: u32, value: Value<'a>) -> Result<(), ScanError> {
        let found = match self.source {
            ObjectSource::Field(field) if field == number => Some(text(number, value)?),
            ObjectSource::Nested(field) if field == number => text_at(number, value, &[1])?,
            ObjectSource::Role(field) if field == number => text_at(number, value, &[1, 1])?,
            ObjectSource::Repeated(field) if field == number => {
                self.names.push(text(number, value)?);
                None
            }
            _ => None,
        };
        if let Some(name) = found {
            self.names = vec![name];
        }
        Ok(())
    }

    fn objects(self) -> Vec<String> {
        let nested = matches!(self.source, ObjectSource::Nested(_) | ObjectSource::Role(_));
        let names = self.names.into_iter().filter(|name| !nested || !name.is_empty());
        names.map(str::to_owned).collect()
    }
}

impl Target {
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
                Value::Bytes(_) => self.principals.push(text(number, value)?.to_owned()),
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
            Condition::Binlogs(options) if number == options => {
                let key = text_at(number, value, &[KEY])?.unwrap_or_default();
                let wanted = text_at(number, value, &[VALUE])?.unwrap_or_default();
                let on = !wanted.is_empty() && !wanted.eq_ignore_ascii_case("false");
                self.binlogs |= on && BINLOG_OPTIONS.contains(&key);
            }
            Condition::Base
            | Condition::RowSecurity(..)
            | Condition::Crossing(_)
            | Condition::IfNamed
            | Condition::Binlogs(_) => {}
        }
        Ok(())
    }
}

/// The field of a request with its `MsgBase`, and the one in that with its `ReplicateInfo`.
const BASE: u32 = 1;
const REPLICATE_INFO: u32 = 7;

/// The fields of a `KeyValuePair`.
const KEY: u32 = 1;
const VALUE: u32 = 2;

/// Options of an import that reads binlogs instead of files of a user.
const BINLOG_OPTIONS: [&str; 2] = ["backup", "l0_import"];

fn is_rls_property(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("rls."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
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
