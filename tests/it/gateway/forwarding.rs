//! Every RPC of the table through the gateway: what reaches the upstream, and what comes back.

use bytes::Bytes;
use http::HeaderMap;
use milvus_rbac::policy::{Condition, Home, Need, Requirement, all};
use milvus_rbac::proto::common::Status as MilvusStatus;
use milvus_rbac::proto::milvus as pb;
use prost::Message as _;
use tonic::Code;

use super::call::Answer;
use super::client::{Answered, metadata};
use super::message::{number, text};
use super::world::{NOBODY, World};
use crate::support::{ROOT, framed};

fn of_home(home: Home) -> impl Iterator<Item = &'static Requirement> {
    all().iter().filter(move |row| row.home == home)
}

/// Sends one message, and reads the answer to a call that ends.
async fn call(
    world: &World,
    row: &Requirement,
    login: (&str, &str),
    message: &[u8],
) -> Option<Answered> {
    let mut call = world.client.open_at(row.path, metadata(login)).await;
    call.send(framed(message)).await;
    if row.method == "Watch" {
        // It has no end.
        call.end();
        drop(call.begun().await);
        return None;
    }
    Some(call.finish().await)
}

/// Fields that no row asks for, with numbers, texts and bytes.
fn unread() -> Vec<u8> {
    [number(200, 7), text(201, "text"), text(999, [0, 255, 128]), number(536_870_911, 1)].concat()
}

#[tokio::test]
async fn a_user_without_roles_reaches_the_upstream_with_what_any_user_may_and_nothing_else() {
    let world = World::start().await;
    let mut open = Vec::new();
    for row in of_home(Home::Data) {
        let answer = call(&world, row, NOBODY, &[]).await.unwrap();
        let free = matches!(row.documented, Need::AnyUser | Need::Filtered)
            || row.conditions.contains(&Condition::IfNamed);
        let code = if free { Code::Ok } else { Code::PermissionDenied };
        assert_eq!(answer.code, code, "{}: {}", row.path, answer.text);
        if free {
            open.push(row.path);
        }
    }
    let calls = world.upstream.settled().await;
    let paths: Vec<&str> = calls.iter().map(|call| &*call.path).collect();
    assert_eq!(paths, open);
    assert!(open.len() > 8);
}

#[tokio::test]
async fn what_root_sends_is_passed_on_to_its_exact_path_byte_for_byte() {
    let world = World::start().await;
    for row in of_home(Home::Data) {
        let answer = call(&world, row, ROOT, &unread()).await.unwrap();
        if row.documented == Need::Refused {
            assert_eq!(answer.code, Code::PermissionDenied, "{}", row.path);
            assert_eq!(world.upstream.calls().len(), 0, "{}", row.path);
            continue;
        }
        assert_eq!((answer.code, &*answer.text), (Code::Ok, ""), "{}", row.path);
        let seen = world.upstream.only().await;
        assert_eq!(seen.path, row.path);
        assert_eq!(seen.body, framed(&unread()), "{}", row.path);
        assert_eq!((seen.acts, seen.trailers.len()), (1, 0), "{}", row.path);
        world.upstream.clear();
    }
}

#[tokio::test]
async fn what_is_answered_here_never_reaches_the_upstream_whoever_asks() {
    let world = World::start().await;
    for row in of_home(Home::Here) {
        for login in [NOBODY, ROOT] {
            call(&world, row, login, &[]).await;
        }
    }
    world.nothing_else_has_come().await;
}

/// Rows whose answer is read: what is filtered, and what grants follow.
fn is_read(row: &Requirement) -> bool {
    row.documented == Need::Filtered
        || ["DropCollection", "RenameCollection", "DropDatabase"].contains(&row.method)
}

/// Whether all of these are there, with the same values in the same order.
fn holds(found: &HeaderMap, wanted: &HeaderMap) -> bool {
    wanted.keys().all(|name| found.get_all(name).iter().eq(wanted.get_all(name).iter()))
}

#[tokio::test]
async fn an_answer_comes_back_byte_for_byte_with_its_metadata_and_trailers() {
    let world = World::start().await;
    for row in of_home(Home::Data).filter(|row| row.documented != Need::Refused) {
        let message = if is_read(row) {
            // Its own message; see the tests of lists and grants.
            MilvusStatus { code: 0, ..Default::default() }.encode_to_vec()
        } else {
            unread()
        };
        let trailers =
            [("grpc-status", "0"), ("x-end", "one"), ("x-end", "two"), ("e-bin", "AAE=")];
        let mut given = Answer::of(vec![Bytes::from(framed(&message))], &trailers);
        given.headers.append("x-begin", "one".parse().unwrap());
        given.headers.append("x-begin", "two".parse().unwrap());
        given.headers.insert("b-bin", "AAE".parse().unwrap());
        world.upstream.answers_at(row.path, given.clone());
        let answer = call(&world, row, ROOT, &[]).await.unwrap();
        assert_eq!((answer.code, &*answer.text), (Code::Ok, ""), "{}", row.path);
        assert_eq!(answer.body, framed(&message), "{}", row.path);
        assert!(holds(&answer.headers, &given.headers), "{}: {answer:?}", row.path);
        let more: Vec<_> = answer.headers.keys().map(http::HeaderName::as_str).collect();
        let more: Vec<_> = more.iter().filter(|name| !given.headers.contains_key(**name)).collect();
        assert!(more.is_empty() || more == [&"date"], "{}: {more:?}", row.path);
        assert_eq!(Some(answer.trailers), given.trailers, "{}", row.path);
    }
}

#[tokio::test]
async fn a_failure_of_the_upstream_comes_back_as_it_is() {
    let world = World::start().await;
    let text = "not%20found%3A%20%E2%82%AC%2";
    let alone = Answer::failure(Code::NotFound, text);
    let status =
        [("grpc-status", "5"), ("grpc-message", text), ("grpc-status-details-bin", "CAU=")];
    let after_head = Answer::of(Vec::new(), &status);
    let after_message = Answer::of(vec![Bytes::from(framed(&unread()))], &status);
    for method in ["Insert", "DropCollection", "ShowCollections", "ListDatabases"] {
        for given in [&alone, &after_head, &after_message] {
            world.upstream.answers(method, given.clone());
            let answer = world.client.call(method, ROOT, &[]).await;
            assert_eq!(answer.code, Code::NotFound, "{method}");
            let told = if given.trailers.is_some() { &answer.trailers } else { &answer.headers };
            assert_eq!(told["grpc-message"], text, "{method}");
            if given.trailers.is_some() {
                assert_eq!(told["grpc-status-details-bin"], "CAU=", "{method}");
            }
            // What is filtered shows nothing but the failure.
            let shown = if method.starts_with("Insert") || method.starts_with("Drop") {
                given.data.concat()
            } else {
                Vec::new()
            };
            assert_eq!(answer.body, shown, "{method}");
        }
    }
}

#[tokio::test]
async fn connect_is_answered_by_the_upstream_and_carries_its_identifier() {
    let world = World::start().await;
    let given = pb::ConnectResponse { identifier: 42, ..Default::default() }.encode_to_vec();
    world.upstream.answers("Connect", Answer::message(&given));
    let answer = world.client.call("Connect", NOBODY, &[]).await;
    assert_eq!(answer.body, framed(&given));
    // The next call says it.
    let mut call = world.client.open("GetVersion", NOBODY, &[("identifier", "42")]).await;
    call.send(framed(&[])).await;
    assert_eq!(call.finish().await.code, Code::Ok);
    assert_eq!(world.upstream.settled().await[1].values("identifier"), ["42"]);
}
