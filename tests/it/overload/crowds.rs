//! Many connections and many calls at once, on a server that is a process of its own: what it holds
//! is counted from outside.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use milvus_rbac::proto::milvus as pb;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::{Grpc, Process, ROOT, Wire, basic, serve, unconfigured};
use crate::transport::http2::{PREFACE, SETTINGS, frame};
use crate::transport::toy::within;

/// A connection that has said hello over HTTP/2 and nothing since.
async fn idle(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let hello = [PREFACE.as_bytes(), &frame(SETTINGS, 0, 0, &[])].concat();
    // One that is sent away at once may be gone already.
    let _ = stream.write_all(&hello).await;
    stream
}

/// Whether the server has closed it.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut some = [0; 1024];
    loop {
        let read = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut some)).await;
        match read {
            Ok(Ok(1..)) => {}
            Ok(_) => return true,
            Err(_) => return false,
        }
    }
}

fn descriptors(process: &Process) -> usize {
    fs::read_dir(format!("/proc/{}/fd", process.id())).unwrap().count()
}

/// Waits until the server has no more descriptors than this.
async fn down_to(process: &Process, most: usize) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while descriptors(process) > most {
        assert!(Instant::now() < deadline, "{} descriptors are left", descriptors(process));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The largest resident memory that a process has had, in KiB.
fn peak(process: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// A server with sled in a directory that takes this many connections.
fn serve_most(data: &Path, connections: usize) -> Command {
    let mut command = serve(data);
    command.env("MILVUS_RBAC_RBAC_MAXCONNECTIONS", connections.to_string());
    command
}

/// A connection over which root has logged in.
async fn known(address: SocketAddr) -> Wire {
    let wire = Wire::connect(address).await;
    assert_eq!(select_root(&wire).await, 1);
    wire
}

/// How many users are answered to a question for root.
async fn select_root(wire: &Wire) -> usize {
    let question = pb::SelectUserRequest {
        user: Some(pb::UserEntity { name: "root".into() }),
        ..Default::default()
    };
    let login = basic(ROOT.0, ROOT.1);
    let answer = wire.call("SelectUser", &[&login], &question.encode_to_vec()).await;
    pb::SelectUserResponse::decode(answer.message()).unwrap().results.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_connections_and_ten_thousand_calls_at_once_are_answered_in_bounded_memory()
{
    let home = tempfile::tempdir().unwrap();
    let process = Process::start(&home.path().join("data"));
    let first = known(process.address).await;
    let (files, before) = (descriptors(&process), peak(&process));
    let mut crowd = Vec::new();
    for _ in 0..1000 {
        crowd.push(idle(process.address).await);
    }
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        let wire = known(process.address).await;
        for _ in 0..1000 {
            let wire = wire.clone();
            calls.spawn(async move { select_root(&wire).await });
        }
    }
    assert_eq!(within(calls.join_all()).await, vec![1; 10_000]);
    assert_eq!(select_root(&first).await, 1);
    // 1,010 connections of 20 KiB, and what is in flight: a few KiB each.
    let grown = peak(&process) - before;
    assert!(grown < 128 << 10, "{grown} KiB more");
    drop(crowd);
    down_to(&process, files).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_strangers_give_way_and_whoever_has_logged_in_stays() {
    let home = tempfile::tempdir().unwrap();
    let (data, log) = (home.path().join("data"), home.path().join("log"));
    let process = Process::spawn_logging(serve_most(&data, 50), &log).unwrap();
    let files = descriptors(&process);
    let early = known(process.address).await;
    let mut crowd = Vec::new();
    for _ in 0..200 {
        crowd.push(idle(process.address).await);
    }
    let late = known(process.address).await;
    assert_eq!([select_root(&early).await, select_root(&late).await], [1, 1]);
    down_to(&process, files + 50).await;
    assert!(is_closed(&mut crowd[0]).await && !is_closed(&mut crowd[199]).await);
    let log = fs::read_to_string(log).unwrap();
    let line = log.lines().find(|line| line.contains("rbac.maxConnections")).unwrap();
    assert!(line.contains("WARN") && line.contains("connections=50"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_everybody_has_logged_in_newcomers_are_refused_until_one_leaves() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::spawn(serve_most(&home.path().join("data"), 2)).unwrap();
    let [one, two] = [known(process.address).await, known(process.address).await];
    let mut third = idle(process.address).await;
    assert!(is_closed(&mut third).await);
    assert_eq!([select_root(&one).await, select_root(&two).await], [1, 1]);
    let files = descriptors(&process);
    drop(two);
    down_to(&process, files - 1).await;
    known(process.address).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_few_descriptors_there_are_fewer_connections_and_changes_go_on() {
    let home = tempfile::tempdir().unwrap();
    let (data, log) = (home.path().join("data"), home.path().join("log"));
    let served = serve(&data);
    let mut limited = unconfigured("sh");
    limited.args(["-c", r#"ulimit -n 200 && exec "$0" "$@""#]).arg(served.get_program());
    limited.args(served.get_args()).env("MILVUS_RBAC_RBAC_BCRYPTCOST", "4");
    let process = Process::spawn_logging(limited, &log).unwrap();
    let root = Grpc::connect(process.address, ROOT).await;
    assert!(root.logs_in().await);
    let mut crowd = Vec::new();
    for _ in 0..400 {
        crowd.push(idle(process.address).await);
    }
    let late = Grpc::connect(process.address, ROOT).await;
    assert_eq!(root.create_role("one").await.unwrap().code, 0);
    assert_eq!(late.create_role("two").await.unwrap().code, 0);
    assert!(descriptors(&process) < 200);
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("files=200") && log.contains("connections=72"), "{log}");
    assert!(!log.contains("cannot accept"), "{log}");
}
