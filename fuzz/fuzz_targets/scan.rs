//! Fuzzes the reading of the names that a request is decided by; what must hold stands in `checks/scan.rs`.
#![no_main]

#[path = "../checks/scan.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::check(bytes));
