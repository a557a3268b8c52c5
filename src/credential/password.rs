//! A password in memory: never printed, wiped when dropped.
//!
//! Whether it may be set is asked of `model::PasswordRule`; hashing is in `hash.rs`.

use std::fmt;

use zeroize::Zeroizing;

use super::Base64Error;
use super::base64::decode;

/// A password as its raw bytes, of any length and not necessarily UTF-8.
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// The password of an RPC's field, which carries it in base64.
    ///
    /// # Errors
    /// If the field is not base64.
    pub fn from_base64(text: &str) -> Result<Self, Base64Error> {
        decode(text.as_bytes()).map(Self)
    }

    /// A copy of these bytes; the original is the caller's to wipe.
    pub(super) fn copy_of(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Password {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_may_hold_line_breaks_and_any_bytes() {
        assert_eq!(Password::from_base64("TWls\r\ndnVz").unwrap().as_bytes(), b"Milvus");
        assert_eq!(Password::from_base64("/wA=").unwrap().as_bytes(), b"\xff\0");
        assert_eq!(Password::from_base64("TWl").unwrap_err().offset, 0);
    }

    #[test]
    fn it_prints_as_nothing() {
        assert_eq!(format!("{:?}", Password::from(b"secret".to_vec())), "Password(..)");
    }
}
