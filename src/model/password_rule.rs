//! Which passwords may be set.
//!
//! The rule is asked only when a password is set, never at login: stores written by others hold
//! passwords that it would refuse.

use std::fmt;

use super::ROOT_DEFAULT_PASSWORD;

/// Most bytes of a password that bcrypt takes into account.
pub const BCRYPT_LIMIT: usize = 72;

/// Why a password may not be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordRuleError {
    /// The length is outside the range.
    Length {
        /// The length, in the unit that was counted.
        actual: usize,
        /// Least length.
        min: usize,
        /// Most length.
        max: usize,
    },
    /// Fewer than three kinds of characters.
    Classes,
    /// There is a NUL in it.
    Nul,
}

impl fmt::Display for PasswordRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { actual, min, max } => write!(
                f,
                "invalid password length: invalid parameter[{actual} out of range {min} <= value \
                 <= {max}]"
            ),
            Self::Classes => f.write_str(
                "invalid password: three of upper-case letters, lower-case letters, digits and \
                 special characters are required: invalid parameter",
            ),
            Self::Nul => f.write_str("invalid password: NUL is not allowed: invalid parameter"),
        }
    }
}

impl std::error::Error for PasswordRuleError {}

/// The rule for new passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordRule {
    /// Least length.
    pub min: usize,
    /// Most length.
    pub max: usize,
    /// How many of the four classes upper, lower, digit, special it needs. If it is not 0, lengths
    /// are counted in UTF-8 characters and NUL is refused.
    pub classes: usize,
}

impl PasswordRule {
    /// Checks a password about to be set.
    ///
    /// # Errors
    /// The first thing that is wrong with it. Nothing of the password is in the error.
    pub fn check(&self, password: &[u8]) -> Result<(), PasswordRuleError> {
        let strict = self.classes > 0;
        let length = match std::str::from_utf8(password) {
            Ok(text) if strict => text.chars().count(),
            _ => password.len(),
        };
        if !(self.min..=self.max).contains(&length) {
            return Err(PasswordRuleError::Length { actual: length, min: self.min, max: self.max });
        }
        if password.len() > BCRYPT_LIMIT {
            return Err(PasswordRuleError::Length {
                actual: password.len(),
                min: self.min,
                max: BCRYPT_LIMIT,
            });
        }
        if strict && password.contains(&0) {
            return Err(PasswordRuleError::Nul);
        }
        if classes(password) < self.classes {
            return Err(PasswordRuleError::Classes);
        }
        Ok(())
    }

    /// Checks the password that a first start is to give `root`. The built-in one is exempt from
    /// the rule, and no other is.
    ///
    /// # Errors
    /// As for [`PasswordRule::check`].
    pub fn check_first_of_root(&self, password: &[u8]) -> Result<(), PasswordRuleError> {
        if password == ROOT_DEFAULT_PASSWORD.as_bytes() {
            return Ok(());
        }
        self.check(password)
    }
}

/// How many of the four classes occur. Special is anything but ASCII letters and digits.
fn classes(password: &[u8]) -> usize {
    let has = |class: fn(&u8) -> bool| usize::from(password.iter().any(class));
    has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_digit)
        + has(|byte| !byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: PasswordRule = PasswordRule { min: 8, max: 64, classes: 3 };
    const MILVUS: PasswordRule = PasswordRule { min: 6, max: 72, classes: 0 };

    #[test]
    fn the_page_wants_three_classes_and_eight_to_sixty_four_characters() {
        assert_eq!(PAGE.check(b"P@ssw0rd"), Ok(()));
        assert_eq!(PAGE.check(b"Passw0rd"), Ok(()));
        assert_eq!(PAGE.check(b"password1"), Err(PasswordRuleError::Classes));
        assert_eq!(
            PAGE.check(b"P@ssw0r"),
            Err(PasswordRuleError::Length { actual: 7, min: 8, max: 64 })
        );
        let long = format!("Aa1{}", "x".repeat(61));
        assert_eq!(PAGE.check(long.as_bytes()), Ok(()));
        assert!(PAGE.check(format!("{long}x").as_bytes()).is_err());
    }

    #[test]
    fn the_page_counts_characters_but_never_more_than_72_bytes() {
        let exact = format!("Aa1{}", "é".repeat(34)) + "x";
        assert_eq!(exact.len(), 72);
        assert_eq!(PAGE.check(exact.as_bytes()), Ok(()));
        assert_eq!(
            PAGE.check(format!("{exact}y").as_bytes()),
            Err(PasswordRuleError::Length { actual: 73, min: 8, max: 72 })
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_counted_as_bytes() {
        assert_eq!(PAGE.check(b"Aa1\xff\xfe\xfd\xfc\xfb"), Ok(()));
        assert_eq!(
            PAGE.check(b"Aa1\xff"),
            Err(PasswordRuleError::Length { actual: 4, min: 8, max: 64 })
        );
    }

    #[test]
    fn nul_is_refused_on_the_page_only() {
        assert_eq!(PAGE.check(b"P@ssw0rd\0"), Err(PasswordRuleError::Nul));
        assert_eq!(MILVUS.check(b"P@ssw0rd\0"), Ok(()));
    }

    #[test]
    fn milvus_takes_six_to_seventy_two_bytes_of_anything() {
        assert_eq!(MILVUS.check(b"123456"), Ok(()));
        assert_eq!(MILVUS.check(&[b'x'; 72]), Ok(()));
        assert!(MILVUS.check(b"12345").is_err());
        assert!(MILVUS.check(&[b'x'; 73]).is_err());
    }
}
