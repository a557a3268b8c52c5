//! Messages that say one thing to one reader and another to the next, from a user who may insert
//! into the collection `mine` and nowhere else.

use tonic::Code;

use super::message::{COLLECTION, DATA, DATABASE, number, tag, text, varint};
use super::world::{ANN, World};
use crate::support::framed;

/// A gateway, and what [`ANN`] may do.
pub(crate) async fn world() -> World {
    let world = World::start().await;
    world.grant("Insert", ("default", "mine")).await;
    world
}

fn mine() -> Vec<u8> {
    text(COLLECTION, "mine")
}

fn theirs() -> Vec<u8> {
    text(COLLECTION, "theirs")
}

async fn insert(world: &World, message: &[u8]) -> (Code, String) {
    let answer = world.client.call("Insert", ANN, message).await;
    (answer.code, answer.text)
}

#[tokio::test]
async fn of_two_names_the_last_one_is_decided_on_wherever_it_stands() {
    let world = world().await;
    let data = text(DATA, [7; 100]);
    for message in [
        [mine(), theirs()].concat(),
        [mine(), data.clone(), theirs()].concat(),
        [theirs(), data.clone(), mine(), theirs()].concat(),
        [mine(), text(COLLECTION, "")].concat(),
        [mine(), text(DATABASE, "db2")].concat(),
        [text(DATABASE, "default"), mine(), text(DATABASE, "db2")].concat(),
        [data.clone(), theirs()].concat(),
        data.clone(),
        Vec::new(),
    ] {
        let (code, text) = insert(&world, &message).await;
        assert_eq!(code, Code::PermissionDenied, "{message:x?}: {text}");
    }
    world.nothing_else_has_come().await;
    for message in [
        mine(),
        [theirs(), mine()].concat(),
        [mine(), theirs(), data.clone(), mine()].concat(),
        [data.clone(), mine()].concat(),
        [text(DATABASE, "db2"), mine(), text(DATABASE, "")].concat(),
        [mine(), number(6, 1), text(DATABASE, "db2"), data, text(DATABASE, "default")].concat(),
    ] {
        assert_eq!(insert(&world, &message).await, (Code::Ok, String::new()), "{message:x?}");
        assert_eq!(world.upstream.only().await.body, framed(&message));
        world.upstream.clear();
    }
}

#[tokio::test]
async fn wherever_a_short_message_is_split_it_is_decided_the_same() {
    let world = world().await;
    let good = framed(&[text(DATABASE, "default"), mine(), number(7, 300)].concat());
    let bad = framed(&[text(DATABASE, "default"), mine(), number(7, 300), theirs()].concat());
    for (body, code) in [(&good, Code::Ok), (&bad, Code::PermissionDenied)] {
        for cut in 0..=body.len() {
            let mut call = world.client.open("Insert", ANN, &[]).await;
            call.send(body[..cut].to_vec()).await;
            call.send(body[cut..].to_vec()).await;
            assert_eq!(call.finish().await.code, code, "{cut}");
        }
        let mut call = world.client.open("Insert", ANN, &[]).await;
        for byte in body {
            call.send(vec![*byte]).await;
        }
        assert_eq!(call.finish().await.code, code);
    }
    let calls = world.upstream.settled().await;
    assert_eq!(calls.len(), good.len() + 2);
    assert!(calls.iter().all(|call| call.body == good && call.acts == 1));
}

#[tokio::test]
async fn a_message_that_decoders_could_read_in_two_ways_is_refused() {
    let world = world().await;
    let long_tag = [&[0x9a, 0x00][..], b"\x04mine"].concat();
    let long_length = [&tag(COLLECTION, 2)[..], &[0x84, 0x00], b"mine"].concat();
    let in_group = |inner: Vec<u8>| [tag(20, 3), inner, tag(20, 4)].concat();
    for (what, odd) in [
        ("a varint", number(COLLECTION, 4)),
        ("eight bytes", [tag(COLLECTION, 1), vec![0; 8]].concat()),
        ("four bytes", [tag(COLLECTION, 5), vec![0; 4]].concat()),
        ("the begin of a group", [tag(COLLECTION, 3), tag(COLLECTION, 4)].concat()),
        ("the end of a group", tag(COLLECTION, 4)),
        ("a name in a group", in_group(theirs())),
        ("wire type 6", tag(COLLECTION, 6)),
        ("wire type 7", tag(COLLECTION, 7)),
        ("a long tag", long_tag),
        ("a long length", long_length),
        ("a tag of eleven bytes", [vec![0xff; 10], vec![1]].concat()),
        ("field 0", text(0, "mine")),
        ("field 2^29", [varint(1 << 32 | 2), vec![0]].concat()),
        ("no UTF-8", text(COLLECTION, [b'm', 0xff])),
        ("half a character", text(COLLECTION, "é".as_bytes().split_last().unwrap().1)),
        ("a surrogate", text(COLLECTION, [0xed, 0xa0, 0x80])),
        ("a database of four bytes", [tag(DATABASE, 5), vec![0; 4]].concat()),
        ("a length beyond the message", [tag(COLLECTION, 2), varint(5), b"mine".to_vec()].concat()),
        ("data beyond the message", [tag(DATA, 2), varint(1 << 40)].concat()),
        ("half a tag", vec![0x9a]),
        ("half a number", [tag(7, 0), vec![0x80]].concat()),
        ("half of eight bytes", [tag(7, 1), vec![0; 4]].concat()),
    ] {
        for message in [odd.clone(), [mine(), odd.clone()].concat()] {
            let (code, text) = insert(&world, &message).await;
            assert_eq!(code, Code::Internal, "{what}: {text}");
        }
    }
    world.nothing_else_has_come().await;
}

#[tokio::test]
async fn what_row_security_and_replication_say_is_decided_wherever_it_stands() {
    let world = world().await;
    let replicated = text(1, text(7, ""));
    for claim in [number(10, 1), number(11, 1), text(10, "bob"), text(11, "bob"), replicated] {
        for message in [[mine(), claim.clone()].concat(), [claim, mine()].concat()] {
            let (code, text) = insert(&world, &message).await;
            assert_eq!(code, Code::PermissionDenied, "{message:x?}: {text}");
        }
    }
    world.nothing_else_has_come().await;
}

#[tokio::test]
async fn a_name_longer_than_any_name_is_refused_by_its_length() {
    let world = world().await;
    let long = [tag(COLLECTION, 2), varint((1 << 20) + 1)].concat();
    let begun = [long, vec![b'a'; 10]].concat();
    let whole = text(COLLECTION, vec![b'a'; (1 << 20) + 1]);
    for message in [begun, whole] {
        let (code, text) = insert(&world, &message).await;
        assert_eq!(code, Code::ResourceExhausted, "{text}");
    }
    world.nothing_else_has_come().await;
}
