//! The tests of the promises, from outside: one binary, one module per subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod architecture;
mod config;
mod coverage;
mod page;
mod parity;
mod reflection;
mod rest;
mod sled_faults;
mod store_contract;
mod support;
mod transport;
