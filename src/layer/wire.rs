//! Protobuf messages field by field, without decoding them.
//!
//! Whatever is not plainly well-formed is an error and so a refusal: what is decided on must be
//! what every decoder would read.

use std::str;

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
    /// A field that is read has another type.
    #[error("field {0} has the wrong wire type")]
    WireType(u32),
    /// A field that is read is not UTF-8.
    #[error("field {0} is not valid UTF-8")]
    Utf8(u32),
    /// The fields that are read are larger together than any names are.
    #[error("the fields that say what the request is about are too long, field {0} among them")]
    TooLong(u32),
}

/// The value of a field.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    /// Length-delimited.
    Bytes(&'a [u8]),
    /// A varint.
    Number(u64),
    /// Four or eight bytes; nobody asks for them.
    Fixed,
}

/// The bytes of a field that is a message.
pub(super) fn message(number: u32, value: Value<'_>) -> Result<Fields<'_>, ScanError> {
    match value {
        Value::Bytes(bytes) => Ok(Fields(bytes)),
        Value::Number(_) | Value::Fixed => Err(ScanError::WireType(number)),
    }
}

/// A field that is text.
pub(super) fn text(number: u32, value: Value<'_>) -> Result<&str, ScanError> {
    let Fields(bytes) = message(number, value)?;
    str::from_utf8(bytes).map_err(|_| ScanError::Utf8(number))
}

/// A text at the end of a path of messages: `[1, 1]` is field 1 of field 1. Of several the last
/// one counts; messages that occur more than once are merged, as in protobuf.
pub(super) fn text_at<'a>(
    number: u32,
    value: Value<'a>,
    path: &[u32],
) -> Result<Option<&'a str>, ScanError> {
    let Some((step, path)) = path.split_first() else {
        return text(number, value).map(Some);
    };
    let mut found = None;
    let mut fields = message(number, value)?;
    while let Some((inner, value)) = fields.next()? {
        if inner == *step {
            found = text_at(inner, value, path)?.or(found);
        }
    }
    Ok(found)
}

/// The rest of a message, field by field.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next field, or nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, ScanError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = split_tag(self.varint()?)?;
        let value = match wire_type {
            0 => Value::Number(self.varint()?),
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

    fn varint(&mut self) -> Result<u64, ScanError> {
        let mut varint = Varint::default();
        loop {
            let (&byte, rest) = self.0.split_first().ok_or(ScanError::Truncated)?;
            self.0 = rest;
            if let Some(value) = varint.push(byte)? {
                return Ok(value);
            }
        }
    }

    fn skip(&mut self, length: u64) -> Result<Value<'a>, ScanError> {
        self.take(length)?;
        Ok(Value::Fixed)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], ScanError> {
        let length = usize::try_from(length).map_err(|_| ScanError::Truncated)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(ScanError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// A number of at most ten bytes, in its shortest form, of which not all need have come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Varint {
    value: u64,
    bytes: u32,
}

impl Varint {
    /// Whether nothing of it has come.
    pub(super) fn is_empty(self) -> bool {
        self.bytes == 0
    }

    /// Takes its next byte; gives the number if that was the last one.
    pub(super) fn push(&mut self, byte: u8) -> Result<Option<u64>, ScanError> {
        let last_possible = self.bytes == 9;
        if last_possible && byte > 1 {
            return Err(ScanError::Varint);
        }
        self.value |= u64::from(byte & 0x7f) << (7 * self.bytes);
        let first = self.is_empty();
        self.bytes += 1;
        if byte & 0x80 != 0 {
            return Ok(None);
        }
        let shortest = first || byte != 0;
        if shortest { Ok(Some(self.value)) } else { Err(ScanError::Varint) }
    }
}

/// Field number and wire type of a tag.
pub(super) fn split_tag(tag: u64) -> Result<(u32, u64), ScanError> {
    let number = u32::try_from(tag >> 3).map_err(|_| ScanError::Tag)?;
    if number == 0 || number > MAX_FIELD {
        return Err(ScanError::Tag);
    }
    Ok((number, tag & 7))
}

/// The highest field number there is.
const MAX_FIELD: u32 = (1 << 29) - 1;
