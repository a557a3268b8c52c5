//! The decision: may this caller make this request? Pure and synchronous.
//!
//! Everything here looks at a [`Snapshot`](crate::snapshot::Snapshot) and at names; nothing
//! awaits, allocates, locks or touches a disk. [`decide`] is the one function of the crate that
//! can allow; what it returns is a [`Permit`] or the reason why there is none.
//!
//! In this order: what nobody may, what any user may, `root`, oneself, a role of one's own,
//! members of `admin`, and then the grants of the caller's roles: one role has to allow all that a
//! request is about. Whatever no line allows is denied.

mod decide;
mod decision;
mod requirement;
mod rpc;
mod rules;

pub use decide::{Claims, Request, decide};
pub use decision::{Decision, Denial, Ground, Permit};
pub use requirement::{Condition, Home, Need, ObjectSource, Requirement, all, find};
pub use rpc::Rpc;
pub use rules::Rules;
