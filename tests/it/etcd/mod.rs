//! The store of a fleet, and the fleet itself, on true etcd clusters.
//!
//! A plain `cargo test` needs nothing but Rust, so what needs etcd is ignored there, and `tests/run`
//! runs every ignored test of this module. A longer run of one is therefore asked for by the
//! environment, as in `kill.rs`, and is no test of its own.

mod access;
mod chaos;
mod client;
mod contract;
mod copy;
mod example;
mod fleet;
mod garbage;
mod history;
mod large;
mod members;
mod metastore;
mod network;
mod support;
mod together;
