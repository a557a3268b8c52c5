//! The server behind whoever is measured: a constant answer to each call once its message has come.
//!
//! What it answers goes by the method: `Search` with 1 KiB, `Query` with 100 MiB, everything else
//! with nothing. A call whose `client-request-id` is a number is read at no more than so many bytes
//! a second.

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, server};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::TcpStream;

use super::call::frame;
use super::client::{receive, send};
use super::part::listen;

/// Bytes of the message that answers a small call, and of one that answers a large one.
pub(crate) const SMALL_ANSWER: usize = 1 << 10;
pub(crate) const LARGE_ANSWER: usize = 100 << 20;

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

#[derive(Clone)]
struct Answers {
    none: Bytes,
    small: Bytes,
    large: Bytes,
}

/// Serves until it is ended. One thread, which is more than it needs beside a proxy.
pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let answers = Answers {
            none: frame(&[]),
            small: frame(&[7; SMALL_ANSWER]),
            large: frame(&vec![7; LARGE_ANSWER]),
        };
        let listener = listen().await;
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(tcp, answers.clone()));
        }
    });
}

async fn serve(tcp: TcpStream, answers: Answers) {
    tcp.set_nodelay(true).unwrap();
    let handshake = server::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(1000)
        .handshake(tcp);
    let Ok(mut connection) = handshake.await else { return };
    while let Some(Ok((request, answer))) = connection.accept().await {
        tokio::spawn(respond(request, answer, answers.clone()));
    }
}

async fn respond(request: Request<RecvStream>, mut answer: SendResponse<Bytes>, answers: Answers) {
    let (head, mut body) = request.into_parts();
    let pace = head.headers.get("client-request-id");
    receive(&mut body, pace.and_then(|pace| pace.to_str().ok()?.parse().ok())).await;
    let mut response = Response::new(());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    let content = match head.uri.path().rsplit('/').next() {
        Some("Search") => answers.small,
        Some("Query") => answers.large,
        _ => answers.none,
    };
    let mut stream = answer.send_response(response, false).unwrap();
    send(&mut stream, content, false).await;
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let _ = stream.send_trailers(trailers);
}
