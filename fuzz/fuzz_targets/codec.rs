//! Fuzzes the reading of keys and records of the store; what must hold stands in `checks/codec.rs`.
#![no_main]

#[path = "../checks/codec.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::check(bytes));
