//! Whoever does not read is waited for, and what waits is bounded; large messages pass whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use tonic::Code;

use super::call::{Answer, header_map};
use super::flow;
use super::message::{COLLECTION, DATA, prefix, tag, text, varint};
use super::world::World;
use crate::support::ROOT;
use crate::transport::toy::within;

const MIB: usize = 1 << 20;

/// Most bytes that may lie between both sides: the windows of four connections' ends and what
/// their sockets hold. It does not depend on how much is sent.
const MOST_BETWEEN: usize = 24 * MIB;

/// A message of exactly this many bytes, in pieces of 1 MiB at most.
fn message(bytes: usize) -> Vec<Bytes> {
    let name = text(COLLECTION, "mine");
    let data = bytes - name.len() - 1 - 4;
    let front = [prefix(bytes), name, tag(DATA, 2), varint(data as u64)].concat();
    assert_eq!(front.len() + data, bytes + 5);
    let piece = Bytes::from((0..=250_u8).cycle().take(MIB).collect::<Vec<u8>>());
    let mut pieces = vec![Bytes::from(front)];
    pieces.extend((0..data / MIB).map(|_| piece.clone()));
    pieces.push(piece.slice(..data % MIB));
    pieces
}

fn digest<'a>(pieces: impl IntoIterator<Item = &'a Bytes>) -> Vec<u8> {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update(piece);
    }
    hash.finalize().to_vec()
}

/// Sends as much as is taken before nothing is for a while. On a slow machine that is less.
async fn until_stalled(stream: &mut SendStream<Bytes>, pieces: &mut Vec<Bytes>) -> usize {
    let mut sent = 0;
    pieces.reverse();
    while let Some(piece) = pieces.pop() {
        let mut rest = piece;
        while !rest.is_empty() {
            stream.reserve_capacity(rest.len().min(64 << 10));
            let room = std::future::poll_fn(|context| stream.poll_capacity(context));
            let Ok(room) = tokio::time::timeout(Duration::from_millis(700), room).await else {
                pieces.push(rest);
                pieces.reverse();
                return sent;
            };
            let room = room.unwrap().unwrap().min(rest.len());
            stream.send_data(rest.split_to(room), false).unwrap();
            sent += room;
        }
    }
    panic!("all of it was taken");
}

#[tokio::test]
async fn an_upstream_that_does_not_read_holds_back_its_caller() {
    let world = World::start().await;
    let go_on = Arc::new(Notify::new());
    let told = Arc::clone(&go_on);
    world.upstream.on("Insert", move |mut call| {
        let told = Arc::clone(&told);
        async move {
            told.notified().await;
            call.whole().await;
            call.answer(Answer::message(&[])).await;
        }
    });
    let mut pieces = message(100 * MIB);
    let wanted = digest(&pieces);
    let mut call = world.client.open("Insert", ROOT, &[]).await;
    let taken = until_stalled(&mut call.sending, &mut pieces).await;
    assert!(taken <= MOST_BETWEEN, "{taken} bytes were taken");
    go_on.notify_one();
    for piece in pieces {
        assert!(call.send(piece).await);
    }
    assert_eq!(call.finish().await.code, Code::Ok);
    let seen = world.upstream.only().await;
    assert_eq!((seen.bytes, seen.acts), (100 * MIB + 5, 1));
    assert_eq!(seen.digest(), wanted);
}

#[tokio::test]
async fn a_caller_who_does_not_read_holds_back_the_upstream() {
    let world = World::start().await;
    let (taken, stalled) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let told = (Arc::clone(&taken), Arc::clone(&stalled));
    world.upstream.on("Query", move |mut call| {
        let (taken, stalled) = (Arc::clone(&told.0), Arc::clone(&told.1));
        async move {
            call.whole().await;
            let mut stream = call.begin(200, header_map(&[("content-type", "application/grpc")]));
            let mut pieces = message(100 * MIB);
            let sent = until_stalled(&mut stream, &mut pieces).await;
            taken.store(sent, Ordering::Relaxed);
            stalled.notify_one();
            for piece in pieces {
                assert!(flow::send(&mut stream, piece).await);
            }
            stream.send_trailers(header_map(&[("grpc-status", "0")])).unwrap();
        }
    });
    let mut call = world.client.open("Query", ROOT, &[]).await;
    call.send(prefix(0)).await;
    call.end();
    let (_, mut body, _sending) = call.begun().await;
    within(stalled.notified()).await;
    let taken = taken.load(Ordering::Relaxed);
    assert!(taken <= MOST_BETWEEN, "{taken} bytes were taken");
    let mut pieces = Vec::new();
    while let Some(piece) = within(body.data()).await {
        let piece = piece.unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        pieces.push(piece);
    }
    assert_eq!(body.trailers().await.unwrap().unwrap()["grpc-status"], "0");
    assert_eq!(digest(&pieces), digest(&message(100 * MIB)));
}

#[tokio::test]
async fn a_message_of_128_mib_passes_whole_both_ways() {
    let world = World::start().await;
    let large = message(128 * MIB);
    world.upstream.answers("Insert", Answer::of(large.clone(), &[("grpc-status", "0")]));
    let wanted = digest(&large);
    let mut call = world.client.open("Insert", ROOT, &[]).await;
    for piece in large {
        assert!(call.send(piece).await);
    }
    let answer = call.finish().await;
    assert_eq!((answer.code, &*answer.text), (Code::Ok, ""));
    assert_eq!(digest([&Bytes::from(answer.body)]), wanted);
    let seen = world.upstream.only().await;
    assert_eq!((seen.digest(), seen.acts), (wanted, 1));
}
