//! The outcome of a decision: a permit, or why there is none.

use super::Requirement;

/// Proof that a request was allowed. Only `decide.rs` can make one.
#[derive(Debug)]
#[must_use]
pub struct Permit(pub(super) ());

/// Why a request was not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The caller lacks the privilege on an object.
    Privilege {
        /// The row that was decided.
        requirement: &'static Requirement,
        /// Short name of the privilege.
        privilege: &'static str,
        /// Whether the privilege was checked on all databases (`*`) and not on the request's.
        cluster: bool,
    },
    /// Only `root` may.
    RootOnly(&'static Requirement),
    /// Nobody may.
    Refused(&'static Requirement),
    /// The request has no caller, which no open row may lead to.
    NoCaller(&'static Requirement),
}

/// Allowed or not.
#[derive(Debug)]
#[must_use]
pub enum Decision {
    /// Go on.
    Allow(Permit),
    /// Do not.
    Deny(Denial),
}

impl Decision {
    /// Whether the request is allowed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow(_))
    }
}

impl Denial {
    /// The reason in one word, for logs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Privilege { .. } => "privilege missing",
            Self::RootOnly(_) => "root only",
            Self::Refused(_) => "refused for everybody",
            Self::NoCaller(_) => "no caller",
        }
    }
}
