//! The disk fails once, at any moment while the true program starts or changes something. It says so
//! and does not start, or refuses a change and recovers; and the next start on a disk that is well has
//! everything that was acknowledged, whatever the failed one did.
//!
//! `strace` makes one system call on the data directory fail, the first that a thread makes, the second
//! and so on, until none makes so many of them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Grpc, Process, ROOT, copy_directory, has_strace, serve};

/// Files that are opened, read and written at a start, besides those of snapshots.
const FILES: [&str; 6] = ["", "blobs", "conf", "db", "high-water", "lock"];

/// Roles that are there before.
const ROLES: usize = 40;

/// Changes after each start.
const CHANGES: usize = 3;

const PATIENCE: Duration = Duration::from_secs(30);

/// `serve`, with a call on these files failing, and what strace says of it in a file.
fn serve_failing(data: &Path, call: &str, error: &str, when: &str, trace: &Path) -> Command {
    let server = serve(data);
    let mut command = Command::new("strace");
    for (name, value) in server.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // With -D the server is the child here, and strace its grandchild.
    command.args(["-D", "-f", "-e", "signal=none"]).arg("-o").arg(trace);
    let snapshots = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    for path in FILES.iter().map(|name| data.join(name)).chain(snapshots) {
        command.arg("-P").arg(path);
    }
    command.args(["-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:error={error}:when={when}")]);
    command.arg(server.get_program()).args(server.get_args());
    command
}

async fn roles_of(server: &Process) -> Vec<String> {
    Grpc::connect(server.address, ROOT).await.list_roles().await.unwrap()
}

/// Makes some roles, each again until it is there, and says how often that was refused.
async fn change(server: &Process, roles: &mut Vec<String>, case: &str) -> usize {
    let root = Grpc::connect(server.address, ROOT).await;
    let mut refusals = 0;
    for number in 0..CHANGES {
        let name = format!("new{number}");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = root.create_role(&name).await.unwrap();
            let is_there = root.list_roles().await.unwrap().contains(&name);
            if answer.code == 0 {
                assert!(is_there, "{case}: {name}");
            } else {
                refusals += 1;
            }
            // Of a change whose outcome is unknown it is seen later what became of it.
            if is_there {
                break;
            }
            assert_eq!(answer.code, 2, "{case}: {answer:?}");
            assert!(Instant::now() < deadline, "{case}: it did not recover");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        roles.push(name);
    }
    roles.sort();
    refusals
}

/// Serves a copy of a directory while a call fails, and once more when none does. Whether the call
/// was made.
async fn serve_with(before: &Path, roles: &[String], call: &str, error: &str, when: &str) -> bool {
    let home = tempfile::tempdir().unwrap();
    let (data, trace, log) =
        (home.path().join("data"), home.path().join("trace"), home.path().join("log"));
    copy_directory(before, &data);
    let started = Process::spawn_logging(serve_failing(&data, call, error, when, &trace), &log);
    let case = format!("{call} {error} {when}");
    let is_ready = started.is_ok();
    let (mut roles, mut refusals) = (roles.to_vec(), 0);
    if let Ok(server) = started {
        assert_eq!(roles_of(&server).await, roles, "{case}");
        refusals = change(&server, &mut roles, &case).await;
        server.kill();
    }
    let (said, trace) = (fs::read_to_string(log).unwrap(), fs::read_to_string(trace).unwrap());
    assert!(!said.contains("panicked"), "{case}: {said}");
    let last = said.lines().last().unwrap_or_default();
    let is_clear = last.starts_with("milvus-rbac: cannot ") && last.contains("data");
    assert!(is_ready || is_clear, "{case}: {said}");
    println!("{case}: {}", if is_ready { format!("{refusals} refused") } else { last.to_owned() });
    let server = Process::start(&data);
    assert_eq!(roles_of(&server).await, roles, "{case}");
    trace.contains("(INJECTED)")
}

/// Each thread's first write of the log fails, and late: a flush then waits that nobody wakes.
#[tokio::test]
async fn a_write_that_fails_after_those_behind_it_ends_its_change_as_well() {
    if !has_strace(&["-D", "-f"]) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let server = Process::start(&data);
    let roles = roles_of(&server).await;
    server.kill();
    // Before a flush is looked after for the first time, and after that.
    for microseconds in [300_000, 1_700_000] {
        let late = format!("EIO:delay_exit={microseconds}");
        let is_made = serve_with(&data, &roles, "sync_file_range", &late, "1");
        let in_time = tokio::time::timeout(2 * PATIENCE, is_made);
        assert!(in_time.await.expect("a change never ended"));
    }
}

#[tokio::test]
async fn a_call_that_fails_during_a_start_or_a_change_takes_nothing_away() {
    if !has_strace(&["-D", "-f"]) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let server = Process::start(&data);
    let root = Grpc::connect(server.address, ROOT).await;
    for number in 0..ROLES {
        assert_eq!(root.create_role(&format!("role{number}")).await.unwrap().code, 0);
    }
    let roles = roles_of(&server).await;
    server.kill();

    let mut failed = 0;
    let reading = ["openat", "read"].map(|call| (call, "EIO"));
    let writing =
        ["pwrite64", "ftruncate", "sync_file_range", "fdatasync", "fsync", "rename", "unlink"];
    let writing = writing.into_iter().flat_map(|call| [(call, "EIO"), (call, "ENOSPC")]);
    for (call, error) in reading.into_iter().chain(writing) {
        for number in 1.. {
            if !serve_with(&data, &roles, call, error, &number.to_string()).await {
                break;
            }
            failed += 1;
        }
    }
    // What has been read once is not read from the disk again; more than one cannot fail.
    for when in ["1", "1+"] {
        assert!(serve_with(&data, &roles, "pread64", "EIO", when).await);
        failed += 1;
    }
    println!("{failed} failures");
    assert!(failed > 30, "{failed}");
}
