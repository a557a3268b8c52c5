//! The outcome of a decision: a permit with its ground, or why there is none.

use std::sync::Arc;

use super::Requirement;
use crate::model::Privilege;
use crate::snapshot::StoredGrant;

/// Why a request was allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// The caller is `root`.
    Root,
    /// The request needs no privilege.
    Open,
    /// The request is about the caller.
    Oneself,
    /// The request is about a role that the caller holds.
    OwnRole,
    /// The caller holds `admin`.
    Administrator,
    /// This grant allows it; of a request about several objects, the first of them.
    Grant(Arc<StoredGrant>),
}

/// Proof that a request was allowed. Only `decide.rs` can make one.
#[derive(Debug)]
#[must_use]
pub struct Permit(pub(super) Ground);

impl Permit {
    /// Why it was allowed.
    #[must_use]
    pub fn ground(&self) -> &Ground {
        &self.0
    }
}

/// Why a request was not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The caller lacks the privilege on an object.
    Privilege {
        /// The row that was decided.
        requirement: &'static Requirement,
        /// The privilege.
        privilege: Privilege,
        /// Whether the privilege was checked in the database `*` and not in the request's.
        cluster: bool,
    },
    /// Only `root` may.
    RootOnly(&'static Requirement),
    /// Nobody may.
    Refused(&'static Requirement),
    /// The request names a principal of row-level security other than the caller.
    Principal(&'static Requirement),
    /// The message says that it is replicated, which would waive checks further on.
    Replicated(&'static Requirement),
    /// The request has no caller, which no open row may lead to.
    NoCaller(&'static Requirement),
    /// There is no such RPC in the requirement table.
    UnknownRpc,
    /// The state is older than it may be, so nothing was decided on it.
    Stale(&'static Requirement),
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
            Self::Principal(_) => "foreign principal",
            Self::Replicated(_) => "marked as replicated",
            Self::NoCaller(_) => "no caller",
            Self::UnknownRpc => "unknown RPC",
            Self::Stale(_) => "stale state",
        }
    }
}
