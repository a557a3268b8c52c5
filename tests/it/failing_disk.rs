//! The true program on a disk that fails: writes or syncs of its data file end in an error. The
//! caller hears that, the service is read-only and says so, everything else goes on, and when the disk
//! is well again so is the service, with every acknowledged change.
//!
//! `strace` makes the system calls fail, from outside and for as long as it is attached.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use milvus_rbac::proto::milvus as pb;

use crate::support::{Grpc, Process, ROOT, has_strace};

const PATIENCE: Duration = Duration::from_secs(30);

/// A disk that fails until it is dropped.
struct Fault(Child);

impl Fault {
    /// `None` where there is no strace.
    fn begin(process: &Process, call: &str, error: &str) -> Option<Self> {
        if !has_strace(&["-f"]) {
            return None;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let fault = Self::attach(process, call, error);
            // A thread that was made meanwhile by one that was not attached to yet is missed, and
            // so are those that it makes: its disk would be well.
            if is_traced_whole(process.id()) {
                return Some(fault);
            }
            assert!(Instant::now() < deadline, "strace does not catch all threads");
        }
    }

    fn attach(process: &Process, call: &str, error: &str) -> Self {
        let mut command = Command::new("strace");
        command.args(["-f", "-p", &process.id().to_string(), "-o", "/dev/null"]);
        command.args(["-e", &format!("trace={call}"), "-e", "signal=none"]);
        command.args(["-e", &format!("inject={call}:error={error}")]);
        let mut tracer = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(tracer.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let fault = Self(tracer);
        // Some machines let nobody look at a process that runs already.
        assert!(line.contains("attached"), "strace cannot make anything fail here: {line}");
        fault
    }
}

/// Whether somebody traces each thread of a process.
fn is_traced_whole(process: u32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("status"))).all(|status| {
        // One that has ended makes no calls.
        !status.is_ok_and(|status| status.contains("TracerPid:\t0\n"))
    })
}

impl Drop for Fault {
    fn drop(&mut self) {
        // Asked to end, it lets go of the process; killed, it might take it along.
        let id = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

async fn is_healthy(root: &Grpc) -> bool {
    root.rpc().check_health(pb::CheckHealthRequest {}).await.unwrap().into_inner().is_healthy
}

async fn survives(call: &str, error: &str) {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let mut server = Process::start(&data);
    let root = Grpc::connect(server.address, ROOT).await;
    assert_eq!(root.create_role("before").await.unwrap().code, 0);
    let Some(fault) = Fault::begin(&server, call, error) else { return };

    let deadline = Instant::now() + PATIENCE;
    let mut number = 0;
    let mut acknowledged = vec!["before".to_owned()];
    // strace attaches to one thread after another, so the first change may still succeed.
    loop {
        let name = format!("during{number}");
        let answer = root.create_role(&name).await.unwrap();
        if answer.code != 0 {
            assert_eq!(answer.code, 2, "{call} {error}: {answer:?}");
            let reason = &answer.reason;
            assert!(
                reason.contains("unknown") || reason.contains("nothing was written"),
                "{reason}"
            );
            break;
        }
        acknowledged.push(name);
        number += 1;
        assert!(Instant::now() < deadline, "{call} never failed");
    }
    let mut unknown = false;
    for _ in 0..3 {
        let refused = root.create_role("refused").await.unwrap();
        // It may have been opened again meanwhile, and fail anew: then nobody knows.
        assert_eq!(refused.code, 2, "{call} {error}: {refused:?}");
        unknown |= !refused.retriable;
    }
    assert!(!is_healthy(&root).await, "{call} {error}");
    let roles = root.list_roles().await.unwrap();
    assert!(acknowledged.iter().all(|role| roles.contains(role)), "{roles:?}");
    assert!(root.logs_in().await);

    drop(fault);
    let deadline = Instant::now() + PATIENCE;
    while root.create_role("after").await.unwrap().code != 0 {
        assert!(Instant::now() < deadline, "{call} {error}: it did not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    acknowledged.push("after".to_owned());
    assert!(is_healthy(&root).await);
    let roles = root.list_roles().await.unwrap();
    assert!(acknowledged.iter().all(|role| roles.contains(role)), "{roles:?}");
    assert!(unknown || !roles.contains(&"refused".to_owned()), "{roles:?}");

    server.terminate();
    assert!(server.wait().success());
    let server = Process::start(&data);
    let again = Grpc::connect(server.address, ROOT).await.list_roles().await.unwrap();
    assert_eq!(again, roles, "{call} {error}");
}

#[tokio::test]
async fn syncs_that_fail_make_it_read_only_until_the_disk_is_well() {
    for error in ["EIO", "ENOSPC", "EROFS"] {
        survives("fdatasync", error).await;
    }
}

#[tokio::test]
async fn a_disk_that_can_also_not_be_read_is_left_alone_until_it_is_well() {
    survives("fdatasync,pread64", "EIO").await;
}

#[tokio::test]
async fn writes_that_fail_make_it_read_only_until_the_disk_is_well() {
    for error in ["EIO", "ENOSPC", "EROFS"] {
        survives("pwrite64", error).await;
    }
}
