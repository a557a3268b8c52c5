//! The stored form of each record: the bytes that Milvus writes under its keys.
//!
//! Reading accepts what any version wrote; writing gives what the newest one writes. Fields that
//! we do not know stay until the record is written anew, as in Milvus. Keys are `keys.rs`'s.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use prost::Message as _;
use serde::Deserialize;

use super::keys::{DecodedKey, decode_key, encode_key};
use crate::model::{
    Credential, GrantId, Grantor, PasswordHash, PrivilegeGroup, Record, RecordKey, Role,
};
use crate::proto::milvus::{PrivilegeEntity, PrivilegeGroupInfo};

/// The key of a record, without Milvus's root path, and the value that stands under it.
#[must_use]
pub fn encode_record(record: &Record) -> (String, Vec<u8>) {
    let value = match record {
        Record::User(_, credential) => encode_credential(credential).into_bytes(),
        Record::Role(_, role) => encode_role(role).into_bytes(),
        Record::Binding(..) => Vec::new(),
        Record::Row(_, id) => id.0.as_bytes().to_vec(),
        Record::Privilege(_, _, grantor) => grantor.0.as_bytes().to_vec(),
        Record::Group(group) => encode_group(group),
    };
    (encode_key(&record.key()), value)
}

/// The record that a stored pair makes, or `None` if the key or the value is not understood: such
/// a pair is kept, reported, and takes part in nothing. A user whose value is not understood is
/// there, without a password that anybody could know.
#[must_use]
pub fn decode_record(key: &[u8], value: &[u8]) -> Option<Record> {
    let DecodedKey::Record(key) = decode_key(key) else { return None };
    Some(match key {
        RecordKey::User(user) => Record::User(user, decode_credential(value)),
        RecordKey::Role(role) => Record::Role(role, decode_role(value)),
        // The value of a mapping is never read.
        RecordKey::Binding(user, role) => Record::Binding(user, role),
        RecordKey::Row(row) => Record::Row(row, GrantId(decode_text(value)?)),
        RecordKey::Privilege(id, privilege) => {
            Record::Privilege(id, privilege, Grantor(decode_text(value)?))
        }
        RecordKey::Group(name) => Record::Group(decode_group(name, value)?),
    })
}

/// What one stored pair comes to.
pub(super) struct Read {
    /// The record, if it makes one.
    pub(super) record: Option<Record>,
    /// Whether both key and value are understood. A user who cannot log in because the value is
    /// damaged is there, and told of.
    pub(super) is_understood: bool,
}

/// Reads a stored pair.
pub(super) fn read(key: &[u8], value: &[u8]) -> Read {
    let record = decode_record(key, value);
    let is_understood = match &record {
        None => false,
        Some(Record::User(..)) => is_credential(value),
        Some(_) => true,
    };
    Read { record, is_understood }
}

fn decode_text(value: &[u8]) -> Option<Arc<str>> {
    std::str::from_utf8(value).ok().map(Arc::from)
}

/// The fields of a credential that are read; the user's name is the key's.
#[derive(Default, Deserialize)]
struct StoredCredential<'a> {
    #[serde(borrow)]
    encrypted_password: Option<Cow<'a, str>>,
    time_tick: Option<u64>,
    description: Option<Box<str>>,
}

/// A value that does not decode is a user all the same, who cannot log in: the name is taken, and a
/// store with such a user is not one without users.
fn decode_credential(value: &[u8]) -> Credential {
    let stored: Option<StoredCredential<'_>> = decode_object(value);
    let stored = stored.unwrap_or_default();
    Credential {
        hash: PasswordHash::new(&stored.encrypted_password.unwrap_or_default()),
        description: stored.description,
        time_tick: stored.time_tick.unwrap_or(0),
    }
}

/// Whether the value of a user can be read.
fn is_credential(value: &[u8]) -> bool {
    decode_object::<StoredCredential<'_>>(value).is_some()
}

fn encode_credential(credential: &Credential) -> String {
    let mut fields = Vec::with_capacity(3);
    if !credential.hash.expose().is_empty() {
        fields.push(format!("\"encrypted_password\":{}", quote(credential.hash.expose())));
    }
    if credential.time_tick != 0 {
        fields.push(format!("\"time_tick\":{}", credential.time_tick));
    }
    if let Some(description) = &credential.description {
        fields.push(format!("\"description\":{}", quote(description)));
    }
    format!("{{{}}}", fields.join(","))
}

/// The field of a role that is read.
#[derive(Deserialize)]
struct StoredRole {
    description: Option<String>,
}

/// Milvus takes a value that does not decode for a role without a description.
fn decode_role(value: &[u8]) -> Role {
    let stored: Option<StoredRole> = decode_object(value);
    Role { description: stored.and_then(|role| role.description).unwrap_or_default() }
}

fn encode_role(role: &Role) -> String {
    format!("{{\"description\":{}}}", quote(&role.description))
}

/// A JSON object. serde would take an array for a struct too; Milvus does not.
fn decode_object<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Option<T> {
    if !value.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(value).ok()
}

/// A JSON string as Go's encoder writes it: it also escapes what is special in HTML and the two
/// line ends of Unicode that JavaScript does not allow in a string.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a String does not fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// The name in the value is not read: the key decides, or the group could not be dropped.
fn decode_group(name: Arc<str>, value: &[u8]) -> Option<PrivilegeGroup> {
    let stored = PrivilegeGroupInfo::decode(value).ok()?;
    let mut privileges: Vec<Arc<str>> =
        stored.privileges.into_iter().map(|privilege| Arc::from(privilege.name)).collect();
    privileges.sort_unstable();
    privileges.dedup();
    Some(PrivilegeGroup { name, privileges })
}

fn encode_group(group: &PrivilegeGroup) -> Vec<u8> {
    let mut names: Vec<&str> = group.privileges.iter().map(|name| &**name).collect();
    names.sort_unstable();
    names.dedup();
    let privileges =
        names.into_iter().map(|name| PrivilegeEntity { name: name.to_owned() }).collect();
    PrivilegeGroupInfo { group_name: group.name.to_string(), privileges }.encode_to_vec()
}

#[cfg(test)]
mod tests;
