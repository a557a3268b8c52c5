//! This program again, as a process of its own: `--part NAME ARGUMENT…` instead of the bench.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Command;

use tokio::net::TcpListener;

use super::options::Options;
use super::process::Process;
use super::{crowd, handler, relay, upstream};

const FLAG: &str = "--part";

/// Starts a part of this program.
pub(crate) fn start(name: &str, arguments: &[&str]) -> Process {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(FLAG).arg(name).args(arguments);
    Process::start(command, |line| Some(line))
}

/// All that `main` of a bench does: what the arguments ask for, which may be a part.
pub(crate) fn main(bench: impl AsyncFnOnce(&Options)) {
    // cargo test runs benches, too, to see that they start.
    if run_if_asked() || std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let options = Options::read();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(bench(&options));
}

/// Runs the part that the arguments ask for, to its end, and says whether they do.
fn run_if_asked() -> bool {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(FLAG) {
        return false;
    }
    let name = arguments.next().unwrap();
    let arguments: Vec<String> = arguments.collect();
    match name.as_str() {
        "upstream" => upstream::run(),
        "relay" => relay::run(&arguments),
        "handler" => handler::run(),
        "crowd" => crowd::run(&arguments),
        _ => panic!("there is no part {name:?}"),
    }
    true
}

/// A socket on loopback, whose address whoever has started this part is told.
pub(crate) async fn listen() -> TcpListener {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::io::stdout().flush().unwrap();
    listener
}
