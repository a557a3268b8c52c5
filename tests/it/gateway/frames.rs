//! More or less than one message, and messages that break off.

use std::time::Duration;

use tonic::Code;

use super::call::header_map;
use super::client::{Answered, Client};
use super::hostile::world;
use super::message::{COLLECTION, DATA, prefix, text};
use super::seen::{End, Seen};
use super::world::{ANN, World};
use crate::support::framed;

/// A message that is passed on while it comes, and one that is read whole before.
fn both() -> [Vec<u8>; 2] {
    [200 << 10, 10].map(|size| [text(COLLECTION, "mine"), text(DATA, vec![7; size])].concat())
}

/// Waits until all of a large message has been passed on but its last byte, which is kept back.
async fn all_but_the_last_byte(world: &World, body: &[u8]) {
    if body.len() > 16 << 10 {
        let passed = |calls: &[Seen]| calls.iter().any(|call| call.bytes >= body.len() - 1);
        world.upstream.until("it has been passed on", passed).await;
        assert!(world.upstream.calls().iter().all(|call| call.acts == 0));
    }
}

/// Holds that the upstream has run nothing, and that what had begun there was reset.
async fn nothing_has_run(world: &World) {
    for call in world.upstream.settled().await {
        assert_eq!(call.acts, 0, "{:?}", call.end);
        assert!(matches!(call.end, Some(End::Reset(_))), "{:?}", call.end);
    }
    world.upstream.clear();
    world.nothing_else_has_come().await;
}

async fn send(world: &World, pieces: &[Vec<u8>]) -> (Code, String) {
    let mut call = world.client.open("Insert", ANN, &[]).await;
    for piece in pieces {
        call.send(piece.clone()).await;
    }
    let answer = call.finish().await;
    (answer.code, answer.text)
}

#[tokio::test]
async fn a_second_message_is_refused_and_the_first_one_never_completed() {
    let world = world().await;
    for message in both() {
        let one = framed(&message);
        for more in [one.clone(), framed(&[]), prefix(5), vec![0], b"junk".to_vec()] {
            for at_once in [true, false] {
                let mut call = world.client.open("Insert", ANN, &[]).await;
                if at_once {
                    call.send([&one[..], &more].concat()).await;
                } else {
                    call.send(one.clone()).await;
                    all_but_the_last_byte(&world, &one).await;
                    call.send(more.clone()).await;
                }
                let Answered { code, text, .. } = call.finish().await;
                assert_eq!(code, Code::Internal, "{text}");
                assert!(text.ends_with("a unary request is exactly one message"), "{text}");
                nothing_has_run(&world).await;
            }
        }
    }
}

#[tokio::test]
async fn a_message_that_ends_too_early_is_refused() {
    let world = world().await;
    for message in both() {
        let whole = framed(&message);
        for end in [0, 1, 4, 5, 6, whole.len() / 2, whole.len() - 1] {
            let (code, text) = send(&world, &[whole[..end].to_vec()]).await;
            assert_eq!(code, Code::Internal, "{end}: {text}");
            nothing_has_run(&world).await;
        }
    }
}

#[tokio::test]
async fn a_message_without_bytes_is_a_message() {
    let world = world().await;
    assert_eq!(send(&world, &[framed(&[])]).await.0, Code::PermissionDenied);
    world.grant("Insert", ("default", "*")).await;
    assert_eq!(send(&world, &[framed(&[])]).await.0, Code::Ok);
    assert_eq!(world.upstream.only().await.body, framed(&[]));
}

#[tokio::test]
async fn a_compressed_message_is_unimplemented_and_says_what_is_accepted() {
    let world = world().await;
    for message in both() {
        for flag in [1, 2, 128, 255] {
            let mut body = framed(&message);
            body[0] = flag;
            let mut call = world.client.open("Insert", ANN, &[("grpc-encoding", "gzip")]).await;
            call.send(body).await;
            let answer = call.finish().await;
            assert_eq!(answer.code, Code::Unimplemented, "{}", answer.text);
            assert_eq!(answer.headers["grpc-accept-encoding"], "identity");
        }
    }
    nothing_has_run(&world).await;
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_by_its_prefix() {
    let world = world().await;
    for length in [(128 << 20) + 1, u32::MAX as usize] {
        let mut call = world.client.open("Insert", ANN, &[]).await;
        call.send([prefix(length), text(COLLECTION, "mine")].concat()).await;
        let answer = call.answer().await;
        assert_eq!(answer.code, Code::ResourceExhausted);
        let text = format!("grpc: received message larger than max ({length} vs. 134217728)");
        assert_eq!(answer.text, text);
    }
    nothing_has_run(&world).await;
}

#[tokio::test]
async fn a_caller_who_resets_or_leaves_in_the_middle_has_run_nothing() {
    let world = world().await;
    for message in both() {
        let whole = framed(&message);
        let large = whole.len() > 16 << 10;
        for leave in [false, true] {
            let client = Client::connect(world.server.address).await;
            let mut call = client.open("Insert", ANN, &[]).await;
            call.send(whole[..whole.len() - 1].to_vec()).await;
            if large {
                let begun = |calls: &[Seen]| calls.iter().any(|call| call.bytes > 0);
                world.upstream.until("it has begun", begun).await;
            }
            if leave {
                client.close();
            } else {
                call.reset();
            }
            if large {
                let seen = world.upstream.only().await;
                assert!(seen.bytes < whole.len() - 1);
            }
            nothing_has_run(&world).await;
        }
    }
}

#[tokio::test]
async fn a_message_whose_last_byte_never_comes_ends_with_its_time() {
    let world = World::with(|settings| {
        settings.transport.body_timeout = Duration::from_millis(300);
    })
    .await;
    world.grant("Insert", ("default", "mine")).await;
    for message in both() {
        let whole = framed(&message);
        // The last one is whole, but another could follow before the end of the stream.
        for end in [whole.len() - 1, whole.len()] {
            let mut call = world.client.open("Insert", ANN, &[]).await;
            call.send(whole[..end].to_vec()).await;
            let answer = call.answer().await;
            assert_eq!(answer.code, Code::DeadlineExceeded, "{}", answer.text);
            nothing_has_run(&world).await;
        }
    }
}

#[tokio::test]
async fn trailers_of_a_request_are_dropped() {
    let world = world().await;
    for message in both() {
        let mut call = world.client.open("Insert", ANN, &[]).await;
        call.send(framed(&message)).await;
        let trailers = header_map(&[("dbname", "db2"), ("authorization", "x"), ("x-more", "y")]);
        assert_eq!(call.finish_with(trailers).await.code, Code::Ok);
        let seen = world.upstream.only().await;
        assert!(seen.is(&framed(&message)));
        assert_eq!((seen.trailers.len(), seen.end), (0, Some(End::Whole)));
        assert_eq!(seen.values("dbname"), ["default"]);
        world.upstream.clear();
    }
}
