//! A password as a request brings it: base64 over gRPC, plain over REST and from embedders.

use std::fmt;

use zeroize::Zeroizing;

use crate::credential::{Base64Error, Password};

/// A password that may still have to be decoded. It is wiped when dropped and prints as nothing.
pub enum GivenPassword {
    /// Base64 of its bytes, as gRPC requests carry it.
    Base64(Zeroizing<String>),
    /// Its bytes.
    Plain(Password),
}

impl GivenPassword {
    /// Base64 text, as it came.
    #[must_use]
    pub fn base64(text: String) -> Self {
        Self::Base64(Zeroizing::new(text))
    }

    /// The text itself.
    #[must_use]
    pub fn plain(text: String) -> Self {
        Self::Plain(Password::from(text.into_bytes()))
    }

    /// Whether nothing was given at all.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Base64(text) => text.is_empty(),
            Self::Plain(password) => password.as_bytes().is_empty(),
        }
    }

    /// The bytes of the password.
    pub(super) fn decode(self) -> Result<Password, Base64Error> {
        match self {
            Self::Base64(text) => Password::from_base64(&text),
            Self::Plain(password) => Ok(password),
        }
    }
}

impl fmt::Debug for GivenPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GivenPassword(..)")
    }
}
