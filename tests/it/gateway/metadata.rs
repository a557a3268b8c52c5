//! Which metadata goes upstream, and which database it names.

use std::time::{Duration, Instant};

use http::HeaderMap;
use milvus_rbac::config::{Secret, Settings};
use tonic::Code;

use super::call::header_map;
use super::client::{Answered, metadata};
use super::flow;
use super::message::{COLLECTION, DATABASE, text};
use super::seen::{End, Seen};
use super::world::{ANN, NOBODY, World};
use crate::support::{ROOT, basic, framed, milvus_path};

/// Sends `DescribeCollection` as root with more metadata.
async fn describe(world: &World, more: &[(&str, &str)], message: &[u8]) -> Answered {
    let mut call = world.client.open("DescribeCollection", ROOT, more).await;
    call.send(framed(message)).await;
    call.finish().await
}

/// What the upstream sees of it.
async fn seen(world: &World, more: &[(&str, &str)], message: &[u8]) -> Seen {
    let answer = describe(world, more, message).await;
    assert_eq!((answer.code, &*answer.text), (Code::Ok, ""));
    let seen = world.upstream.only().await;
    world.upstream.clear();
    seen
}

/// Names and values, sorted.
fn lines(headers: &HeaderMap) -> Vec<String> {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}", value.to_str().unwrap())
    };
    let mut lines: Vec<String> = headers.iter().map(line).collect();
    lines.sort();
    lines
}

/// What nobody but somebody with an intention sends.
const UNWANTED: [(&str, &str); 32] = [
    ("sourceid", "QEBtaWx2dXMtbWVtYmVyQEA="),
    ("sourceid", "again"),
    ("sourceid-bin", "QEBtaWx2dXMtbWVtYmVyQEA"),
    ("token", "root:Milvus"),
    ("api-key", "x"),
    ("x-api-key", "x"),
    ("username", "root"),
    ("user", "root"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-user", "root"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "milvus"),
    ("x-real-ip", "127.0.0.1"),
    ("x-remote-user", "root"),
    ("x-user", "root"),
    ("forwarded", "for=127.0.0.1"),
    ("via", "1.1 proxy"),
    ("cookie", "session=1"),
    ("host", "elsewhere"),
    ("origin", "http://elsewhere"),
    ("referer", "http://elsewhere"),
    ("proxy-authorization", "Basic cm9vdDpNaWx2dXM="),
    ("authorization-bin", "cm9vdDpNaWx2dXM"),
    ("grpc-encoding", "identity"),
    ("grpc-accept-encoding", "gzip"),
    ("grpc-internal-encoding-request", "gzip"),
    ("grpc-previous-rpc-attempts", "3"),
    ("grpc-message-type", "x"),
    ("grpc-tags-bin", "AAE"),
    ("grpc-trace-bin", "AAE"),
    ("dbname-bin", "ZGIy"),
    ("content-length-hint", "1"),
];

#[tokio::test]
async fn only_what_clients_of_milvus_send_goes_up_and_never_a_login() {
    let world = World::start().await;
    let found = seen(&world, &UNWANTED, &[]).await;
    let bare = ["content-type: application/grpc", "dbname: default", "te: trailers"];
    assert_eq!(lines(&found.headers), bare);
    assert_eq!(found.authority, world.upstream.address.to_string());

    let known = [
        ("accept-encoding", "identity"),
        ("client-request-id", ""),
        ("client-request-unixmsec", "1700000000000"),
        ("client_request_id", "0123456789abcdef0123456789abcdef"),
        ("identifier", "7"),
        ("log_level", "debug"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("tracestate", "a=b"),
        ("user-agent", "grpc-python/1.60"),
    ];
    let found = seen(&world, &known, &[]).await;
    let mut wanted: Vec<_> = known.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    wanted.extend(bare.map(ToOwned::to_owned));
    wanted.sort();
    assert_eq!(lines(&found.headers), wanted);
}

#[tokio::test]
async fn of_several_values_the_first_one_goes_up() {
    let world = World::start().await;
    let twice =
        [("identifier", "7"), ("identifier", "8"), ("user-agent", "a"), ("user-agent", "b")];
    let found = seen(&world, &twice, &[]).await;
    assert_eq!((found.values("identifier"), found.values("user-agent")), (vec!["7"], vec!["a"]));
}

#[tokio::test]
async fn more_metadata_than_servers_take_is_refused() {
    let world = World::start().await;
    let long = "a".repeat(7900);
    let answer = describe(&world, &[("traceparent", &long)], &[]).await;
    assert_eq!(answer.code, Code::ResourceExhausted, "{}", answer.text);
    assert!(answer.text.ends_with("and at most 8000 are passed on"), "{}", answer.text);
    // What is dropped does not count.
    seen(&world, &[("cookie", &long), ("traceparent", &long[..7000])], &[]).await;
    world.nothing_else_has_come().await;
}

#[tokio::test]
async fn exactly_one_database_goes_up_the_one_that_was_decided_on() {
    let world = World::start().await;
    let body = text(DATABASE, "db1");
    for (header, message, told) in [
        (None, &[][..], "default"),
        (Some(""), &[], "default"),
        (Some("db2"), &[], "db2"),
        (None, &body, "db1"),
        (Some("db2"), &body, "db1"),
        (Some(""), &body, "db1"),
        (Some("db2"), &text(DATABASE, ""), "db2"),
        (Some("default"), &body, "db1"),
    ] {
        let more: Vec<_> = header.map(|name| ("dbname", name)).into_iter().collect();
        let found = seen(&world, &more, message).await;
        assert_eq!(found.values("dbname"), [told], "{header:?} {message:x?}");
    }
}

#[tokio::test]
async fn a_database_of_the_connection_is_decided_on_like_one_in_the_message() {
    let world = World::start().await;
    world.grant("Insert", ("db2", "mine")).await;
    let name = text(COLLECTION, "mine");
    let other = [text(DATABASE, "default"), name.clone()].concat();
    let same = [text(DATABASE, "db2"), name.clone()].concat();
    for (header, message, code) in [
        (None, &name, Code::PermissionDenied),
        (Some("db2"), &name, Code::Ok),
        (Some("db2"), &other, Code::PermissionDenied),
        (Some("default"), &same, Code::Ok),
        (Some("DB2"), &name, Code::PermissionDenied),
        // Blanks count, and no header can say them.
        (Some("db2 "), &name, Code::PermissionDenied),
    ] {
        let more: Vec<_> = header.map(|name| ("dbname", name)).into_iter().collect();
        let mut call = world.client.open("Insert", ANN, &more).await;
        call.send(framed(message)).await;
        let answer = call.finish().await;
        let told = world.upstream.calls();
        assert_eq!(answer.code, code, "{header:?} {message:x?}: {}", answer.text);
        let databases: Vec<_> = told.iter().map(|call| call.values("dbname")).collect();
        let wanted = if code == Code::Ok { vec![vec!["db2"]] } else { Vec::new() };
        assert_eq!(databases, wanted, "{header:?}");
        world.upstream.clear();
    }
}

#[tokio::test]
async fn metadata_that_is_read_and_given_twice_is_refused() {
    let world = World::start().await;
    for twice in [
        &[("dbname", "db2"), ("dbname", "db2")][..],
        &[("dbname", ""), ("dbname", "db2")],
        &[("dbname", "db2"), ("dbname", "")],
        &[("content-type", "application/grpc")],
        &[("content-type", "application/grpc+proto")],
    ] {
        let mut headers = metadata(ROOT);
        for (name, value) in twice {
            headers.append(*name, value.parse().unwrap());
        }
        let path = milvus_path("DescribeCollection");
        let mut call = world.client.open_at(&path, headers).await;
        call.send(framed(&[])).await;
        let answer = call.finish().await;
        assert_eq!(answer.code, Code::InvalidArgument, "{twice:?}");
        let name = twice[0].0;
        let told = format!("the metadata `{name}` is given more than once; give it once");
        assert_eq!(answer.text, told);
    }
    world.nothing_else_has_come().await;
}

#[tokio::test]
async fn a_database_that_no_header_can_say_is_refused() {
    let world = World::start().await;
    for name in ["größe", "a\nb", "a\0b", "數據庫"] {
        let answer = describe(&world, &[], &text(DATABASE, name)).await;
        assert_eq!(answer.code, Code::InvalidArgument, "{name:?}: {}", answer.text);
    }
    world.nothing_else_has_come().await;
}

fn with_token(token: &str) -> impl FnOnce(&mut Settings) {
    let token = Secret::new(token.to_owned());
    move |settings| settings.upstream.as_mut().unwrap().token = Some(token)
}

#[tokio::test]
async fn the_upstream_is_told_the_gateways_login_and_never_the_callers() {
    let world = World::with(with_token("gateway:Upstream1")).await;
    for login in [ROOT, NOBODY] {
        let answer = world.client.call("GetVersion", login, &[]).await;
        assert_eq!(answer.code, Code::Ok);
    }
    for seen in world.upstream.settled().await {
        assert_eq!(seen.values("authorization"), [basic("gateway", "Upstream1")]);
    }
}

#[tokio::test]
async fn the_time_of_a_call_goes_up_and_is_kept() {
    let world = World::start().await;
    assert_eq!(seen(&world, &[("grpc-timeout", "20S")], &[]).await.values("grpc-timeout"), ["20S"]);
    for odd in ["", "20", "20s", "-1S", "123456789S"] {
        let found = seen(&world, &[("grpc-timeout", odd)], &[]).await;
        assert_eq!(found.values("grpc-timeout"), [""; 0], "{odd}");
    }
    for method in ["DescribeCollection", "ShowCollections"] {
        world.upstream.on(method, |mut call| async move {
            call.whole().await;
            call.until_reset().await;
        });
        let asked = Instant::now();
        let mut call = world.client.open(method, ROOT, &[("grpc-timeout", "200m")]).await;
        call.send(framed(&[])).await;
        let answer = call.finish().await;
        assert_eq!(answer.code, Code::DeadlineExceeded, "{method}: {}", answer.text);
        assert!(asked.elapsed() >= Duration::from_millis(200));
        let ended = |calls: &[Seen]| matches!(calls[0].end, Some(End::Reset(_)));
        world.upstream.until("it is told", ended).await;
        world.upstream.clear();
    }
}

#[tokio::test]
async fn the_time_of_a_call_ends_an_answer_that_has_begun() {
    let world = World::start().await;
    world.upstream.on("DescribeCollection", |mut call| async move {
        call.whole().await;
        let headers = header_map(&[("content-type", "application/grpc")]);
        let mut stream = call.begin(200, headers);
        flow::send(&mut stream, framed(&vec![7; 100_000]).into()).await;
        call.until_given_up(&mut stream).await;
    });
    let mut call = world.client.open("DescribeCollection", ROOT, &[("grpc-timeout", "200m")]).await;
    call.send(framed(&[])).await;
    let answer = call.finish().await;
    assert_eq!(answer.code, Code::DeadlineExceeded, "{}", answer.text);
    assert_eq!(answer.body, framed(&vec![7; 100_000]));
}
