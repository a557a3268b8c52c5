//! The tests of the promises, from outside: one binary, one module per subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod concurrency;
mod config;
mod durability;
mod exposure;
mod hostile;
mod kill;
mod logins;
mod page;
mod process;
mod reset_password;
mod secrets;
mod signals;
mod sled_faults;
mod store_contract;
mod support;
mod system_calls;
mod transport;
