//! Calls with many messages through the gateway: both ways at once, and for as long as they may.

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use tonic::Code;

use super::call::{Answer, Call, header_map};
use super::client::{metadata, rest};
use super::flow;
use super::message::prefix;
use super::seen::{End, Seen};
use super::world::{ANN, NOBODY, World};
use crate::privileges::client::{entity, operate};
use crate::support::{framed, milvus_path, success};
use crate::transport::toy::within;

const BOTH: &str = "CreateReplicateStream";
const DUMP: &str = "DumpMessages";

/// A gateway where [`ANN`] may call both, and an upstream that answers each message with its
/// number.
async fn world() -> World {
    let world = World::start().await;
    for privilege in ["UpdateReplicateConfiguration", "ManageOwnership"] {
        operated(&world, privilege, 0).await;
    }
    world.upstream.on(BOTH, counting);
    world.upstream.on(DUMP, |mut call| async move {
        if call.whole().await {
            let mut stream = begin(&mut call);
            flow::send(&mut stream, framed(&[1]).into()).await;
            call.until_given_up(&mut stream).await;
        }
    });
    world
}

/// Gives the role of [`ANN`] a privilege on everything, or takes it.
pub(super) async fn operated(world: &World, privilege: &str, r#type: i32) {
    let mut grant = entity("r", ("Global", "*"), privilege);
    "*".clone_into(&mut grant.db_name);
    assert_eq!(operate(&world.root, grant, r#type).await, success(), "{privilege}");
}

fn begin(call: &mut Call) -> SendStream<Bytes> {
    call.begin(200, header_map(&[("content-type", "application/grpc"), ("x-begin", "yes")]))
}

async fn counting(mut call: Call) {
    let mut stream = begin(&mut call);
    let mut count = 0;
    while call.messages(count + 1).await {
        count += 1;
        flow::send(&mut stream, framed(&[u8::try_from(count).unwrap()]).into()).await;
    }
    if call.whole().await {
        stream.send_trailers(header_map(&[("grpc-status", "0"), ("x-end", "yes")])).unwrap();
    }
}

async fn next(body: &mut RecvStream) -> Bytes {
    let piece = within(body.data()).await.unwrap().unwrap();
    body.flow_control().release_capacity(piece.len()).unwrap();
    piece
}

#[tokio::test]
async fn messages_pass_both_ways_as_they_come() {
    let world = world().await;
    let mut call = world.client.open(BOTH, ANN, &[]).await;
    // The answer begins before there is any message.
    assert!(call.send(framed(b"one")).await);
    let (head, mut body, mut sending) = call.begun().await;
    assert_eq!(head.headers()["x-begin"], "yes");
    assert_eq!(next(&mut body).await, framed(&[1]));
    for (number, message) in [(2, framed(b"two")), (3, framed(&[])), (4, framed(&vec![7; 100_000]))]
    {
        assert!(flow::send(&mut sending, message.into()).await);
        assert_eq!(next(&mut body).await, framed(&[number]));
    }
    flow::end(&mut sending);
    let answer = rest(head, body).await;
    assert_eq!((answer.code, &answer.trailers["x-end"]), (Code::Ok, &"yes".parse().unwrap()));
    let sent = [framed(b"one"), framed(b"two"), framed(&[]), framed(&vec![7; 100_000])].concat();
    let seen = world.upstream.only().await;
    assert!(seen.is(&sent));
    assert_eq!((seen.acts, seen.end), (4, Some(End::Whole)));
}

#[tokio::test]
async fn without_a_login_or_a_right_nobody_waits_for_a_message() {
    let world = world().await;
    for method in [BOTH, DUMP] {
        let mut headers = metadata(ANN);
        headers.remove("authorization");
        let call = world.client.open_at(&milvus_path(method), headers).await;
        assert_eq!(call.answer().await.code, Code::Unauthenticated, "{method}");
    }
    let call = world.client.open(BOTH, NOBODY, &[]).await;
    assert_eq!(call.answer().await.code, Code::PermissionDenied);
    let answer = world.client.call(DUMP, NOBODY, &[]).await;
    assert_eq!(answer.code, Code::PermissionDenied);
    world.nothing_else_has_come().await;
}

#[tokio::test]
async fn a_bad_message_in_the_middle_ends_the_call_and_resets_the_upstream() {
    let world = world().await;
    let mut compressed = framed(b"two");
    compressed[0] = 1;
    let large = prefix((128 << 20) + 1);
    let half = framed(b"half")[..7].to_vec();
    for (bad, end, code) in [
        (compressed, false, Code::Unimplemented),
        (large, false, Code::ResourceExhausted),
        (half, true, Code::Internal),
    ] {
        let mut call = world.client.open(BOTH, ANN, &[]).await;
        call.send(framed(b"one")).await;
        let (head, mut body, mut sending) = call.begun().await;
        assert_eq!(next(&mut body).await, framed(&[1]));
        flow::send(&mut sending, bad.into()).await;
        if end {
            flow::end(&mut sending);
        }
        let answer = rest(head, body).await;
        assert_eq!(answer.code, code, "{}", answer.text);
        let seen = world.upstream.only().await;
        assert_eq!(seen.acts, 1);
        assert!(matches!(seen.end, Some(End::Reset(_) | End::Lost)), "{:?}", seen.end);
        world.upstream.clear();
    }
}

/// Holds that a call has been broken off upstream: reset, or its connection closed, which is its
/// own.
async fn is_reset(world: &World) {
    let reset = |calls: &[Seen]| matches!(calls[0].end, Some(End::Reset(_) | End::Lost));
    world.upstream.until("it is reset", reset).await;
    world.upstream.clear();
}

#[tokio::test]
async fn a_call_is_closed_at_the_revision_that_takes_its_right() {
    let world = world().await;
    for (method, privilege) in [(BOTH, "UpdateReplicateConfiguration"), (DUMP, "ManageOwnership")] {
        let mut call = world.client.open(method, ANN, &[]).await;
        call.send(framed(&[])).await;
        if method == DUMP {
            call.end();
        }
        let (head, mut body, _sending) = call.begun().await;
        assert_eq!(next(&mut body).await, framed(&[1]));
        // Another change leaves it alone: it still answers.
        assert_eq!(world.root.create_role(&format!("for_{method}")).await.unwrap(), success());
        operated(&world, privilege, 1).await;
        let answer = rest(head, body).await;
        assert_eq!(answer.code, Code::PermissionDenied, "{method}: {}", answer.text);
        assert!(answer.body.is_empty());
        is_reset(&world).await;
    }
}

#[tokio::test]
async fn a_call_is_closed_when_its_user_is_deleted_and_another_ones_goes_on() {
    let world = world().await;
    let mut call = world.client.open(BOTH, ANN, &[]).await;
    call.send(framed(b"one")).await;
    let (head, mut body, mut sending) = call.begun().await;
    assert_eq!(next(&mut body).await, framed(&[1]));
    assert_eq!(world.root.delete_user(NOBODY.0).await.unwrap(), success());
    flow::send(&mut sending, framed(b"two").into()).await;
    assert_eq!(next(&mut body).await, framed(&[2]));
    assert_eq!(world.root.delete_user(ANN.0).await.unwrap(), success());
    assert_eq!(rest(head, body).await.code, Code::Unauthenticated);
    is_reset(&world).await;
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_call_upstream() {
    let world = world().await;
    for method in [BOTH, DUMP] {
        let mut call = world.client.open(method, ANN, &[]).await;
        call.send(framed(&[])).await;
        if method == DUMP {
            call.end();
        }
        let (_, mut body, sending) = call.begun().await;
        next(&mut body).await;
        drop((body, sending));
        is_reset(&world).await;
    }
}

#[tokio::test]
async fn an_upstream_that_ends_a_call_ends_it_for_its_caller() {
    let world = world().await;
    world.upstream.on(BOTH, |call| async move {
        call.answer(Answer::failure(Code::Aborted, "enough")).await;
    });
    let mut call = world.client.open(BOTH, ANN, &[]).await;
    call.send(framed(b"one")).await;
    let answer = call.answer().await;
    assert_eq!((answer.code, &*answer.text), (Code::Aborted, "enough"));
}
