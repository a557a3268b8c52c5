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
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| ScanError::Tag)?;
        if number == 0 || number > MAX_FIELD {
            return Err(ScanError::Tag);
        }
        let value = match tag & 7 {
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
        Ok(Value::Fixed)
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
