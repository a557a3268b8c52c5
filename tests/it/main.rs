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
mod bit_flips;
mod change_log;
mod concurrency;
mod config;
mod config_etcd;
mod config_upstream;
mod copy;
mod coverage;
mod decide_conditions;
mod decide_properties;
mod decisions;
mod decisions_served;
mod doors;
mod durability;
mod etcd;
mod examples;
mod exposure;
mod failing_calls;
mod failing_disk;
mod fuzz_corpus;
mod gateway;
mod grants;
mod hostile;
mod inherited;
mod kill;
mod large_answers;
mod large_writes;
mod logins;
mod membership;
mod overload;
mod page;
mod parity;
mod policy_matrix;
mod power_cut;
mod privileges;
mod process;
mod reflection;
mod released_stores;
mod request_fields;
mod requirements;
mod reset_password;
mod rest;
mod roles;
mod secrets;
mod server_info;
mod signals;
mod sled_faults;
mod staleness;
mod store_contract;
mod streams;
mod support;
mod system_calls;
mod throttle;
mod tls;
mod transport;
mod under_way;
mod users;
