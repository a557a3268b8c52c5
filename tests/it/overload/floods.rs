//! Frames that ask for nothing, without end, on a connection that reads all it is sent.

use std::time::Duration;

use bytes::Bytes;
use h2::PingPong;
use milvus_rbac::server::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::transport::http2::{GOAWAY, PREFACE, SETTINGS, frame, request, whole};
use crate::transport::toy::{Toy, within};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const UNKNOWN: u8 = 0xee;

/// The code of `GOAWAY` for whoever overdoes it.
const ENHANCE_YOUR_CALM: u8 = 0xb;

/// A GET of `/` in three bytes of the static table.
const GET: [u8; 3] = [0x82, 0x86, 0x84];
/// Ends the headers; the body follows.
const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;

/// Sends `first`, then `more` again and again, each time after `pause`, for as long as the
/// connection takes it; the code of the GOAWAY that comes, and how often `more` was sent.
async fn flood(
    toy: &Toy,
    first: &[u8],
    more: impl Fn(u32) -> Vec<u8>,
    pause: Duration,
) -> (u8, u32) {
    let stream = TcpStream::connect(toy.address).await.unwrap();
    // Each turn is seen by itself.
    stream.set_nodelay(true).unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let reader = tokio::spawn(async move {
        let mut all = Vec::new();
        // A reset after the GOAWAY is an end like another.
        let _ = reading.read_to_end(&mut all).await;
        all
    });
    let start = [PREFACE.as_bytes(), &frame(SETTINGS, 0, 0, &[]), first].concat();
    writing.write_all(&start).await.unwrap();
    let mut sent = 0;
    while !reader.is_finished() && writing.write_all(&more(sent)).await.is_ok() {
        sent += 1;
        assert!(sent < 20_000, "nobody minds");
        tokio::time::sleep(pause).await;
    }
    (goaway(&within(reader).await.unwrap()), sent)
}

/// The code of the last GOAWAY among these frames.
fn goaway(mut frames: &[u8]) -> u8 {
    let mut code = None;
    while let Some((head, rest)) = frames.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        if head[3] == GOAWAY {
            code = Some(payload[7]);
        }
        frames = rest;
    }
    code.expect("no GOAWAY")
}

#[tokio::test]
async fn frames_that_ask_for_nothing_end_the_connection_and_no_other() {
    let toy = Toy::start(Limits::default()).await;
    let other = toy.connect_h2().await;
    let open = frame(HEADERS, END_HEADERS, 1, &GET);
    for (what, first, more) in [
        ("PING", &[][..], frame(PING, 0, 0, &[7; 8])),
        ("PING answers", &[][..], frame(PING, 1, 0, &[7; 8])),
        ("SETTINGS", &[][..], frame(SETTINGS, 0, 0, &[])),
        ("PRIORITY", &[][..], frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 9])),
        ("WINDOW_UPDATE", &[][..], frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("unknown frames", &[][..], frame(UNKNOWN, 0, 0, &[])),
        ("empty DATA", &open[..], frame(DATA, 0, 1, &[])),
        ("DATA of one byte", &open[..], frame(DATA, 0, 1, &[7])),
    ] {
        let many = more.repeat(1000);
        let (code, sent) = flood(&toy, first, |_| many.clone(), Duration::ZERO).await;
        assert_eq!(code, ENHANCE_YOUR_CALM, "{what}");
        // h2 has limits of its own for pieces of bodies that are not read yet.
        assert!(sent >= 10 || what.contains("DATA"), "{what}: only {sent} thousand were let pass");
    }
    let mut other = within(other.ready()).await.unwrap();
    let (answer, _) = other.send_request(request("/hello", "a/b"), true).unwrap();
    assert_eq!(whole(within(answer).await.unwrap()).await.unwrap().body, "hello");
}

#[tokio::test]
async fn calls_given_up_one_after_another_end_the_connection() {
    let toy = Toy::start(Limits::default()).await;
    // In turns: calls, and once they have been looked at, their resets.
    let turn = |turn: u32| {
        let streams = (0..20).map(|n| 2 * (turn / 2 * 20 + n) + 1);
        let call = |stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, &GET);
        let reset = |stream| frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]);
        if turn.is_multiple_of(2) {
            streams.flat_map(call).collect()
        } else {
            streams.flat_map(reset).collect::<Vec<u8>>()
        }
    };
    let (code, turns) = flood(&toy, &[], turn, Duration::from_millis(2)).await;
    assert_eq!(code, ENHANCE_YOUR_CALM);
    let given_up = toy.seen().len();
    assert!((2000..20_000).contains(&given_up), "{given_up} in {turns} turns");
}

#[tokio::test]
async fn what_clients_send_beside_their_calls_ends_no_connection() {
    let toy = Toy::start(Limits::default()).await;
    let stream = TcpStream::connect(toy.address).await.unwrap();
    let (client, mut connection) = h2::client::handshake(stream).await.unwrap();
    let mut pings: PingPong = connection.ping_pong().unwrap();
    let connection = tokio::spawn(connection);
    // A ping for each answer, as gRPC clients send that measure the bandwidth, and many more calls
    // than the allowance of frames.
    for _ in 0..12_000 {
        let mut client = client.clone().ready().await.unwrap();
        let mut echo = request("/echo", "application/grpc");
        echo.headers_mut().insert("te", "trailers".parse().unwrap());
        let (answer, mut body) = client.send_request(echo, false).unwrap();
        body.send_data(Bytes::from_static(b"ab"), false).unwrap();
        body.send_data(Bytes::new(), true).unwrap();
        pings.ping(h2::Ping::opaque()).await.unwrap();
        assert_eq!(whole(within(answer).await.unwrap()).await.unwrap().body, "ab");
    }
    // A large answer, with the updates of windows that it takes.
    let mut client = client.ready().await.unwrap();
    let (answer, _) = client.send_request(request("/big", "a/b"), true).unwrap();
    let mut body = within(answer).await.unwrap().into_body();
    let mut length = 0;
    while let Some(piece) = within(body.data()).await {
        let piece = piece.unwrap();
        length += piece.len();
        body.flow_control().release_capacity(piece.len()).unwrap();
    }
    assert_eq!(length, crate::transport::toy::BIG);
    // And all calls given up at once, as when a client loses patience.
    let mut calls = Vec::new();
    for _ in 0..1000 {
        client = client.ready().await.unwrap();
        calls.push(client.send_request(request("/slow", "a/b"), true).unwrap());
    }
    toy.reached("/slow").await;
    drop(calls);
    client = client.ready().await.unwrap();
    let (answer, _) = client.send_request(request("/hello", "a/b"), true).unwrap();
    assert_eq!(whole(within(answer).await.unwrap()).await.unwrap().body, "hello");
    assert!(!connection.is_finished());
}
