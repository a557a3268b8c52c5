//! Crowds that mean harm: a process of its own that does one of these to a server until it is ended,
//! or for a minute at most. Whoever is cut off comes again.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval};

use super::call::{Call, message};
use super::client::Client;
use super::part;
use super::process::Process;

/// What there is, and what it does.
pub(crate) const KINDS: [(&str, &str); 9] = [
    ("logins", "2,000 first logins a second over 64 connections, each with a password of its own"),
    ("resets", "calls that are given up at once, 100,000 a second on one connection"),
    ("pings", "PING, 100,000 a second"),
    ("settings", "SETTINGS, 100,000 a second"),
    ("continuations", "a header block in frames without end, 100,000 a second"),
    ("tiny data", "pieces of a body of one byte, 100,000 a second"),
    ("idle", "5,000 connections that say hello over HTTP/2 and then nothing"),
    ("prefaces", "connections with half a preface, 1,000 a second"),
    ("unread", "1,000 calls in flight on each of ten connections that read no answer"),
];

/// The longest that one lasts, should nobody end it.
const LONGEST: Duration = Duration::from_secs(60);
/// Frames that are sent at once, and how often: 100,000 a second.
const BLOCK: usize = 1000;
const EVERY: Duration = Duration::from_millis(10);

/// Sends the crowd to a server.
pub(crate) fn start(kind: &str, address: SocketAddr) -> Process {
    part::start("crowd", &[kind, &address.to_string()])
}

pub(crate) fn run(arguments: &[String]) {
    let address: SocketAddr = arguments[1].parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _ = runtime.block_on(async {
        part::listen().await;
        tokio::time::timeout(LONGEST, be(&arguments[0], address)).await
    });
}

async fn be(kind: &str, address: SocketAddr) {
    match kind {
        "logins" => logins(address).await,
        "idle" => idle(address).await,
        "prefaces" => prefaces(address).await,
        "unread" => unread(address).await,
        _ => frames(kind, address).await,
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
/// A GET of `/` in three bytes of the static table.
const GET: [u8; 3] = [0x82, 0x86, 0x84];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags], &stream.to_be_bytes()[..], payload].concat()
}

/// A block of frames; `first` numbers the streams of those that need new ones.
fn block(kind: &str, first: u32) -> Vec<u8> {
    let one = |number: u32| match kind {
        "resets" => {
            let stream = first + 2 * number;
            [frame(1, 5, stream, &GET), frame(3, 0, stream, &[0, 0, 0, 8])].concat()
        }
        "pings" => frame(6, 0, 0, &[7; 8]),
        "settings" => SETTINGS.to_vec(),
        "continuations" => frame(9, 0, 1, &[]),
        "tiny data" => frame(0, 0, 1, &[7]),
        _ => panic!("there is no crowd {kind:?}"),
    };
    (0..u32::try_from(BLOCK).unwrap()).flat_map(one).collect()
}

async fn frames(kind: &str, address: SocketAddr) {
    let mut ticks = interval(EVERY);
    loop {
        ticks.tick().await;
        let Ok(mut stream) = TcpStream::connect(address).await else { continue };
        let _ = stream.set_nodelay(true);
        let open = match kind {
            "continuations" => frame(1, 0, 1, &GET),
            "tiny data" => frame(1, 4, 1, &GET),
            _ => Vec::new(),
        };
        let mut next = [PREFACE, &SETTINGS, &open].concat();
        let mut first = 1;
        let (mut reading, mut writing) = stream.split();
        let mut nowhere = vec![0; 1 << 16];
        loop {
            tokio::select! {
                written = writing.write_all(&next) => {
                    if written.is_err() {
                        break;
                    }
                    ticks.tick().await;
                    next = block(kind, first);
                    first += 2 * u32::try_from(BLOCK).unwrap();
                }
                // A block may be cut in two by this; the peer is no worse off.
                read = reading.read(&mut nowhere) => {
                    if !read.is_ok_and(|count| count > 0) {
                        break;
                    }
                }
            }
        }
    }
}

/// Every call is the first with its password, so that none is remembered.
async fn logins(address: SocketAddr) {
    let client = Client::connect(address, 64).await;
    let every = Duration::from_millis(500);
    let calls = (0..1000).map(|lane| {
        client.guess(lane, every, move |number| {
            let user = (lane * 7 + number) % 1000;
            format!("user{user}:guess{lane}.{number}")
        })
    });
    futures_util::future::join_all(calls).await;
}

async fn idle(address: SocketAddr) {
    let hello = [PREFACE, &SETTINGS].concat();
    let mut crowd = Vec::new();
    while crowd.len() < 5000 {
        match TcpStream::connect(address).await {
            Ok(mut stream) => {
                let _ = stream.write_all(&hello).await;
                crowd.push(stream);
            }
            Err(_) => tokio::time::sleep(EVERY).await,
        }
    }
    std::future::pending::<()>().await;
}

async fn prefaces(address: SocketAddr) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut crowd = std::collections::VecDeque::new();
    loop {
        ticks.tick().await;
        for _ in 0..10 {
            if let Ok(mut stream) = TcpStream::connect(address).await {
                let _ = stream.write_all(&PREFACE[..12]).await;
                crowd.push_back(stream);
            }
        }
        if crowd.len() > 5000 {
            crowd.drain(..1000);
        }
    }
}

async fn unread(address: SocketAddr) {
    let call = Call::new("ListCredUsers", super::state::ROOT_LOGIN, &message(&[]), None);
    let mut answers = Vec::new();
    let mut connections = Vec::new();
    for _ in 0..10 {
        let tcp = TcpStream::connect(address).await.unwrap();
        let mut builder = h2::client::Builder::new();
        let (sender, connection) =
            builder.initial_window_size(0).handshake::<_, bytes::Bytes>(tcp).await.unwrap();
        connections.push(tokio::spawn(connection));
        for _ in 0..1000 {
            let Ok(mut sender) = sender.clone().ready().await else { break };
            let Ok((answer, mut body)) =
                sender.send_request(call.head(&address.to_string()), false)
            else {
                break;
            };
            let _ = body.send_data(call.frame(), true);
            answers.push(answer);
        }
    }
    for connection in connections {
        let _ = connection.await;
    }
    std::future::pending::<()>().await;
}
