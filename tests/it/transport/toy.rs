//! A server on a port of its own with a handler made for these tests, and raw connections to it.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use milvus_rbac::server::{self, Accept, BodyDeadline, Endless, Limits, PeerAddr, RequestBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// Longer than anything here takes; reaching it fails the test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// More than the kernel buffers between two sockets.
pub(crate) const BIG: usize = 64 * 1024 * 1024;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Limits short enough to be waited for.
pub(crate) fn short() -> Limits {
    Limits {
        header_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_millis(300),
        ..Limits::default()
    }
}

/// What the handler shares with the test.
#[derive(Default)]
pub(crate) struct Shared {
    /// The paths that reached the handler.
    pub(crate) seen: Mutex<Vec<String>>,
    /// Lets `/slow` go on.
    pub(crate) release: Notify,
}

pub(crate) struct Toy {
    pub(crate) address: SocketAddr,
    pub(crate) shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Toy {
    pub(crate) async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::start_on(vec![listener], address, limits)
    }

    pub(crate) fn start_on<L: Accept>(
        listeners: Vec<L>,
        address: SocketAddr,
        limits: Limits,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = oneshot::channel();
        let handler = Arc::clone(&shared);
        let service = tower::service_fn(move |request| {
            let shared = Arc::clone(&handler);
            async move { Ok::<_, Infallible>(handle(request, shared).await) }
        });
        let running = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            server::run(listeners, service, limits, stopped).await;
        });
        Self { address, shared, stop: Some(stop), running }
    }

    pub(crate) async fn connect(&self) -> Raw {
        Raw::connect(self.address).await
    }

    /// A proper HTTP/2 client connection, driven in the background.
    pub(crate) async fn connect_h2(&self) -> h2::client::SendRequest<Bytes> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        client
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Waits until `path` has reached the handler.
    pub(crate) async fn reached(&self, path: &str) {
        within(async {
            while !self.seen().iter().any(|seen| seen == path) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Begins shutdown without waiting for its end.
    pub(crate) fn begin_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn stopped(self) {
        within(self.running).await.unwrap();
    }
}

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("took too long")
}

/// A connection that sends what it is told to.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends the end of input; answers can still come.
    pub(crate) async fn close_write(&mut self) {
        self.0.shutdown().await.unwrap();
    }

    /// Everything until the server closes.
    pub(crate) async fn rest(&mut self) -> String {
        String::from_utf8_lossy(&self.rest_bytes().await).into_owned()
    }

    pub(crate) async fn rest_bytes(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        // A reset is an end like another; what came before it counts.
        let _ = within(self.0.read_to_end(&mut all)).await;
        all
    }

    /// Reads until `end` has come.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut all = Vec::new();
        within(async {
            while !all.ends_with(end.as_bytes()) {
                let byte = self.0.read_u8().await;
                all.push(byte.unwrap_or_else(|error| {
                    panic!("{error} after {:?}", String::from_utf8_lossy(&all))
                }));
            }
        })
        .await;
        String::from_utf8(all).unwrap()
    }

    /// The type and payload of the next HTTP/2 frame; `None` at the end of the connection.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        within(async {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).await.ok()?;
            Some((head[3], payload))
        })
        .await
    }

    /// Reads frames until one of `kind`; fails if the connection ends before.
    pub(crate) async fn frame_of(&mut self, kind: u8) -> Vec<u8> {
        loop {
            match self.frame().await {
                Some((found, payload)) if found == kind => return payload,
                Some(_) => {}
                None => panic!("no frame of type {kind}"),
            }
        }
    }
}

async fn handle(request: Request<RequestBody>, shared: Arc<Shared>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    shared.seen.lock().unwrap().push(path.clone());
    match path.as_str() {
        "/echo" => echo(request).await,
        "/lifted" => {
            request.extensions().get::<BodyDeadline>().unwrap().lift();
            echo(request).await
        }
        "/peer" => text(format!("{}", request.extensions().get::<PeerAddr>().unwrap().0.ip())),
        "/slow" => {
            shared.release.notified().await;
            text("released")
        }
        "/big" => text(vec![b'a'; BIG]),
        "/panic" => panic!("secret-in-a-panic"),
        "/panic-body" => {
            let frames = stream::iter(["first", "boom"]).map(|frame| {
                assert_ne!(frame, "boom", "secret-in-a-panic");
                Ok(Frame::data(Bytes::from_static(frame.as_bytes())))
            });
            Response::new(StreamBody::new(frames).boxed_unsync())
        }
        "/endless" => {
            let first = stream::iter([Ok(Frame::data(Bytes::from_static(b"first")))]);
            let frames = first.chain(stream::once(pending()));
            let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
            response.extensions_mut().insert(Endless);
            response
        }
        _ => text("hello"),
    }
}

async fn echo(request: Request<RequestBody>) -> Response<Body> {
    match request.into_body().collect().await {
        Ok(body) => {
            let trailers = body.trailers().map_or(0, HeaderMap::len);
            let mut response = text(body.to_bytes());
            response.headers_mut().insert("x-trailers", trailers.into());
            response
        }
        Err(error) => {
            let mut response = text(error.to_string());
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
    }
}

fn text(text: impl Into<Bytes>) -> Response<Body> {
    Response::new(Full::new(text.into()).boxed_unsync())
}

/// A listener that fails as often as it is told before it accepts.
pub(crate) struct Failing {
    pub(crate) listener: TcpListener,
    pub(crate) errors: Vec<std::io::Error>,
}

impl Accept for Failing {
    async fn accept(&mut self) -> std::io::Result<(TcpStream, SocketAddr)> {
        match self.errors.pop() {
            Some(error) => Err(error),
            None => self.listener.accept().await,
        }
    }
}
