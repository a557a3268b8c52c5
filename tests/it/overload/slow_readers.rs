//! Answers that their callers do not read: they cost the server a bounded amount of memory, for a
//! bounded time, and nobody else anything.

use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use milvus_rbac::server::Limits;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::transport::http2::{request, whole};
use crate::transport::toy::{BIG, Toy, within};

/// A connection whose streams may be sent this many bytes before they are read.
async fn connect(
    toy: &Toy,
    window: u32,
) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(toy.address).await.unwrap();
    let mut builder = h2::client::Builder::new();
    let connecting = builder.initial_window_size(window).handshake(stream);
    let (client, connection) = connecting.await.unwrap();
    (client, tokio::spawn(connection))
}

async fn ask(client: &SendRequest<Bytes>, path: &str, kind: &str) -> ResponseFuture {
    let mut client = within(client.clone().ready()).await.unwrap();
    client.send_request(request(path, kind), true).unwrap().0
}

/// The body, one piece after the other with a pause before each; its length.
async fn read_slowly(mut body: RecvStream, pause: Duration) -> usize {
    let mut length = 0;
    while let Some(piece) = within(body.data()).await {
        let piece = piece.unwrap();
        length += piece.len();
        tokio::time::sleep(pause).await;
        body.flow_control().release_capacity(piece.len()).unwrap();
    }
    length
}

#[tokio::test]
async fn while_too_much_is_unread_no_more_calls_are_answered() {
    let toy = Toy::start(Limits { max_unread_bytes: 1 << 20, ..Limits::default() }).await;
    // Not even one byte: whoever asks like that wants the server to keep it all.
    let (client, _connection) = connect(&toy, 0).await;
    let first = within(ask(&client, "/big", "a/b").await).await.unwrap();
    assert_eq!(first.status(), 200);
    for _ in 0..100 {
        let refused = within(ask(&client, "/big", "application/grpc").await).await.unwrap();
        assert_eq!(refused.headers()["grpc-status"], "8");
        assert_eq!(
            refused.headers()["grpc-message"],
            "more than 1048576 bytes of answers wait on this connection to be read; read them \
             before the next call"
        );
        assert_eq!(within(ask(&client, "/big", "a/b").await).await.unwrap().status(), 429);
    }
    assert_eq!(toy.seen(), ["/big"], "one answer is held, not two hundred");

    // Nobody else is concerned, and once it is given up there is room again.
    let (other, _connection) = connect(&toy, 1 << 16).await;
    let hello = ask(&other, "/hello", "a/b").await;
    assert_eq!(whole(within(hello).await.unwrap()).await.unwrap().body, "hello");
    drop(first);
    within(async {
        while ask(&client, "/hello", "a/b").await.await.unwrap().status() != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_read_slowly_arrives_and_one_that_is_not_read_ends_its_connection() {
    let limits = Limits { write_timeout: Duration::from_millis(500), ..Limits::default() };
    let toy = Toy::start(limits).await;
    let (slow, _connection) = connect(&toy, 1 << 20).await;
    let (never, closed) = connect(&toy, 100).await;
    let slowly = within(ask(&slow, "/big", "a/b").await).await.unwrap();
    let unread = within(ask(&never, "/big", "a/b").await).await.unwrap();
    let slowly = read_slowly(slowly.into_body(), Duration::from_micros(500));
    assert_eq!(slowly.await, BIG);
    // Whether by a reset or by the end of the connection: it is over.
    let _ = within(closed).await.unwrap();
    drop(unread);
}
