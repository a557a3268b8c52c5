//! What the kernel sees of a change: a write, a sync, and only then the answer. Seen by `strace`;
//! on a machine without it `durability.rs` shows the same with a disk of its own.

use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Process, ROOT, Rest, has_strace, serve};

const PATIENCE: Duration = Duration::from_secs(20);

/// What a trace says, in order. Writes and syncs are those of the data file; both count when they
/// are over.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    Written,
    SyncBegun,
    Synced,
    Answered,
}

/// Reads the lines of `strace -f -y`. A call of one thread may be over after others have begun.
fn events(trace: &str, data_file: &str) -> Vec<Event> {
    let mut begun: HashMap<&str, Event> = HashMap::new();
    let mut events = Vec::new();
    for line in trace.lines() {
        let (thread, call) = line.trim_start().split_once(' ').unwrap_or_default();
        let call = call.trim_start();
        let ours = call.contains(&format!("<{data_file}>"));
        let end = if call.starts_with("pwrite64(") && ours {
            Some(Event::Written)
        } else if call.starts_with("fdatasync(") && ours {
            events.push(Event::SyncBegun);
            Some(Event::Synced)
        } else if call.starts_with("<... ") {
            begun.remove(thread)
        } else {
            None
        };
        if call.contains("HTTP/1.1 200 OK") {
            events.push(Event::Answered);
        } else if let Some(end) = end {
            if call.ends_with("<unfinished ...>") {
                begun.insert(thread, end);
            } else if end != Event::Synced || call.ends_with(" = 0") {
                events.push(end);
            }
        }
    }
    events
}

#[tokio::test]
async fn the_system_calls_are_write_sync_answer() {
    if !has_strace(&["-D", "-f"]) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (data, trace) = (home.path().join("data"), home.path().join("trace"));
    let server = serve(&data);
    let mut command = Command::new("strace");
    // As a grandchild, so that our child is the server, which gets our signals.
    command.args(["-D", "-f", "-y", "-s", "200", "-o"]).arg(&trace);
    command.args(["-e", "trace=fdatasync,pwrite64,sendto,write,writev"]);
    command.arg(server.get_program()).args(server.get_args());
    for (name, value) in server.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut process = Process::spawn(command).unwrap();
    let root = Rest::new(process.address, Some(ROOT));
    for number in 0..5 {
        let role = json!({"roleName": format!("role_{number}")});
        assert_eq!(root.post("roles/create", &role).await.json(), json!({"code": 0, "data": {}}));
    }
    process.terminate();
    assert!(process.wait().success());
    let deadline = Instant::now() + PATIENCE;
    let id = process.id().to_string();
    let is_last = |line: &str| line.starts_with(&id) && line.ends_with("+++ exited with 0 +++");
    while !fs::read_to_string(&trace).unwrap().lines().any(is_last) {
        assert!(Instant::now() < deadline, "the trace does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    let data_file = fs::canonicalize(data.join("db")).unwrap();
    let events = events(&fs::read_to_string(&trace).unwrap(), data_file.to_str().unwrap());
    let answers: Vec<usize> =
        (0..events.len()).filter(|&at| events[at] == Event::Answered).collect();
    assert_eq!(answers.len(), 5, "{events:?}");
    // Before the first answer there are also the syncs of the start.
    for at in answers {
        let before = events[..at].last_chunk();
        let wanted = [Event::Written, Event::SyncBegun, Event::Synced];
        assert_eq!(before, Some(&wanted), "{at} in {events:?}");
    }
}
