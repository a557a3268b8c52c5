//! The gRPC services: convert, call an operation, convert. No rules, no checks of privileges.
//!
//! Each function needs the [`Caller`](crate::credential::Caller) that the guard has left in the
//! request; without one it refuses.

pub mod codec;

mod backup;
mod databases;
mod entry;
mod grants;
mod privilege_groups;
mod roles;
mod server_info;
mod service;
mod status;
mod users;

pub use server_info::ServerIdentity;
pub use service::MilvusRpcs;
pub use status::grpc_status;
