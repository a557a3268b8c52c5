//! Grants, privilege groups, backup and built-in roles from outside, and what they open.

mod backup;
mod builtin_roles;
pub(crate) mod client;
mod data_changes;
mod decided;
mod grants;
mod groups;
mod persistence;
mod protection;
mod rest;
mod vectors;
