//! The client: so many connections, so many calls in flight over all of them, each followed by the
//! next as soon as it is answered. It speaks HTTP/2 by the bare `h2`, on the thread that it is called
//! on, so that it takes as little as it can of the processors that it shares with what it measures.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::HeaderMap;
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, LocalSet};

use super::call::Call;
use super::sample::{Calls, count};

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// How many connections, and how many calls over all of them together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
}

/// Connections to one server. They end with it.
pub(crate) struct Client {
    authority: String,
    senders: Vec<SendRequest<Bytes>>,
    connections: Vec<JoinHandle<()>>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, connections: usize) -> Self {
        let mut client =
            Self { authority: address.to_string(), senders: Vec::new(), connections: Vec::new() };
        for _ in 0..connections {
            let tcp = TcpStream::connect(address).await.unwrap();
            tcp.set_nodelay(true).unwrap();
            let handshake = h2::client::Builder::new()
                .initial_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .enable_push(false)
                .handshake(tcp);
            let (sender, connection) = handshake.await.unwrap();
            client.senders.push(sender);
            client.connections.push(tokio::spawn(async move {
                // The server may end it, once nobody calls any more.
                let _ = connection.await;
            }));
        }
        client
    }

    /// Keeps so many calls in flight for this long, and says how they went.
    pub(crate) async fn load(&self, call: &Call, in_flight: usize, length: Duration) -> Calls {
        let started = Instant::now();
        let until = started + length;
        let local = LocalSet::new();
        let lanes: Vec<_> = (0..in_flight)
            .map(|lane| {
                let sender = self.senders[lane % self.senders.len()].clone();
                local.spawn_local(one_after_another(
                    sender,
                    call.clone(),
                    self.authority.clone(),
                    until,
                ))
            })
            .collect();
        let mut latencies = Vec::new();
        local
            .run_until(async {
                for lane in lanes {
                    latencies.extend(lane.await.unwrap());
                }
            })
            .await;
        Calls::new(latencies, started.elapsed())
    }

    /// So many calls a second for this long, spread over the connections, each begun at its time
    /// whether those before it are answered or not, as long as a lane is free.
    pub(crate) async fn paced(&self, call: &Call, per_second: usize, length: Duration) -> Calls {
        const LANES: usize = 64;
        let started = Instant::now();
        let every = Duration::from_secs(1).mul_f64(count(LANES) / count(per_second));
        let lanes = (0..LANES).map(|lane| async move {
            let sender = &self.senders[lane % self.senders.len()];
            let mut ticks = tokio::time::interval_at(
                tokio::time::Instant::from_std(started) + every.mul_f64(count(lane) / count(LANES)),
                every,
            );
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            let mut latencies = Vec::new();
            while started.elapsed() < length {
                ticks.tick().await;
                let begun = Instant::now();
                answered(sender.clone(), call, call.head(&self.authority), None).await;
                latencies.push(begun.elapsed());
            }
            latencies
        });
        let latencies = futures_util::future::join_all(lanes).await.concat();
        Calls::new(latencies, started.elapsed())
    }

    /// Calls without end on one lane, no more often than this, each with another login, whatever
    /// they are answered.
    pub(crate) async fn guess(
        &self,
        lane: usize,
        every: Duration,
        login: impl Fn(usize) -> String,
    ) {
        // Not all lanes at once.
        let first = tokio::time::Instant::now() + every.mul_f64(count(lane) / 1000.0);
        let mut ticks = tokio::time::interval_at(first, every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let call = Call::new("SelectUser", "", &[], None);
        for number in 0.. {
            ticks.tick().await;
            let mut head = call.head(&self.authority);
            let login = BASE64_STANDARD.encode(login(number));
            head.headers_mut().insert("authorization", login.parse().unwrap());
            let sender = self.senders[lane % self.senders.len()].clone();
            let Ok(mut sender) = sender.ready().await else { return };
            let Ok((answer, mut body)) = sender.send_request(head, false) else { return };
            let _ = body.send_data(call.frame(), true);
            if answer.await.is_err() {
                return;
            }
        }
    }

    /// One call whose answer is read at no more than so many bytes a second, if that is said.
    pub(crate) async fn call(&self, call: &Call, pace: Option<usize>) {
        answered(self.senders[0].clone(), call, call.head(&self.authority), pace).await;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        for connection in &self.connections {
            connection.abort();
        }
    }
}

async fn one_after_another(
    sender: SendRequest<Bytes>,
    call: Call,
    authority: String,
    until: Instant,
) -> Vec<Duration> {
    let head = call.head(&authority);
    let mut latencies = Vec::with_capacity(1 << 16);
    loop {
        let start = Instant::now();
        if start >= until {
            return latencies;
        }
        answered(sender.clone(), &call, head.clone(), None).await;
        latencies.push(start.elapsed());
    }
}

async fn answered(
    sender: SendRequest<Bytes>,
    call: &Call,
    head: http::Request<()>,
    pace: Option<usize>,
) {
    let mut sender = sender.ready().await.unwrap();
    let (answer, mut body) = sender.send_request(head, false).unwrap();
    let sending = send(&mut body, call.frame(), true);
    let receiving = async {
        let answer = answer.await.unwrap();
        let (head, mut body) = answer.into_parts();
        let length = receive(&mut body, pace).await;
        let trailers = body.trailers().await.unwrap();
        check(call, length, trailers.as_ref().unwrap_or(&head.headers));
    };
    tokio::join!(sending, receiving);
}

/// Sends a body no faster than it is taken, as the last of the stream or not.
pub(crate) async fn send(stream: &mut SendStream<Bytes>, mut body: Bytes, last: bool) {
    // What fits into any window goes at once; h2 keeps what does not fit just now.
    const AT_ONCE: usize = 16 << 10;
    while body.len() > AT_ONCE {
        stream.reserve_capacity(AT_ONCE);
        let granted = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
        let granted = granted.unwrap().unwrap();
        let piece = body.split_to(granted.min(body.len() - 1));
        stream.send_data(piece, false).unwrap();
    }
    stream.send_data(body, last).unwrap();
}

/// Reads a body to its end, at no more than `pace` bytes a second.
pub(crate) async fn receive(stream: &mut RecvStream, pace: Option<usize>) -> usize {
    let started = tokio::time::Instant::now();
    let mut length = 0;
    while let Some(piece) = stream.data().await {
        let piece = piece.unwrap();
        length += piece.len();
        stream.flow_control().release_capacity(piece.len()).unwrap();
        if let Some(pace) = pace {
            let due = Duration::from_micros((length * 1_000_000 / pace) as u64);
            tokio::time::sleep_until(started + due).await;
        }
    }
    length
}

fn check(call: &Call, length: usize, last: &HeaderMap) {
    assert_eq!(last.get("grpc-status").unwrap(), "0", "{last:?}");
    assert!(
        call.answer.is_none_or(|answer| length == answer + 5),
        "{length} bytes: {}",
        call.method
    );
}
