//! What each subcommand does. Only here are errors told to a person and turned into exit codes:
//! 1 for a failure, 2 for a usage or configuration that has to change.

mod copy;
mod inspect;
mod reset_password;
mod serve;

use std::process::ExitCode;

use anyhow::Error;
use milvus_rbac::config::cli::Command;
use milvus_rbac::config::{Flags, Loaded, ProcessEnvironment, load};

/// A command that did not succeed.
pub(crate) struct Failure {
    error: Error,
    code: u8,
}

impl Failure {
    /// The usage or the configuration has to change.
    fn configuration(error: impl Into<Error>) -> Self {
        Self { error: error.into(), code: 2 }
    }

    /// Says on standard error what happened.
    #[expect(clippy::print_stderr, reason = "the last word to the person at the terminal")]
    pub(crate) fn report(self) -> ExitCode {
        let mut text = self.error.to_string();
        for cause in self.error.chain().skip(1).map(ToString::to_string) {
            // Some errors tell their cause themselves.
            if !text.contains(&cause) {
                text = format!("{text}: {cause}");
            }
        }
        eprintln!("milvus-rbac: {text}");
        ExitCode::from(self.code)
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), code: 1 }
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(flags) => serve::run(&flags),
        Command::Config(command) => inspect::run(&command),
        Command::ResetPassword(flags) => reset_password::run(&flags),
        Command::Copy(flags) => copy::run(&flags),
    }
}

/// Reads the configuration from everywhere.
fn configuration(flags: &Flags) -> Result<Loaded, Failure> {
    load(flags, &ProcessEnvironment).map_err(Failure::configuration)
}

/// The same for a command that opens two stores; the mistakes of both are told together.
fn configuration_of_two(first: &Flags, second: &Flags) -> Result<(Loaded, Loaded), Failure> {
    match (load(first, &ProcessEnvironment), load(second, &ProcessEnvironment)) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(first), Err(second)) => Err(Failure::configuration(first.and(second))),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(Failure::configuration(error)),
    }
}
