//! The baseline of a gateway: a relay that takes each request as it is to the upstream, and the
//! answer back, by hyper on both sides, with the limits and the connections of the gateway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, client, server};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use milvus_rbac::server::Limits;
use tokio::net::TcpStream;

use super::part;
use super::process::Process;

/// The gateway's defaults; those that stand in `Limits` are taken from there.
const CONNECTIONS: usize = 4;
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
const SEND_BUFFER: usize = 256 << 10;
const MOST_HEADERS: u32 = 64 << 10;

/// A relay in front of this upstream.
pub(crate) fn start(upstream: SocketAddr) -> Process {
    part::start("relay", &[&upstream.to_string()])
}

struct Pool {
    senders: Vec<SendRequest<Incoming>>,
    turn: AtomicUsize,
}

/// Serves until it is ended, on as many threads as the gateway.
pub(crate) fn run(arguments: &[String]) {
    let upstream: SocketAddr = arguments[0].parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut senders = Vec::new();
        for _ in 0..CONNECTIONS {
            senders.push(connect(upstream).await);
        }
        let pool = Arc::new(Pool { senders, turn: AtomicUsize::new(0) });
        let listener = part::listen().await;
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(tcp, Arc::clone(&pool)));
        }
    });
}

async fn connect(upstream: SocketAddr) -> SendRequest<Incoming> {
    let tcp = TcpStream::connect(upstream).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    let handshake = client::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(MOST_HEADERS)
        .handshake(TokioIo::new(tcp));
    let (sender, connection) = handshake.await.unwrap();
    tokio::spawn(async move { connection.await.unwrap() });
    sender
}

async fn serve(tcp: TcpStream, pool: Arc<Pool>) {
    tcp.set_nodelay(true).unwrap();
    let limits = Limits::default();
    let service = service_fn(move |request: Request<Incoming>| {
        let turn = pool.turn.fetch_add(1, Ordering::Relaxed);
        pool.senders[turn % CONNECTIONS].clone().send_request(request)
    });
    let served = server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_max_concurrent_streams)
        .initial_stream_window_size(limits.h2_stream_window)
        .initial_connection_window_size(limits.h2_connection_window)
        .max_frame_size(limits.h2_max_frame_size)
        .max_send_buf_size(limits.h2_max_send_buffer)
        .serve_connection(TokioIo::new(tcp), service);
    // Clients leave as they like.
    let _ = served.await;
}
