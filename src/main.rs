//! The `milvus-rbac` command: reads the command line and leaves with the code that it earned.

mod command;

use std::process::ExitCode;

use clap::Parser as _;
use milvus_rbac::config::cli::Cli;

/// Millions of small entries are read at a start, on one thread and for another.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Whatever is created from here on belongs to this user alone: it holds password hashes.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    match command::run(Cli::parse().into_command()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
