//! The tests of the promises, from outside: one binary, one module per subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod config;
mod fuzz_corpus;
mod page;
mod sled_faults;
mod store_contract;
mod support;
mod transport;
