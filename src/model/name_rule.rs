//! Which names may be created, and what is wrong with one that may not.
//!
//! Lengths are bytes and characters are ASCII, as in Milvus.

use std::fmt;

/// What a name names; Milvus's texts say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// A role.
    Role,
    /// An object of a grant.
    Object,
    /// An object type.
    ObjectType,
    /// A collection.
    Collection,
    /// A privilege or a group of privileges.
    Privilege,
}

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// The user name is empty or blank.
    UserEmpty,
    /// The user name is longer than `limit` bytes.
    UserTooLong {
        /// The name, trimmed.
        name: String,
        /// Its length in bytes.
        length: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// The user name does not begin with a letter.
    UserFirst {
        /// The name, trimmed.
        name: String,
        /// Its first byte.
        found: u8,
    },
    /// The user name has a character that is not allowed.
    UserOther {
        /// The name, trimmed.
        name: String,
        /// The first byte that is not allowed.
        found: u8,
        /// Whether `-` and `.` are allowed.
        punctuation: bool,
    },
    /// The name is empty or blank.
    Empty(NameKind),
    /// The name is longer than `limit` bytes.
    TooLong {
        /// What it names.
        kind: NameKind,
        /// Its length in bytes.
        length: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// The first character is not allowed there.
    First {
        /// What it names.
        kind: NameKind,
        /// The first byte.
        found: u8,
        /// Whether an underscore would have been allowed.
        underscore: bool,
    },
    /// A later character is not allowed.
    Other {
        /// What it names.
        kind: NameKind,
        /// The byte that is not allowed.
        found: u8,
        /// Its position in the trimmed name, from 0.
        at: usize,
        /// The characters allowed beside letters, digits and underscore.
        allowed: String,
    },
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Role => "role name",
            Self::Object => "object name",
            Self::ObjectType => "ObjectType",
            Self::Collection => "collection name",
            Self::Privilege => "Privilege",
        })
    }
}

/// Milvus's texts, to the letter, odd tails included: clients match on them.
impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UserEmpty => write!(f, "username must be not empty: invalid parameter"),
            Self::UserTooLong { name, length, limit } => write!(
                f,
                "invalid username {name} with length {length}, the length of username must be \
                 less than {limit}: invalid parameter"
            ),
            Self::UserFirst { name, found } => write!(
                f,
                "invalid user name {name}, the first character must be a letter, but got {}: \
                 invalid parameter",
                char::from(*found)
            ),
            Self::UserOther { name, found, punctuation } => {
                let allowed = if *punctuation {
                    "numbers, letters, underscores, dots, and hyphens"
                } else {
                    "numbers, letters and underscores"
                };
                write!(
                    f,
                    "invalid user name {name}, username must contain only {allowed}, but got \
                     %!s(uint8={found}): invalid parameter"
                )
            }
            Self::Empty(kind) => write!(
                f,
                "{kind} should be not empty: invalid parameter[expected=not empty][actual=]"
            ),
            Self::TooLong { kind, length, limit } => write!(
                f,
                "the length of {kind} must be not greater than limit: invalid parameter[{length} \
                 out of range 0 <= value <= {limit}]"
            ),
            Self::First { kind, found, underscore: true } => write!(
                f,
                "the first character of {kind} must be an underscore or letter: invalid \
                 parameter[expected=95][actual={found}]"
            ),
            Self::First { kind, found, underscore: false } => write!(
                f,
                "the first character of {kind} must be a letter: invalid \
                 parameter[expected=letter][actual={found}]"
            ),
            Self::Other { kind, found, at, allowed } => {
                let allowed = if allowed.is_empty() {
                    "numbers, letters and underscores".to_owned()
                } else {
                    format!("numbers, letters, underscores, and allowed characters ({allowed})")
                };
                let found = char::from(*found);
                write!(
                    f,
                    "{kind} can only contain {allowed}, found {found} at {at}: invalid parameter"
                )
            }
        }
    }
}

impl std::error::Error for NameError {}

/// The rule for names of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserNameRule {
    /// Longest name, in bytes.
    pub max_length: usize,
    /// Whether `-` and `.` are allowed after the first character.
    pub punctuation: bool,
}

impl UserNameRule {
    /// Checks a name and returns it trimmed, which is how users are stored.
    ///
    /// # Errors
    /// The first thing that is wrong with the name.
    pub fn check<'a>(&self, name: &'a str) -> Result<&'a str, NameError> {
        let name = name.trim();
        let Some(&first) = name.as_bytes().first() else {
            return Err(NameError::UserEmpty);
        };
        if name.len() > self.max_length {
            return Err(NameError::UserTooLong {
                name: name.to_owned(),
                length: name.len(),
                limit: self.max_length,
            });
        }
        if !first.is_ascii_alphabetic() {
            return Err(NameError::UserFirst { name: name.to_owned(), found: first });
        }
        let allowed = |byte: u8| {
            byte.is_ascii_alphanumeric()
                || byte == b'_'
                || (self.punctuation && (byte == b'-' || byte == b'.'))
        };
        match name.bytes().find(|&byte| !allowed(byte)) {
            None => Ok(name),
            Some(found) => Err(NameError::UserOther {
                name: name.to_owned(),
                found,
                punctuation: self.punctuation,
            }),
        }
    }
}

/// The rule for names of roles, objects and object types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRule {
    /// Longest name, in bytes.
    pub max_length: usize,
    /// Whether the first character may be an underscore.
    pub underscore_first: bool,
    /// ASCII characters allowed after the first, beside letters, digits and underscore.
    pub allowed: String,
    /// Whether white space around the name is left out of the check, as Milvus does; such a name
    /// is nevertheless stored as sent.
    pub trimmed: bool,
}

impl NameRule {
    /// Checks a name of the given kind.
    ///
    /// # Errors
    /// The first thing that is wrong with the name.
    pub fn check(&self, kind: NameKind, name: &str) -> Result<(), NameError> {
        let name = if self.trimmed || name.trim().is_empty() { name.trim() } else { name };
        let Some(&first) = name.as_bytes().first() else {
            return Err(NameError::Empty(kind));
        };
        if name.len() > self.max_length {
            return Err(NameError::TooLong { kind, length: name.len(), limit: self.max_length });
        }
        if !(first.is_ascii_alphabetic() || (self.underscore_first && first == b'_')) {
            return Err(NameError::First { kind, found: first, underscore: self.underscore_first });
        }
        let allowed = |byte: u8| {
            byte.is_ascii_alphanumeric() || byte == b'_' || self.allowed.as_bytes().contains(&byte)
        };
        match name.bytes().enumerate().find(|&(_, byte)| !allowed(byte)) {
            None => Ok(()),
            Some((at, found)) => {
                Err(NameError::Other { kind, found, at, allowed: self.allowed.clone() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> UserNameRule {
        UserNameRule { max_length: 32, punctuation: false }
    }

    #[test]
    fn a_user_name_of_exactly_the_limit_is_allowed() {
        assert!(page().check(&"a".repeat(32)).is_ok());
        assert!(matches!(
            page().check(&"a".repeat(33)),
            Err(NameError::UserTooLong { length: 33, limit: 32, .. })
        ));
    }

    #[test]
    fn every_ascii_character_is_judged_after_the_first() {
        let page = page();
        let milvus = UserNameRule { max_length: 32, punctuation: true };
        for byte in 0..128u8 {
            let name = format!("a{}b", char::from(byte));
            let word = byte.is_ascii_alphanumeric() || byte == b'_';
            assert_eq!(page.check(&name).is_ok(), word, "{byte}");
            let dotted = word || byte == b'-' || byte == b'.';
            assert_eq!(milvus.check(&name).is_ok(), dotted, "{byte}");
        }
    }

    #[test]
    fn white_space_around_a_user_name_is_cut_off() {
        assert_eq!(page().check(" root\t"), Ok("root"));
        assert_eq!(page().check(" \n"), Err(NameError::UserEmpty));
    }

    #[test]
    fn look_alikes_of_letters_are_no_letters() {
        for name in ["г00t", "ｒoot", "\u{202e}toor"] {
            assert!(matches!(page().check(name), Err(NameError::UserFirst { .. })), "{name:?}");
        }
    }

    #[test]
    fn role_names_count_the_position_in_the_trimmed_name() {
        let rule = NameRule {
            max_length: 255,
            underscore_first: true,
            allowed: "$".to_owned(),
            trimmed: true,
        };
        assert!(rule.check(NameKind::Role, "_r$1").is_ok());
        assert_eq!(
            rule.check(NameKind::Role, " role-a"),
            Err(NameError::Other {
                kind: NameKind::Role,
                found: b'-',
                at: 4,
                allowed: "$".to_owned()
            })
        );
    }
}
