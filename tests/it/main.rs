//! The tests of the promises, from outside: one binary, one module per subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod architecture;
mod authentication;
mod bad_input;
mod config;
mod coverage;
mod grants;
mod membership;
mod page;
mod parity;
mod reflection;
mod requirements;
mod rest;
mod roles;
mod server_info;
mod sled_faults;
mod store_contract;
mod support;
mod transport;
mod users;
