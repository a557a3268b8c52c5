//! The state as every reader sees it: immutable, complete, of one revision.
//!
//! A snapshot is made of model values and of changes, never of a store. Its maps are persistent:
//! a change costs what it touches and shares the rest with the snapshot before it. Readers take
//! the current one from a [`SnapshotCell`] and never wait.

mod cell;
mod grants;
mod login;
mod state;

pub use cell::SnapshotCell;
pub use grants::{Grants, StoredGrant};
pub use login::LoginMemo;
pub use state::{Snapshot, User};
