//! What is kept of a user and of a role besides the name.

use std::fmt;

/// A stored bcrypt string. It prints as nothing, so that no log line can hold it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Box<str>);

impl PasswordHash {
    /// Wraps a bcrypt string; nothing is checked, because a store may hold anything.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The bcrypt string.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
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
    pub description: Option<String>,
    /// Milvus's version of the record in its write-ahead log, kept as found; 0 when there is none.
    pub time_tick: u64,
}

/// What is stored of a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// Free text, empty if there is none.
    pub description: String,
}
