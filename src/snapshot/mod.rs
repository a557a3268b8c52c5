//! The state as every reader sees it: immutable, complete, of one revision.
//!
//! A snapshot is made of model values and of changes, never of a store. Its maps are persistent:
//! a change costs what it touches and shares the rest with the snapshot before it. Readers take
//! the current one from a [`SnapshotCell`] and never wait.
//!
//! Grants are kept as they are stored, and beside that compiled for the decision, one policy per
//! role ([`Allowed`]), compiled again when a change touches that role, but for a new grant, which is
//! added.

mod build;
mod cell;
mod cells;
mod few;
mod glob;
mod grants;
mod login;
mod policies;
mod role_policy;
mod sight;
mod state;
mod stored_privilege;

pub use build::Build;
pub use cell::SnapshotCell;
pub use grants::{Grants, RoleGrant};
pub use login::LoginMemo;
pub use policies::Allowed;
pub use role_policy::StoredGrant;
pub use sight::{Sight, Viewer};
pub use state::{Snapshot, User};
