//! One server of a fleet: a process of its own, with the log that it writes.

use std::fs;
use std::net::SocketAddr;
use std::process::ExitStatus;

use tempfile::TempDir;

use crate::support::{Grpc, Process, Rest, serve_on};

/// A running replica, killed when dropped.
pub(crate) struct Replica {
    process: Process,
    home: TempDir,
}

impl Replica {
    /// Starts one on a store, on port 0 and with the lowest bcrypt cost, and waits until it is
    /// ready. Settings go by their keys: `("rbac.maxStaleness", "2s")`. The error is its log.
    pub(crate) fn start(store: &str, settings: &[(&str, &str)]) -> Result<Self, String> {
        let home = tempfile::tempdir().unwrap();
        let mut command = serve_on(store);
        command.current_dir(home.path());
        for (key, value) in settings {
            let variable = key.to_ascii_uppercase().replace('.', "_");
            command.env(format!("MILVUS_RBAC_{variable}"), value);
        }
        let log = home.path().join("log");
        match Process::spawn_logging(command, &log) {
            Ok(process) => Ok(Self { process, home }),
            Err(error) => Err(format!("{error}\n{}", fs::read_to_string(log).unwrap())),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// The line with which it said that it was ready.
    pub(crate) fn ready(&self) -> &str {
        &self.process.ready
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap()
    }

    /// A gRPC client that logs in with each call.
    pub(crate) async fn grpc(&self, login: (&str, &str)) -> Grpc {
        Grpc::connect(self.address(), login).await
    }

    /// A REST client that logs in with each call.
    pub(crate) fn rest(&self, login: (&str, &str)) -> Rest {
        Rest::new(self.address(), Some(login))
    }

    /// Keeps it from doing anything. Its connections stay open.
    pub(crate) fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on as if nothing had been.
    pub(crate) fn resume(&self) {
        self.process.resume();
    }

    /// Ends it at once, as a power switch would.
    pub(crate) fn kill(self) {
        self.process.kill();
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.process.terminate();
        self.process.wait()
    }
}
