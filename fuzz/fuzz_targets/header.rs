//! Fuzzes the reading of the `authorization` header, over gRPC and over REST; what must hold stands in `checks/header.rs`.
#![no_main]

#[path = "../checks/header.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::check(bytes));
