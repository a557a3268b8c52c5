//! `milvus-rbac serve`, the release binary, on a state that is made before.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::process::Process;
use super::state::Size;

/// What most benches have it serve: two roles to a user, 10,000 grants.
pub(crate) const SIZE: Size =
    Size { users: 1_000, roles: 100, roles_of_a_user: 2, grants_of_a_role: 100 };

/// The server on a directory, in front of an upstream if there is one.
pub(crate) fn start(binary: &str, data: &Path, upstream: Option<SocketAddr>) -> Process {
    let mut command = command(binary);
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command.arg("--store").arg(format!("sled:{}", data.display()));
    if let Some(upstream) = upstream {
        command.arg("--upstream").arg(format!("http://{upstream}"));
    }
    // Lines go nowhere, but are made.
    command.stderr(Stdio::null());
    Process::start(command, |line| {
        let listen = line.split_whitespace().find_map(|word| word.strip_prefix("listen="));
        listen?.split(',').next()
    })
}

/// The binary, without settings of whoever runs the bench.
pub(crate) fn command(binary: &str) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MILVUS_RBAC_") {
            command.env_remove(name);
        }
    }
    command
}
