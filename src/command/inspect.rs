//! `config check` and `config show`.

use std::io::Write as _;

use milvus_rbac::config::Flags;
use milvus_rbac::config::cli::ConfigCommand;

use super::{Failure, configuration};

pub(super) fn run(command: &ConfigCommand) -> Result<(), Failure> {
    let text = match command {
        ConfigCommand::Check(flags) => configuration(&Flags::from(flags))?.check(),
        ConfigCommand::Show(flags) => configuration(&Flags::from(flags))?.show(),
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    Ok(())
}
