//! An upstream that records what reaches it, in bare HTTP/2, and does with it what a test says.
//!
//! It acts on a message the moment that the message is complete by its prefix, not at the end of
//! the stream, as real ones may.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, Connection};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::call::{Answer, Call};
use super::seen::{Seen, Shared};
use crate::support::milvus_path;

/// What an upstream does with a call.
pub(super) type Script =
    Arc<dyn Fn(Call) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Longest wait for an upstream to see something.
const PATIENCE: Duration = Duration::from_secs(20);

/// Told to every connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// Take no more calls, and end after those that there are.
    GoAway,
    /// End at once, as when the process dies.
    Close,
}

/// Shared by the connections of an upstream.
pub(super) struct Record {
    calls: Mutex<Vec<Shared>>,
    scripts: Mutex<HashMap<String, Script>>,
    connections: AtomicUsize,
    orders: broadcast::Sender<Order>,
    news: watch::Sender<()>,
}

impl Record {
    pub(super) fn tell(&self) {
        self.news.send_replace(());
    }

    fn script(&self, path: &str) -> Script {
        let scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        scripts.get(path).cloned().unwrap_or_else(|| answering(Answer::message(&[])))
    }
}

/// Reads a request to its end and gives this answer, if it had one.
fn answering(answer: Answer) -> Script {
    Arc::new(move |mut call| {
        let answer = answer.clone();
        Box::pin(async move {
            if call.whole().await {
                call.answer(answer).await;
            }
        })
    })
}

/// A running upstream. Gone when dropped, with all its connections.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    record: Arc<Record>,
    task: AbortHandle,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), None).await
    }

    /// One at this address, over TLS perhaps.
    pub(crate) async fn at(address: SocketAddr, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let record = Arc::new(Record {
            calls: Mutex::default(),
            scripts: Mutex::default(),
            connections: AtomicUsize::new(0),
            orders: broadcast::channel(16).0,
            news: watch::channel(()).0,
        });
        let task = tokio::spawn(listen(listener, tls, Arc::clone(&record))).abort_handle();
        Self { address, record, task }
    }

    /// What to do with calls of a method of `MilvusService`.
    pub(crate) fn on<F>(&self, method: &str, script: impl Fn(Call) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let script: Script = Arc::new(move |call| Box::pin(script(call)));
        self.set(&milvus_path(method), script);
    }

    /// What to answer to calls of a method of `MilvusService`, once they are whole.
    pub(crate) fn answers(&self, method: &str, answer: Answer) {
        self.set(&milvus_path(method), answering(answer));
    }

    /// The same for any path.
    pub(crate) fn answers_at(&self, path: &str, answer: Answer) {
        self.set(path, answering(answer));
    }

    fn set(&self, path: &str, script: Script) {
        let mut scripts = self.record.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        scripts.insert(path.to_owned(), script);
    }

    /// All calls of clients so far.
    pub(crate) fn calls(&self) -> Vec<Seen> {
        self.all().into_iter().filter(Seen::is_of_a_client).collect()
    }

    /// All calls so far, with those of the gateway itself: it asks whether we are there, and what
    /// has become of what is dropped and renamed.
    pub(crate) fn all(&self) -> Vec<Seen> {
        let calls = self.record.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().map(|call| call.lock().clone()).collect()
    }

    /// The one call that there has been, once its request has ended.
    pub(crate) async fn only(&self) -> Seen {
        self.settled().await;
        let calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:#?}");
        calls.into_iter().next().unwrap()
    }

    /// Waits until this is true of the calls.
    pub(crate) async fn until(&self, what: &str, test: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let mut news = self.record.news.subscribe();
        let seen = async {
            loop {
                let calls = self.calls();
                if test(&calls) {
                    return calls;
                }
                news.changed().await.unwrap();
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, seen).await;
        outcome.unwrap_or_else(|_| panic!("not in time: {what}: {:#?}", self.calls()))
    }

    /// Waits until the requests of all calls have ended in one way or another.
    pub(crate) async fn settled(&self) -> Vec<Seen> {
        self.until("all calls have ended", |calls| calls.iter().all(|call| call.end.is_some()))
            .await
    }

    /// Forgets the calls so far.
    pub(crate) fn clear(&self) {
        self.record.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many connections have been made.
    pub(crate) fn connections(&self) -> usize {
        self.record.connections.load(Ordering::Relaxed)
    }

    /// Tells all connections.
    pub(crate) fn order(&self, order: Order) {
        let _ = self.record.orders.send(order);
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, tls: Option<TlsAcceptor>, record: Arc<Record>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        stream.set_nodelay(true).unwrap();
        let (record, tls) = (Arc::clone(&record), tls.clone());
        connections.spawn(async move {
            match tls {
                None => serve(stream, record).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, record).await;
                    }
                }
            }
        });
    }
}

async fn serve<T: AsyncRead + AsyncWrite + Unpin>(stream: T, record: Arc<Record>) {
    let mut orders = record.orders.subscribe();
    let mut builder = Builder::new();
    builder.initial_window_size(1 << 20).initial_connection_window_size(1 << 20);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    record.connections.fetch_add(1, Ordering::Relaxed);
    record.tell();
    let mut calls = JoinSet::new();
    loop {
        tokio::select! {
            Ok(order) = orders.recv() => match order {
                Order::GoAway => connection.graceful_shutdown(),
                Order::Close => return,
            },
            running = accept(&mut connection, &record, &mut calls) => if !running { break },
        }
    }
    // Whoever reads a request learns that it is over.
    drop(connection);
    while calls.join_next().await.is_some() {}
}

async fn accept<T: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<T, Bytes>,
    record: &Arc<Record>,
    calls: &mut JoinSet<()>,
) -> bool {
    let Some(Ok((request, respond))) = connection.accept().await else { return false };
    let (head, body) = request.into_parts();
    let seen = Seen::new(&head.uri, head.headers);
    let script = record.script(&seen.path);
    let seen = Shared::new(seen);
    record.calls.lock().unwrap_or_else(PoisonError::into_inner).push(seen.clone());
    record.tell();
    calls.spawn(script(Call::new(seen, Arc::clone(record), body, respond)));
    true
}
