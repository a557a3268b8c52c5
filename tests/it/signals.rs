//! A signal ends the process in order: nothing new is begun, what was begun is finished and
//! durable, streams without end are ended, and the code is 0.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Request;
use rustix::process::Signal;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Grpc, Process, ROOT, Rest};
use crate::transport::toy::{Raw, within};

/// Well below the ten seconds that calls in progress are given.
const SOON: Duration = Duration::from_secs(5);

/// Waits for the end without keeping the clients from running.
async fn ended_well(mut process: Process) {
    let status = tokio::task::spawn_blocking(move || process.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_signals_end_it_and_what_was_done_is_there_after_the_restart() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    for (signal, name) in [(Signal::TERM, "role_a"), (Signal::INT, "role_b")] {
        let process = Process::start(&data);
        let root = Grpc::connect(process.address, ROOT).await;
        assert_eq!(root.create_role(name).await.unwrap().code, 0);
        let begun = Instant::now();
        process.signal(signal);
        ended_well(process).await;
        assert!(begun.elapsed() < SOON, "an idle connection is not waited for");
    }
    let process = Process::start(&data);
    let root = Grpc::connect(process.address, ROOT).await;
    assert_eq!(root.list_roles().await.unwrap(), ["admin", "role_a", "role_b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_told_and_nothing_more_is_accepted() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::start(&home.path().join("data"));
    let address = process.address;
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = Request::get(format!("http://{address}/")).body(()).unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 401, "the connection is in use");
    process.terminate();
    // A GOAWAY without an error ends the connection without one.
    tokio::time::timeout(SOON, connection).await.unwrap().unwrap().unwrap();
    drop(client);
    ended_well(process).await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_of_the_health_ends_with_a_status() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::start(&home.path().join("data"));
    let mut health = HealthClient::new(Grpc::channel(process.address).await);
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = health.watch(request).await.unwrap().into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.status, 1, "serving");
    process.terminate();
    let status = tokio::time::timeout(SOON, watch.message()).await.unwrap().unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "server is shutting down"));
    ended_well(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_has_begun_is_finished() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let process = Process::start(&data);
    let mut raw = Raw::connect(process.address).await;
    let body = json!({"roleName": "role_a"}).to_string();
    raw.send(format!(
        "POST /v2/vectordb/roles/create HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}:{}\r\n\
         content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        ROOT.0,
        ROOT.1,
        body.len()
    ))
    .await;
    // Now it waits for the body.
    raw.until("HTTP/1.1 100 Continue\r\n\r\n").await;
    let address = process.address;
    process.terminate();
    within(async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    raw.send(body).await;
    let answer = raw.rest().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(answer.ends_with(r#"{"code":0,"data":{}}"#), "{answer}");
    ended_well(process).await;
    let process = Process::start(&data);
    let root = Grpc::connect(process.address, ROOT).await;
    assert_eq!(root.list_roles().await.unwrap(), ["admin", "role_a"]);
}

/// What clients were told while the server was asked to end.
#[derive(Default)]
struct Told {
    signalled: AtomicBool,
    acknowledged: AtomicUsize,
}

/// Creates roles over gRPC until the server is gone. Every answer is a whole one.
async fn create_over_grpc(root: Grpc, client: usize, told: Arc<Told>) -> Vec<String> {
    let mut done = Vec::new();
    for number in 0.. {
        let name = format!("grpc_{client}_{number}");
        match root.create_role(&name).await {
            Ok(status) if status.code == 0 => {
                done.push(name);
                told.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Ok(status) => {
                assert_eq!(status.reason, "the server is shutting down; nothing was written");
                break;
            }
            Err(status) => {
                assert!(told.signalled.load(Ordering::SeqCst), "{status}");
                // The connection went before the call did.
                assert!(matches!(status.code(), Code::Unavailable | Code::Cancelled), "{status}");
                break;
            }
        }
    }
    done
}

/// The same over HTTP/1.1, where a broken answer would be one that does not parse.
async fn create_over_rest(root: Rest, client: usize, told: Arc<Told>) -> Vec<String> {
    let mut done = Vec::new();
    for number in 0.. {
        let name = format!("rest_{client}_{number}");
        let Some(answer) = root.try_post("roles/create", &json!({"roleName": name})).await else {
            assert!(told.signalled.load(Ordering::SeqCst), "a call failed");
            break;
        };
        if answer.json() != json!({"code": 0, "data": {}}) {
            assert_eq!(answer.message(), "the server is shutting down; nothing was written");
            break;
        }
        done.push(name);
        told.acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_whatever_was_acknowledged_is_there_and_no_answer_is_cut() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let mut all = BTreeSet::from(["admin".to_owned()]);
    for round in 0..3 {
        let process = Process::start(&data);
        let told = Arc::new(Told::default());
        let mut clients = JoinSet::new();
        for number in 0..4 {
            let client = round * 10 + number;
            let root = Grpc::connect(process.address, ROOT).await;
            clients.spawn(create_over_grpc(root, client, told.clone()));
            let root = Rest::new(process.address, Some(ROOT));
            clients.spawn(create_over_rest(root, client, told.clone()));
        }
        within(async {
            while told.acknowledged.load(Ordering::Relaxed) < 100 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        told.signalled.store(true, Ordering::SeqCst);
        let begun = Instant::now();
        process.terminate();
        ended_well(process).await;
        assert!(begun.elapsed() < SOON, "load does not prolong it");
        all.extend(clients.join_all().await.into_iter().flatten());

        let process = Process::start(&data);
        let root = Grpc::connect(process.address, ROOT).await;
        let there: BTreeSet<String> = root.list_roles().await.unwrap().into_iter().collect();
        // Not a single one in doubt: a client whose answer was cut would have one more there.
        assert_eq!(there, all);
    }
}
