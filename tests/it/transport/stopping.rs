//! Starting to accept, going on accepting, and stopping in order.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use milvus_rbac::config::ListenAddress;
use milvus_rbac::server::Limits;
use tokio::net::{TcpListener, TcpStream};

use super::http2::{GOAWAY, raw, request, whole};
use super::toy::{Failing, Toy, short, within};

const GET: &str = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";

/// Waits until the server has told this connection to begin nothing new.
async fn gone_away(client: &SendRequest<Bytes>) {
    within(async {
        while client.clone().ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn accepting_goes_on_after_errors() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // The numbers of EMFILE, ENFILE, ECONNABORTED and, for what nobody expects, EBADF.
    let errors = [24, 23, 103, 103, 9].map(io::Error::from_raw_os_error).into();
    let toy = Toy::start_on(vec![Failing { listener, errors }], address, Limits::default());
    let mut raw = toy.connect().await;
    raw.send(GET).await;
    raw.until("hello").await;
}

#[test]
fn a_full_descriptor_table_is_survived() {
    let output = std::process::Command::new("sh")
        .args(["-c", r#"ulimit -n 64 && exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args(["transport::stopping::with_few_descriptors", "--exact", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "run by the test above, in a process whose descriptors are few"]
async fn with_few_descriptors() {
    let toy = Toy::start(Limits::default()).await;
    let mut clients = Vec::new();
    // Nothing is awaited here, so the server accepts none before there is no descriptor left.
    let error = loop {
        match std::net::TcpStream::connect(toy.address) {
            Ok(client) => clients.push(client),
            Err(error) => break error,
        }
        assert!(clients.len() < 64, "the limit is not in force");
    };
    assert_eq!(error.raw_os_error(), Some(24), "{error}");
    // The server tries and fails, more than once.
    tokio::time::sleep(Duration::from_millis(350)).await;
    drop(clients);
    let mut raw = toy.connect().await;
    raw.send(GET).await;
    raw.until("hello").await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let listen = ListenAddress { address, optional: false };
    let error = milvus_rbac::server::bind_all(&[listen]).await.unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn idle_connections_are_closed_and_no_new_ones_accepted() {
    let mut toy = Toy::start(Limits::default()).await;
    let address = toy.address;
    let mut used = toy.connect().await;
    used.send(GET).await;
    used.until("hello").await;
    let mut untouched = toy.connect().await;
    let mut half = toy.connect().await;
    half.send("GET / HTTP/1.1\r\n").await;
    let client = toy.connect_h2().await;

    let begun = Instant::now();
    toy.begin_stop();
    assert_eq!(used.rest().await, "");
    assert_eq!(untouched.rest().await, "");
    assert_eq!(half.rest().await, "");
    gone_away(&client).await;
    toy.stopped().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "nothing had to be waited for");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_peer_that_ignores_goaway_is_cut_after_the_grace() {
    let limits = Limits { shutdown_grace: Duration::from_millis(400), ..Limits::default() };
    let mut toy = Toy::start(limits).await;
    let mut raw = raw(&toy).await;
    let begun = Instant::now();
    toy.begin_stop();
    assert_eq!(raw.frame_of(GOAWAY).await[7], 0, "NO_ERROR");
    toy.stopped().await;
    assert!(begun.elapsed() >= Duration::from_millis(400));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn requests_in_flight_are_finished() {
    let mut toy = Toy::start(Limits::default()).await;
    let mut old = toy.connect().await;
    old.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    toy.reached("/slow").await;
    let mut client = toy.connect_h2().await;
    let (response, _) = client.send_request(request("/slow", "application/grpc"), true).unwrap();
    within(async {
        while toy.seen().len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;

    toy.begin_stop();
    gone_away(&client).await;
    toy.shared.release.notify_waiters();
    let answer = old.rest().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("released"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(whole(within(response).await.unwrap()).await.unwrap().body, "released");
    toy.stopped().await;
}

#[tokio::test]
async fn streams_without_end_are_cut_at_once_with_a_status() {
    let mut toy = Toy::start(Limits::default()).await;
    let mut client = toy.connect_h2().await;
    let (response, _) = client.send_request(request("/endless", "application/grpc"), true).unwrap();
    let response = within(response).await.unwrap();
    let begun = Instant::now();
    toy.begin_stop();
    let answer = whole(response).await.unwrap();
    assert_eq!(answer.body, "first");
    assert_eq!(answer.trailers["grpc-status"], "14");
    assert_eq!(answer.trailers["grpc-message"], "server is shutting down");
    drop(client);
    toy.stopped().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "nothing had to be waited for");
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_after_the_grace() {
    let limits = Limits { shutdown_grace: Duration::from_millis(300), ..short() };
    let mut toy = Toy::start(limits).await;
    let mut raw = toy.connect().await;
    raw.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    toy.reached("/slow").await;
    toy.begin_stop();
    assert_eq!(raw.rest().await, "");
    toy.stopped().await;
}
