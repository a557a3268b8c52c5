//! What is kept of a user and of a role besides the name.

use std::fmt;

/// Bytes of a bcrypt string, whatever its cost.
const BCRYPT_TEXT: usize = 60;

/// A stored bcrypt string. It prints as nothing, so that no log line can hold it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Text);

/// Equal texts are of the same kind, so they compare by parts.
#[derive(Clone, PartialEq, Eq)]
enum Text {
    /// As long as every bcrypt string, in place: there may be millions.
    Usual([u8; BCRYPT_TEXT]),
    Other(Box<str>),
}

impl PasswordHash {
    /// Wraps a bcrypt string; nothing is checked, because a store may hold anything.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let usual = text.as_bytes().try_into().map(Text::Usual);
        Self(usual.unwrap_or_else(|_| Text::Other(text.into())))
    }

    /// The bcrypt string.
    #[must_use]
    pub fn expose(&self) -> &str {
        match &self.0 {
            // It was made from text.
            Text::Usual(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
            Text::Other(text) => text,
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// What is stored of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The bcrypt string.
    pub hash: PasswordHash,
    /// Free text; present and empty is kept apart from absent, as in Milvus's records.
    pub description: Option<Box<str>>,
    /// Milvus's version of the record in its write-ahead log, kept as found; 0 when there is none.
    pub time_tick: u64,
}

/// What is stored of a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// Free text, empty if there is none.
    pub description: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_text_that_it_was_made_from_whatever_its_length() {
        let longer = "é".repeat(31);
        for text in ["", "$2a$10$", &"x".repeat(60), &"é".repeat(30), &longer] {
            let hash = PasswordHash::new(text);
            assert_eq!(hash.expose(), text);
            assert!(hash == PasswordHash::new(text) && hash != PasswordHash::new("other"));
        }
    }

    #[test]
    fn a_hash_prints_as_nothing() {
        let hash = PasswordHash::new(&"x".repeat(60));
        assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
    }
}
