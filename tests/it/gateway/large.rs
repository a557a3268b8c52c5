//! Messages that are passed on while they come: what allows or forbids them stands far behind.

use bytes::Bytes;
use tonic::Code;

use super::call::header_map;
use super::client::{Answered, Open, rest};
use super::flow;
use super::hostile::world;
use super::message::{COLLECTION, DATA, DATABASE, prefix, text};
use super::seen::{End, Seen};
use super::world::{ANN, World};
use crate::support::{ROOT, framed};

/// Data as one field of that many bytes.
fn data(bytes: usize) -> Vec<u8> {
    text(DATA, vec![7; bytes])
}

fn named(collection: &str) -> Vec<u8> {
    text(COLLECTION, collection)
}

async fn insert(world: &World, login: (&str, &str), message: Vec<u8>) -> Answered {
    let mut call = world.client.open("Insert", login, &[]).await;
    call.send(prefix(message.len())).await;
    call.send(message).await;
    call.finish().await
}

/// Holds that the one call has run nothing and was reset.
async fn begun_and_reset(world: &World) -> Seen {
    let seen = world.upstream.only().await;
    assert_eq!(seen.acts, 0);
    assert!(matches!(seen.end, Some(End::Reset(_))), "{:?}", seen.end);
    world.upstream.clear();
    seen
}

#[tokio::test]
async fn a_forbidden_name_as_the_very_last_field_leaves_the_message_incomplete() {
    let world = world().await;
    for size in [17 << 10, 300 << 10, 3 << 20] {
        let message = [named("mine"), data(size), named("theirs")].concat();
        let answer = insert(&world, ANN, message.clone()).await;
        assert_eq!(answer.code, Code::PermissionDenied, "{}", answer.text);
        assert!(answer.text.contains("PrivilegeInsert"), "{}", answer.text);
        let seen = begun_and_reset(&world).await;
        assert!(seen.bytes < message.len() + 5);
    }
    world.nothing_else_has_come().await;
}

#[tokio::test]
async fn a_forbidden_name_at_the_end_of_100_mib_leaves_the_message_incomplete() {
    let world = world().await;
    let piece = Bytes::from(text(DATA, vec![7; (1 << 20) - 5]));
    let end = named("theirs");
    let mut call: Open = world.client.open("Insert", ANN, &[]).await;
    let length = named("mine").len() + 100 * piece.len() + end.len();
    call.send([prefix(length), named("mine")].concat()).await;
    for _ in 0..100 {
        assert!(call.send(piece.clone()).await);
    }
    call.send(end).await;
    let answer = call.finish().await;
    assert_eq!(answer.code, Code::PermissionDenied, "{}", answer.text);
    let seen = begun_and_reset(&world).await;
    assert!(seen.bytes > 90 << 20, "it was passed on while it came: {}", seen.bytes);
    world.nothing_else_has_come().await;
}

#[tokio::test]
async fn what_allows_may_come_behind_900_kib_but_not_behind_2_mib() {
    let world = world().await;
    let message = [data(900 << 10), named("mine")].concat();
    let answer = insert(&world, ANN, message.clone()).await;
    assert_eq!((answer.code, &*answer.text), (Code::Ok, ""));
    assert!(world.upstream.only().await.is(&framed(&message)));
    world.upstream.clear();

    let message = [data(2 << 20), named("mine")].concat();
    let mut call = world.client.open("Insert", ANN, &[]).await;
    call.send(prefix(message.len())).await;
    call.send(message[..(1 << 20) + (64 << 10)].to_vec()).await;
    // Refused before the rest has come.
    let answer = call.answer().await;
    assert_eq!(answer.code, Code::PermissionDenied, "{}", answer.text);
    world.nothing_else_has_come().await;
}

#[tokio::test]
async fn a_forbidden_name_in_the_middle_is_held_until_an_allowed_one_follows() {
    let world = world().await;
    let parts = [named("mine"), data(64 << 10), named("theirs"), data(300 << 10), named("mine")];
    let message = parts.concat();
    let answer = insert(&world, ANN, message.clone()).await;
    assert_eq!((answer.code, &*answer.text), (Code::Ok, ""));
    assert!(world.upstream.only().await.is(&framed(&message)));
    world.upstream.clear();

    // Not for ever.
    let parts = [named("mine"), data(64 << 10), named("theirs"), data(2 << 20), named("mine")];
    let answer = insert(&world, ANN, parts.concat()).await;
    assert_eq!(answer.code, Code::PermissionDenied, "{}", answer.text);
    assert!(begun_and_reset(&world).await.bytes < 96 << 10);
    world.nothing_else_has_come().await;
}

#[tokio::test]
async fn a_large_message_that_turns_out_malformed_is_never_completed() {
    let world = world().await;
    for odd in [&b"\x1a\x05mine"[..], b"\x18\x01", b"\x9a\x00\x01a", b"\x1b\x1c", b"\x1a\x01\xff"] {
        let message = [&named("mine")[..], &data(64 << 10), odd].concat();
        let answer = insert(&world, ANN, message).await;
        assert_eq!(answer.code, Code::Internal, "{odd:x?}: {}", answer.text);
        begun_and_reset(&world).await;
    }
}

#[tokio::test]
async fn a_database_that_is_named_behind_much_else_is_refused() {
    let world = world().await;
    let late = |database| [named("mine"), data(20 << 10), text(DATABASE, database)].concat();
    let answer = insert(&world, ROOT, late("db2")).await;
    assert_eq!(answer.code, Code::InvalidArgument);
    assert_eq!(
        answer.text,
        "the request names its database, \"db2\", behind 16384 bytes of other fields; name it in \
         front of them"
    );
    begun_and_reset(&world).await;
    // The one that the upstream has been told is as good as none.
    for database in ["default", ""] {
        assert_eq!(insert(&world, ROOT, late(database)).await.code, Code::Ok);
        assert!(world.upstream.only().await.is(&framed(&late(database))));
        world.upstream.clear();
    }
}

#[tokio::test]
async fn a_right_that_is_revoked_while_the_message_comes_is_gone_at_its_end() {
    let world = world().await;
    let message = [named("mine"), data(200 << 10)].concat();
    let whole = framed(&message);
    let mut call = world.client.open("Insert", ANN, &[]).await;
    call.send(whole.clone()).await;
    let passed = |calls: &[Seen]| calls.iter().any(|call| call.bytes == whole.len() - 1);
    world.upstream.until("all but its last byte has been passed on", passed).await;
    world.revoke("Insert", ("default", "mine")).await;
    assert_eq!(call.finish().await.code, Code::PermissionDenied);
    begun_and_reset(&world).await;
}

#[tokio::test]
async fn a_refusal_is_told_although_the_upstream_has_begun_to_answer() {
    let world = world().await;
    world.upstream.on("Insert", |mut call| async move {
        call.piece().await;
        let headers = header_map(&[("content-type", "application/grpc")]);
        let mut answer = call.begin(200, headers);
        flow::send(&mut answer, framed(&vec![7; 100_000]).into()).await;
        call.whole().await;
    });
    let whole = framed(&[named("mine"), data(64 << 10), named("theirs")].concat());
    let mut call = world.client.open("Insert", ANN, &[]).await;
    call.send(whole[..whole.len() - 5].to_vec()).await;
    let (head, body, mut sending) = call.begun().await;
    flow::send(&mut sending, whole[whole.len() - 5..].to_vec().into()).await;
    flow::end(&mut sending);
    let answer = rest(head, body).await;
    assert_eq!(answer.code, Code::PermissionDenied, "{}", answer.text);
    begun_and_reset(&world).await;
}
