//! The tests of the promises, from outside: one binary, one module per subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod config;
mod decide_conditions;
mod decide_properties;
mod decisions;
mod page;
mod policy_matrix;
mod request_fields;
mod sled_faults;
mod store_contract;
mod streams;
mod support;
mod transport;
