//! The server as a process of its own, for what only a process can show: signals, kills, locks.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// Longest wait for a process to say or do something.
const PATIENCE: Duration = Duration::from_secs(30);

/// A command with nothing of this environment that could configure the binary.
pub(crate) fn unconfigured(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MILVUS_RBAC_") {
            command.env_remove(name);
        }
    }
    command
}

/// The binary under test, at the lowest bcrypt cost.
pub(crate) fn binary() -> Command {
    let mut command = unconfigured(env!("CARGO_BIN_EXE_milvus-rbac"));
    command.env("MILVUS_RBAC_RBAC_BCRYPTCOST", "4");
    command
}

/// `serve` on port 0 with a store, for more arguments to be added.
pub(crate) fn serve_on(store: &str) -> Command {
    let mut command = binary();
    command.args(["serve", "--store", store, "--listen", "127.0.0.1:0"]);
    command
}

/// As [`serve_on`], with sled in a directory.
pub(crate) fn serve(data: &Path) -> Command {
    serve_on(&format!("sled:{}", data.display()))
}

/// Whether `strace` works here, with these arguments. Where it does not, a test that needs it has
/// nothing to show; on the machine that decides (`CI`) that is a failure.
pub(crate) fn has_strace(arguments: &[&str]) -> bool {
    let tracer = Command::new("strace").args(arguments).args(["-o", "/dev/null", "true"]).output();
    let works = tracer.is_ok_and(|output| output.status.success());
    assert!(works || std::env::var_os("CI").is_none(), "strace does not work here");
    if !works {
        println!("strace does not work here: there is nothing to see");
    }
    works
}

/// A command that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command that ends by itself, with this on its standard input.
pub(crate) fn run(mut command: Command, stdin: &str) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who refuses before reading closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn id_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
}

fn send_signal(child: &Child, signal: Signal) {
    kill_process(id_of(child), signal).unwrap();
}

/// Keeps a process from doing anything; its connections stay open. It has stopped when this
/// returns.
pub(crate) fn pause(child: &Child) {
    send_signal(child, Signal::STOP);
    let (_, status) = waitpid(Some(id_of(child)), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped(), "{status:?}");
}

/// Lets a paused process go on as if nothing had been.
pub(crate) fn resume(child: &Child) {
    send_signal(child, Signal::CONT);
}

/// A running server. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
    pub(crate) address: SocketAddr,
    pub(crate) ready: String,
}

impl Process {
    /// Starts `serve` on port 0 with sled in a directory, and waits until it is ready.
    pub(crate) fn start(data: &Path) -> Self {
        Self::spawn(serve(data)).unwrap()
    }

    /// Runs a command that is to become ready. The error is what it said instead.
    pub(crate) fn spawn(command: Command) -> Result<Self, String> {
        Self::launch(command, Stdio::null())
    }

    /// As [`Process::spawn`], with standard error in a file.
    pub(crate) fn spawn_logging(command: Command, log: &Path) -> Result<Self, String> {
        Self::launch(command, File::create(log).unwrap().into())
    }

    fn launch(mut command: Command, stderr: Stdio) -> Result<Self, String> {
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
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
        Ok(Self { child, lines, address, ready })
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
        self.signal(Signal::TERM);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send_signal(&self.child, signal);
    }

    pub(crate) fn pause(&self) {
        pause(&self.child);
    }

    pub(crate) fn resume(&self) {
        resume(&self.child);
    }

    /// What it has written to standard output since the ready line, up to its end.
    pub(crate) fn rest_of_output(&self) -> Vec<String> {
        self.lines.iter().collect()
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
