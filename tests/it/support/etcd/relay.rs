//! A TCP relay in front of one endpoint that fails as networks do, when it is told to.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc as tasks, watch};
use tokio::task::JoinSet;

use super::port::{Port, bind};

/// Most bytes that are passed on at once.
const CHUNK: usize = 16 * 1024;
/// Waiting connections, as many as anybody could want.
const BACKLOG: u32 = 1024;

/// What a relay does with what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Passes it on.
    Pass,
    /// Closes the connections and refuses new ones.
    Cut,
    /// Accepts, keeps open, and passes nothing on, as when packets are lost. What has been held
    /// back goes on its way once that is over.
    Stall,
    /// Passes each chunk on after this time, either way.
    Delay(Duration),
}

/// A mode, and who waits for it to hold.
type Order = (Mode, mpsc::Sender<()>);

/// A relay on threads of its own. Ends, with its connections, when dropped.
pub(crate) struct Relay {
    address: SocketAddr,
    orders: tasks::UnboundedSender<Order>,
    runtime: Option<Runtime>,
}

impl Relay {
    /// A relay to this `host:port` that passes everything on.
    pub(crate) fn to(target: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("relay")
            .enable_all()
            .build()
            .unwrap();
        // Keeps the port while nothing listens on it.
        let reserved = Port::reserve();
        let address = reserved.address();
        let (orders, received) = tasks::unbounded_channel();
        let (started, wait) = mpsc::channel();
        orders.send((Mode::Pass, started)).unwrap();
        let target = target.to_owned();
        runtime.spawn(async move {
            relay(address, target, received).await;
            drop(reserved);
        });
        wait.recv().unwrap();
        Self { address, orders, runtime: Some(runtime) }
    }

    /// Its own `host:port`.
    pub(crate) fn endpoint(&self) -> String {
        self.address.to_string()
    }

    /// Changes what it does, for all connections. It holds when this returns.
    pub(crate) fn set(&self, mode: Mode) {
        assert!(self.order(mode), "the relay has ended");
    }

    /// Whether the order was carried out.
    fn order(&self, mode: Mode) -> bool {
        let (done, wait) = mpsc::channel();
        self.orders.send((mode, done)).is_ok() && wait.recv().is_ok()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.order(Mode::Cut);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn relay(address: SocketAddr, target: String, mut orders: tasks::UnboundedReceiver<Order>) {
    let (mode, _) = watch::channel(Mode::Cut);
    let mut links = JoinSet::new();
    let mut listener: Option<TcpListener> = None;
    loop {
        tokio::select! {
            biased;
            order = orders.recv() => {
                let Some((new, done)) = order else { return };
                if new == Mode::Cut {
                    listener = None;
                    links.shutdown().await;
                } else if listener.is_none() {
                    listener = Some(bind(address).listen(BACKLOG).unwrap());
                }
                mode.send_replace(new);
                // Who asked may have gone.
                let _ = done.send(());
            }
            Some(stream) = accepted(listener.as_ref()) => {
                links.spawn(link(stream, target.clone(), mode.subscribe()));
            }
            Some(_) = links.join_next() => {}
        }
    }
}

async fn accepted(listener: Option<&TcpListener>) -> Option<TcpStream> {
    let (stream, _) = listener?.accept().await.ok()?;
    Some(stream)
}

/// One connection. Ends when either side has closed, or cannot be reached.
async fn link(client: TcpStream, target: String, mut mode: watch::Receiver<Mode>) {
    may_pass(&mut mode).await;
    let Ok(server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let there = pump(client_reads, server_writes, mode.clone());
    let back = pump(server_reads, client_writes, mode);
    tokio::join!(there, back);
}

/// Passes on what comes until the end, and the end.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut mode: watch::Receiver<Mode>,
) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk).await.unwrap_or(0);
        may_pass(&mut mode).await;
        if read == 0 || to.write_all(&chunk[..read]).await.is_err() {
            let _ = to.shutdown().await;
            return;
        }
    }
}

/// Waits as long as the mode wants: a while, or until there is another one.
async fn may_pass(mode: &mut watch::Receiver<Mode>) {
    loop {
        let now = *mode.borrow_and_update();
        match now {
            Mode::Pass => return,
            Mode::Delay(time) => return tokio::time::sleep(time).await,
            Mode::Stall | Mode::Cut => {
                if mode.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        }
    }
}
