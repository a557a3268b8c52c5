//! What a request is about: database and object names, read from the top-level fields of its
//! protobuf message without decoding it.
//!
//! Whatever is not plainly well-formed is an error and so a refusal: what is decided on must be
//! what every decoder would read.

use std::str;

use crate::policy::{ObjectSource, Requirement};

/// Names out of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The database, empty if the request names none.
    pub database: String,
    /// The objects; none means `*`.
    pub objects: Vec<String>,
}

/// Why a message could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// It ends in the middle of a field.
    #[error("unexpected end of the message")]
    Truncated,
    /// A number is longer than needed or than ten bytes.
    #[error("a varint is malformed")]
    Varint,
    /// Field number 0, a group, or a wire type that does not exist.
    #[error("a field has an invalid tag")]
    Tag,
    /// A field that is a name has another type.
    #[error("field {0} has the wrong wire type")]
    WireType(u32),
    /// A field that is a name is not UTF-8.
    #[error("field {0} is not valid UTF-8")]
    Utf8(u32),
}

/// Reads from a whole message what its row names. Of a repeated occurrence the last one counts,
/// as in protobuf.
///
/// # Errors
/// The message is malformed. Fields that are not asked for are checked for their frame only.
pub fn scan(message: &[u8], requirement: &Requirement) -> Result<Target, ScanError> {
    let mut database = None;
    let mut objects = Vec::new();
    let mut nested: Option<Option<&str>> = None;
    let mut fields = Fields(message);
    while let Some((number, value)) = fields.next()? {
        if requirement.database == Some(number) {
            database = Some(text(number, value)?);
        }
        match requirement.object {
            ObjectSource::Field(field) if field == number => {
                objects.clear();
                objects.push(text(number, value)?);
            }
            ObjectSource::Repeated(field) if field == number => objects.push(text(number, value)?),
            ObjectSource::Nested(field) if field == number => {
                // Occurrences of a message are merged: a name in an earlier one stays.
                let name = nested.flatten();
                nested = Some(name_in(number, value)?.or(name));
            }
            _ => {}
        }
    }
    objects.extend(nested.flatten().filter(|name| !name.is_empty()));
    let objects = objects.into_iter().map(str::to_owned).collect();
    Ok(Target { database: database.unwrap_or_default().to_owned(), objects })
}

/// Field 1 of an embedded message, as text.
fn name_in(number: u32, value: Value<'_>) -> Result<Option<&str>, ScanError> {
    let Value::Bytes(message) = value else {
        return Err(ScanError::WireType(number));
    };
    let mut name = None;
    let mut fields = Fields(message);
    while let Some((inner, value)) = fields.next()? {
        if inner == 1 {
            name = Some(text(inner, value)?);
        }
    }
    Ok(name)
}

fn text(number: u32, value: Value<'_>) -> Result<&str, ScanError> {
    match value {
        Value::Bytes(bytes) => str::from_utf8(bytes).map_err(|_| ScanError::Utf8(number)),
        Value::Scalar => Err(ScanError::WireType(number)),
    }
}

/// The value of a field.
#[derive(Clone, Copy)]
enum Value<'a> {
    /// Length-delimited.
    Bytes(&'a [u8]),
    /// A number of any size; nobody asks for one.
    Scalar,
}

/// The rest of a message, field by field.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, ScanError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| ScanError::Tag)?;
        if number == 0 || number > MAX_FIELD {
            return Err(ScanError::Tag);
        }
        let value = match tag & 7 {
            0 => {
                self.varint()?;
                Value::Scalar
            }
            1 => self.skip(8)?,
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.skip(4)?,
            _ => return Err(ScanError::Tag),
        };
        Ok(Some((number, value)))
    }

    /// A number of at most ten bytes, in its shortest form.
    fn varint(&mut self) -> Result<u64, ScanError> {
        let mut value = 0_u64;
        for index in 0..10_u32 {
            let (&byte, rest) = self.0.split_first().ok_or(ScanError::Truncated)?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if index == 9 && byte > 1 {
                return Err(ScanError::Varint);
            }
            value |= bits << (7 * index);
            if byte & 0x80 == 0 {
                let shortest = index == 0 || byte != 0;
                return if shortest { Ok(value) } else { Err(ScanError::Varint) };
            }
        }
        Err(ScanError::Varint)
    }

    fn skip(&mut self, length: u64) -> Result<Value<'a>, ScanError> {
        self.take(length)?;
        Ok(Value::Scalar)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], ScanError> {
        let length = usize::try_from(length).map_err(|_| ScanError::Truncated)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(ScanError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// The highest field number there is.
const MAX_FIELD: u32 = (1 << 29) - 1;

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
