//! REST v2 of users, roles, grants and privilege groups: convert, call an operation, convert. No
//! rules, no checks of privileges of its own.
//!
//! The order in which a request can fail is part of the interface: origin, OPTIONS, slash
//! redirect, authentication, path, time limit, body, decision, operation. The guard's two steps
//! stand around the body, which is read once.

mod answer;
mod body;
mod browsers;
mod check;
mod grants;
mod operate;
mod privilege_groups;
mod roles;
mod service;
mod shape;
mod timeout;
mod users;

pub use browsers::Browsers;
pub use check::check_body;
pub use service::{RestApi, RestSettings};
