//! The decision: may this caller make this request? Pure and synchronous.
//!
//! Everything here looks at a [`Snapshot`](crate::snapshot::Snapshot) and at names; nothing
//! awaits, allocates, locks or touches a disk. [`decide`] is the one function of the crate that
//! can allow; what it returns is a [`Permit`] or the reason why there is none.
//!
//! Until grants are evaluated the rule is short: `root` and members of `admin` may do everything,
//! everybody may look at themselves and change their own password, and what needs no privilege is
//! open to every authenticated user. Whatever no line allows is denied.

mod decide;
mod decision;
mod requirement;

pub use decide::{Request, Rules, decide};
pub use decision::{Decision, Denial, Permit};
pub use requirement::{Need, ObjectSource, Requirement, all, find};
