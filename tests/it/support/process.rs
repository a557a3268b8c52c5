//! The server as a process of its own, for what only a process can show: signals, kills, locks.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Longest wait for a process to say or do something.
const PATIENCE: Duration = Duration::from_secs(30);

/// The binary under test, with nothing of this environment that could configure it.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milvus-rbac"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MILVUS_RBAC_") {
            command.env_remove(name);
        }
    }
    command.env("MILVUS_RBAC_RBAC_BCRYPTCOST", "4");
    command
}

/// A running server. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) ready: String,
}

impl Process {
    /// Starts `serve` on port 0 with sled in a directory, and waits until it is ready.
    pub(crate) fn start(data: &Path) -> Self {
        let mut command = binary();
        command.arg("serve").arg("--store").arg(format!("sled:{}", data.display()));
        command.args(["--listen", "127.0.0.1:0"]);
        Self::spawn(command).unwrap()
    }

    /// Runs a command that is to become ready. The error is what it said instead.
    pub(crate) fn spawn(mut command: Command) -> Result<Self, String> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let Ok(ready) = lines.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            let status = child.wait().unwrap();
            return Err(format!("the server did not become ready: {status}"));
        };
        let listen = ready.split_whitespace().find_map(|word| word.strip_prefix("listen="));
        let address = listen.unwrap().split(',').next().unwrap().parse().unwrap();
        Ok(Self { child, address, ready })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a power switch would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let id = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server did not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
