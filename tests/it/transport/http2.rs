//! HTTP/2: limits that cost a request and not the connection, and peers that are not waited for.

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request, Response};
use milvus_rbac::server::Limits;

use super::toy::{Raw, Toy, short, within};

pub(crate) const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Response<()>,
    pub(crate) body: String,
    pub(crate) trailers: HeaderMap,
}

pub(crate) fn request(path: &str, content_type: &str) -> Request<()> {
    Request::post(format!("http://x{path}")).header("content-type", content_type).body(()).unwrap()
}

pub(crate) async fn whole(response: Response<h2::RecvStream>) -> Result<Answer, h2::Error> {
    let (head, mut stream) = response.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = within(stream.data()).await {
        let chunk = chunk?;
        stream.flow_control().release_capacity(chunk.len()).unwrap();
        body.extend_from_slice(&chunk);
    }
    let trailers = within(stream.trailers()).await?.unwrap_or_default();
    let body = String::from_utf8(body).unwrap();
    Ok(Answer { head: Response::from_parts(head, ()), body, trailers })
}

/// One call without a body.
async fn call(client: &SendRequest<Bytes>, request: Request<()>) -> Result<Answer, h2::Error> {
    let mut client = within(client.clone().ready()).await?;
    let (response, _) = client.send_request(request, true)?;
    whole(within(response).await?).await
}

async fn lives(client: &SendRequest<Bytes>) {
    let answer = call(client, request("/hello", "application/json")).await.unwrap();
    assert_eq!(answer.body, "hello");
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A raw connection past its handshake.
pub(crate) async fn raw(toy: &Toy) -> Raw {
    let mut raw = toy.connect().await;
    raw.send(PREFACE).await;
    raw.send(frame(SETTINGS, 0, 0, &[])).await;
    raw.frame_of(SETTINGS).await;
    raw
}

#[tokio::test]
async fn one_port_speaks_both_protocols_at_once() {
    let toy = Toy::start(Limits::default()).await;
    let client = toy.connect_h2().await;
    let mut old = toy.connect().await;
    lives(&client).await;
    old.send("GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
    old.until("hello").await;
    let mut sender = client.clone();
    let (response, mut stream) =
        sender.send_request(request("/echo", "application/grpc"), false).unwrap();
    stream.send_data(Bytes::from_static(b"message"), true).unwrap();
    assert_eq!(whole(within(response).await.unwrap()).await.unwrap().body, "message");
    assert_eq!(call(&client, request("/peer", "a/b")).await.unwrap().body, "127.0.0.1");
}

#[tokio::test]
async fn a_header_of_1_mib_costs_its_request_and_not_the_connection() {
    let toy = Toy::start(Limits::default()).await;
    let client = toy.connect_h2().await;
    for size in [40 * 1024, 1024 * 1024] {
        let token = "a".repeat(size);
        let mut grpc = request("/x", "application/grpc");
        grpc.headers_mut().insert("authorization", token.parse().unwrap());
        let answer = call(&client, grpc).await.unwrap();
        assert_eq!(answer.head.status(), 200);
        assert_eq!(answer.head.headers()["content-type"], "application/grpc");
        assert_eq!(answer.head.headers()["grpc-status"], "8");
        assert_eq!(
            answer.head.headers()["grpc-message"],
            "request headers are larger than 32768 bytes"
        );

        let mut rest = request("/x", "application/json");
        rest.headers_mut().insert("authorization", token.parse().unwrap());
        let answer = call(&client, rest).await.unwrap();
        assert_eq!(answer.head.status(), 431);
        lives(&client).await;
    }
    assert_eq!(toy.seen(), ["/hello", "/hello"]);
}

#[tokio::test]
async fn headers_beyond_what_is_decoded_cost_the_request_only() {
    let toy = Toy::start(Limits::default()).await;
    let client = toy.connect_h2().await;
    let mut huge = request("/x", "application/grpc");
    for _ in 0..15 {
        huge.headers_mut().append("x-a", "a".repeat(90 * 1024).parse().unwrap());
    }
    match call(&client, huge).await {
        Ok(answer) => assert_eq!(answer.head.status(), 431),
        Err(error) => assert!(error.is_reset(), "{error}"),
    }
    lives(&client).await;
    assert_eq!(toy.seen(), ["/hello"]);
}

#[tokio::test]
async fn a_flood_of_continuations_ends_the_connection() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = raw(&toy).await;
    let mut flood = frame(HEADERS, 0, 1, &[0x82]);
    for _ in 0..500 {
        flood.extend(frame(CONTINUATION, 0, 1, &[]));
    }
    raw.send(flood).await;
    let goaway = raw.frame_of(GOAWAY).await;
    assert_eq!(goaway[7], 0xb, "ENHANCE_YOUR_CALM");
    raw.rest_bytes().await;
}

#[tokio::test]
async fn a_flood_of_resets_ends_the_connection() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = raw(&toy).await;
    let mut flood = Vec::new();
    for stream in (1..2000).step_by(2) {
        // GET http / in three bytes of the static table.
        flood.extend(frame(HEADERS, 0x5, stream, &[0x82, 0x86, 0x84]));
        flood.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
    }
    raw.send(flood).await;
    let goaway = raw.frame_of(GOAWAY).await;
    assert_eq!(goaway[7], 0xb, "ENHANCE_YOUR_CALM");
}

#[tokio::test]
async fn what_a_peer_begins_it_must_finish_in_time() {
    let toy = Toy::start(short()).await;
    let start = [PREFACE.as_bytes(), &frame(SETTINGS, 0, 0, &[])].concat();
    let block = frame(HEADERS, 0, 1, &[0x82, 0x86, 0x84]);
    for unfinished in [
        PREFACE.as_bytes().to_vec(),
        start[..start.len() - 2].to_vec(),
        [&start, &block[..]].concat(),
        [&start, &block[..11]].concat(),
        [&start, &block[..], &frame(CONTINUATION, 0, 1, &[0x84])].concat(),
        [&start, &frame(PING, 0, 0, &[0; 8])[..12]].concat(),
    ] {
        let mut raw = toy.connect().await;
        raw.send(&unfinished).await;
        raw.rest_bytes().await;
    }
    assert_eq!(toy.seen(), [""; 0]);

    // Whereas a connection that owes nothing may be silent for longer than that.
    let client = toy.connect_h2().await;
    lives(&client).await;
    tokio::time::sleep(short().header_timeout * 2).await;
    lives(&client).await;
}

#[tokio::test]
async fn pings_without_calls_are_answered_however_many() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = raw(&toy).await;
    for number in 0..100_u64 {
        raw.send(frame(PING, 0, 0, &number.to_be_bytes())).await;
        assert_eq!(raw.frame_of(PING).await, number.to_be_bytes());
    }
}

#[tokio::test]
async fn a_silent_peer_is_pinged_and_then_closed() {
    let limits = Limits {
        h2_keepalive_interval: std::time::Duration::from_millis(200),
        h2_keepalive_timeout: std::time::Duration::from_millis(200),
        ..Limits::default()
    };
    let toy = Toy::start(limits).await;
    let mut raw = raw(&toy).await;
    raw.frame_of(PING).await;
    raw.rest_bytes().await;
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_unless_its_deadline_is_lifted() {
    let toy = Toy::start(short()).await;
    let client = toy.connect_h2().await;
    let mut sender = client.clone();
    let (cut, mut never) =
        sender.send_request(request("/echo", "application/json"), false).unwrap();
    let (lifted, mut late) =
        sender.send_request(request("/lifted", "application/grpc"), false).unwrap();
    never.send_data(Bytes::from_static(b"begun"), false).unwrap();
    late.send_data(Bytes::from_static(b"begun"), false).unwrap();

    let answer = whole(within(cut).await.unwrap()).await.unwrap();
    assert_eq!(answer.head.status(), 400);
    assert!(answer.body.contains("was not complete"), "{}", answer.body);
    within(std::future::poll_fn(|cx| never.poll_reset(cx))).await.unwrap();

    // The other began no later and is still open.
    late.send_data(Bytes::from_static(b" and ended"), true).unwrap();
    assert_eq!(whole(within(lifted).await.unwrap()).await.unwrap().body, "begun and ended");
    lives(&client).await;
}

#[tokio::test]
async fn a_panic_costs_its_request_and_not_the_connection() {
    let toy = Toy::start(Limits::default()).await;
    let client = toy.connect_h2().await;

    let answer = call(&client, request("/panic", "application/grpc")).await.unwrap();
    assert_eq!(answer.head.status(), 200);
    assert_eq!(answer.head.headers()["grpc-status"], "13");
    assert_eq!(answer.head.headers()["grpc-message"], "internal error");

    let answer = call(&client, request("/panic", "application/json")).await.unwrap();
    assert_eq!((answer.head.status().as_u16(), answer.body.as_str()), (500, r#"{"code":500}"#));

    let answer = call(&client, request("/panic-body", "application/grpc")).await.unwrap();
    assert_eq!(answer.body, "first");
    assert_eq!(answer.trailers["grpc-status"], "13");

    let error = call(&client, request("/panic-body", "application/json")).await.unwrap_err();
    assert!(error.is_reset(), "{error}");
    lives(&client).await;
}

#[tokio::test]
async fn a_tunnel_is_refused() {
    let toy = Toy::start(Limits::default()).await;
    let client = toy.connect_h2().await;
    let tunnel = Request::builder().method(Method::CONNECT).uri("x:1").body(()).unwrap();
    assert_eq!(call(&client, tunnel).await.unwrap().head.status(), 405);
    lives(&client).await;
}
