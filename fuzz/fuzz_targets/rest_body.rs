//! Fuzzes the reading of the body of a REST request; what must hold stands in `checks/rest_body.rs`.
#![no_main]

#[path = "../checks/rest_body.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::check(bytes));
