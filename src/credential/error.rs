//! Why a caller was not authenticated, in two faces: the text for the client, which never says
//! whether a user exists, and the reason for the log, which does. Neither holds a secret.

use super::header::HeaderError;

/// Client text when the header is absent, as in Milvus.
pub(super) const MISSING: &str = "missing authorization in header";
/// Client text when the header is not base64, as in Milvus.
pub(super) const FORMAT: &str = "invalid token format";
/// Client text when there is no colon, so that it could only be an API key, as in Milvus.
pub(super) const API_KEY: &str = "auth check failure, please check api key is correct";
/// Client text for everything that is wrong with a user and password, as in Milvus.
pub(super) const REFUSED: &str =
    "auth check failure, please check username and password are correct";

/// Client text for a name that has failed too often, whatever the password.
pub(super) const THROTTLED: &str = "too many failed logins for this user, try again later; programs \
                                    that are logged in go on working";

/// Client text while the state is too old, whatever the credentials.
pub(super) const STALE: &str = "the state of this server is older than it may be, so nothing is \
                                decided on it; try again later, or ask another replica";

/// Why credentials were not accepted, or not looked at. `Display` is the client's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// There is no `authorization`.
    #[error("{MISSING}")]
    NoHeader,
    /// It is not base64.
    #[error("{FORMAT}")]
    BadEncoding,
    /// It has no colon: an API key, and nobody here knows any.
    #[error("{API_KEY}")]
    NotAPair,
    /// The user and password are not accepted. All causes read alike to the client.
    #[error("{REFUSED}")]
    Refused {
        /// The cause, for the log only.
        why: RefusedWhy,
    },
    /// A password about to be hashed has more than 72 bytes; the rule for new passwords was not
    /// asked. Never the answer to a login.
    #[error("the password is longer than 72 bytes")]
    PasswordTooLong,
    /// The queue of password checks is full. Nothing was checked; trying again may succeed.
    #[error("too many password checks are waiting, try again later")]
    Busy,
    /// The name has failed too often lately, whether there is such a user or not. Nothing was
    /// checked; trying again later may succeed.
    #[error("{THROTTLED}")]
    Throttled,
    /// The state is older than it may be. Nothing was checked; trying again may succeed, here or
    /// at another replica.
    #[error("{STALE}")]
    Stale,
    /// A failure of our own; nothing is known of the credentials.
    #[error("the credentials could not be checked because of an internal failure")]
    Failed {
        /// What failed, for the log.
        what: &'static str,
    },
}

/// Why a user and password were refused. For logs; a client must not be able to tell these apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedWhy {
    /// The user or the password is empty.
    Empty,
    /// There is no such user, or the name is not UTF-8.
    UnknownUser,
    /// The password is another.
    WrongPassword,
    /// The password has more than 72 bytes and truncation is off.
    TooLong,
    /// The stored hash is no bcrypt hash of a cost that is accepted.
    UnreadableHash,
    /// The user's password changed again and again while it was being verified.
    Changed,
}

impl CredentialError {
    /// What the log says; holds nothing that the client sent.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoHeader => "no authorization header",
            Self::BadEncoding => "authorization is not base64",
            Self::NotAPair => "authorization is no user and password",
            Self::Refused { why } => why.reason(),
            Self::PasswordTooLong => "password to hash is too long",
            Self::Busy => "queue of password checks is full",
            Self::Throttled => "too many failed logins of this name",
            Self::Stale => "state is older than it may be",
            Self::Failed { what } => what,
        }
    }
}

impl RefusedWhy {
    fn reason(self) -> &'static str {
        match self {
            Self::Empty => "empty user or password",
            Self::UnknownUser => "unknown user",
            Self::WrongPassword => "wrong password",
            Self::TooLong => "password too long",
            Self::UnreadableHash => "stored hash is not readable",
            Self::Changed => "password changed during the check",
        }
    }
}

impl From<HeaderError> for CredentialError {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::Missing => Self::NoHeader,
            HeaderError::Format => Self::BadEncoding,
            HeaderError::NoColon => Self::NotAPair,
            HeaderError::EmptyUserOrPassword => Self::Refused { why: RefusedWhy::Empty },
        }
    }
}

/// Why a verifier could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The cost is out of range.
    #[error("bcrypt cost {cost} is not between 4 and 14")]
    Cost {
        /// The cost asked for.
        cost: u32,
    },
    /// The operating system gives no random bytes.
    #[error("cannot get random bytes from the operating system: {0}")]
    Random(getrandom::Error),
    /// A thread could not be started.
    #[error("cannot start a thread for password checks: {0}")]
    Thread(#[source] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_reads_the_same_whatever_the_cause() {
        let whys = [
            RefusedWhy::Empty,
            RefusedWhy::UnknownUser,
            RefusedWhy::WrongPassword,
            RefusedWhy::TooLong,
            RefusedWhy::UnreadableHash,
            RefusedWhy::Changed,
        ];
        let mut reasons = std::collections::HashSet::new();
        for why in whys {
            let error = CredentialError::Refused { why };
            assert_eq!(
                error.to_string(),
                "auth check failure, please check username and password are correct"
            );
            assert!(reasons.insert(error.reason()), "{why:?} has a reason of its own");
        }
    }

    #[test]
    fn an_error_says_what_the_header_error_says() {
        for error in [
            HeaderError::Missing,
            HeaderError::Format,
            HeaderError::NoColon,
            HeaderError::EmptyUserOrPassword,
        ] {
            assert_eq!(CredentialError::from(error).to_string(), error.message());
        }
    }
}
