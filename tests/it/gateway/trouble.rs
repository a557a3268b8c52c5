//! An upstream that is not there, goes, or breaks off.

use std::net::SocketAddr;
use std::sync::Arc;

use h2::Reason;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::call::{Answer, header_map};
use super::client::{Client, rest};
use super::flow;
use super::seen::End;
use super::upstream::{Order, Upstream};
use super::world::{NOBODY, World, gateway_settings, people};
use crate::support::{Grpc, Log, ROOT, TestServer, framed, milvus_path, success};
use crate::transport::toy::within;

/// An address at which nobody listens.
async fn nowhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// Waits until the health service says this.
async fn health_becomes(server: &TestServer, wanted: ServingStatus) {
    let channel = Grpc::channel(server.address).await;
    let request = HealthCheckRequest { service: String::new() };
    let watch = HealthClient::new(channel).watch(request).await.unwrap();
    let mut watch = watch.into_inner();
    loop {
        let news = within(watch.message()).await.unwrap().unwrap();
        if news.status == i32::from(wanted) {
            return;
        }
    }
}

#[tokio::test]
async fn without_an_upstream_data_is_unavailable_and_users_and_roles_go_on() {
    let address = nowhere().await;
    let server = TestServer::with(gateway_settings(address)).await;
    let root = people(&server).await;
    let client = Client::connect(server.address).await;
    for method in ["Insert", "ShowCollections", "DropCollection", "DumpMessages", "Connect"] {
        let answer = client.call(method, ROOT, &[]).await;
        assert_eq!(answer.code, Code::Unavailable, "{method}");
        let text = "the server behind this gateway cannot be reached; try again later";
        assert_eq!(answer.text, text, "{method}");
    }
    health_becomes(&server, ServingStatus::NotServing).await;
    assert_eq!(root.create_role("made").await.unwrap(), success());
    // A refusal is one all the same.
    assert_eq!(client.call("Insert", NOBODY, &[]).await.code, Code::PermissionDenied);

    let upstream = Upstream::at(address, None).await;
    health_becomes(&server, ServingStatus::Serving).await;
    assert_eq!(client.call("Insert", ROOT, &[]).await.code, Code::Ok);
    let insert = milvus_path("Insert");
    let calls = upstream.settled().await;
    // What failed before has not been kept and sent.
    assert_eq!(calls.iter().filter(|call| call.path == insert).count(), 1);

    drop(upstream);
    health_becomes(&server, ServingStatus::NotServing).await;
    assert_eq!(client.call("Insert", ROOT, &[]).await.code, Code::Unavailable);
}

/// Waits until the gateway has connected again.
async fn connected(world: &World, times: usize) {
    let upstream = &world.upstream;
    upstream.until("it has connected", |_| upstream.connections() >= times).await;
}

#[tokio::test]
async fn connections_that_end_while_nothing_is_asked_are_made_anew() {
    let world = World::start().await;
    assert_eq!(world.upstream.connections(), 1);
    for (round, order) in [Order::Close, Order::GoAway, Order::Close].into_iter().enumerate() {
        world.upstream.order(order);
        connected(&world, round + 2).await;
        let answer = world.client.call("Insert", ROOT, &[]).await;
        assert_eq!((answer.code, &*answer.text), (Code::Ok, ""));
    }
    assert_eq!(world.upstream.settled().await.len(), 3);
}

#[tokio::test]
async fn an_upstream_that_goes_away_finishes_what_it_has_begun_and_the_next_call_works() {
    let world = World::start().await;
    let both = Arc::new((Notify::new(), Notify::new()));
    let told = Arc::clone(&both);
    world.upstream.on("Insert", move |mut call| {
        let told = Arc::clone(&told);
        async move {
            call.whole().await;
            told.0.notify_one();
            told.1.notified().await;
            call.answer(Answer::message(b"late")).await;
        }
    });
    let mut call = world.client.open("Insert", ROOT, &[]).await;
    call.send(framed(&[])).await;
    call.end();
    both.0.notified().await;
    world.upstream.order(Order::GoAway);
    for _ in 0..20 {
        let answer = world.client.call("Delete", ROOT, &[]).await;
        assert_eq!((answer.code, &*answer.text), (Code::Ok, ""));
    }
    both.1.notify_one();
    let answer = call.answer().await;
    assert_eq!((answer.code, answer.body), (Code::Ok, framed(b"late")));
    assert_eq!(world.upstream.settled().await.len(), 21);
}

const BROKE_OFF: &str = "the server behind this gateway broke off before it had answered; whether \
                         it has done what was asked for is not known";

#[tokio::test]
async fn a_call_that_is_reset_is_told_so_and_not_made_again() {
    let world = World::start().await;
    for reason in [Reason::INTERNAL_ERROR, Reason::REFUSED_STREAM, Reason::CANCEL, Reason::NO_ERROR]
    {
        for method in ["Insert", "ShowCollections", "DropCollection"] {
            world.upstream.on(method, move |mut call| async move {
                call.whole().await;
                call.reset(reason);
            });
            let answer = world.client.call(method, ROOT, &[]).await;
            assert_eq!((answer.code, &*answer.text), (Code::Unavailable, BROKE_OFF), "{reason:?}");
            world.upstream.only().await;
            world.upstream.clear();
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_in_the_middle_is_told_and_the_call_not_made_again() {
    let world = World::start().await;
    let whole = Arc::new(Notify::new());
    let told = Arc::clone(&whole);
    world.upstream.on("Insert", move |mut call| {
        let told = Arc::clone(&told);
        async move {
            call.whole().await;
            told.notify_one();
            call.until_reset().await;
        }
    });
    let mut call = world.client.open("Insert", ROOT, &[]).await;
    call.send(framed(&[])).await;
    call.end();
    whole.notified().await;
    world.upstream.order(Order::Close);
    let answer = call.answer().await;
    assert_eq!((answer.code, &*answer.text), (Code::Unavailable, BROKE_OFF));
    connected(&world, 2).await;
    assert_eq!(world.client.call("Delete", ROOT, &[]).await.code, Code::Ok);
    let paths: Vec<String> = world.upstream.calls().into_iter().map(|call| call.path).collect();
    assert_eq!(paths, [milvus_path("Insert"), milvus_path("Delete")]);
}

#[tokio::test]
async fn an_answer_that_breaks_off_ends_with_a_status_after_what_has_come() {
    let world = World::start().await;
    let read = Arc::new(Notify::new());
    let told = Arc::clone(&read);
    world.upstream.on("Query", move |mut call| {
        let told = Arc::clone(&told);
        async move {
            call.whole().await;
            let mut stream = call.begin(200, header_map(&[("content-type", "application/grpc")]));
            flow::send(&mut stream, framed(&vec![7; 100_000]).into()).await;
            told.notified().await;
            stream.send_reset(Reason::INTERNAL_ERROR);
        }
    });
    let mut call = world.client.open("Query", ROOT, &[]).await;
    call.send(framed(&[])).await;
    call.end();
    let (head, mut body, _sending) = call.begun().await;
    let mut left = 100_005;
    while left > 0 {
        let part = within(body.data()).await.unwrap().unwrap();
        body.flow_control().release_capacity(part.len()).unwrap();
        left -= part.len();
    }
    read.notify_one();
    let answer = rest(head, body).await;
    assert_eq!((answer.code, &*answer.text), (Code::Unavailable, BROKE_OFF));
    assert_eq!(world.upstream.only().await.end, Some(End::Whole));
}

const GARBAGE: &str = "the server behind this gateway gave an answer that cannot be read; whether \
                       it has done what was asked for is not known";

#[tokio::test]
async fn an_answer_that_is_not_grpc_is_told_so() {
    let world = World::start().await;
    let message = Answer::message(b"x");
    let changed = |change: fn(&mut Answer)| {
        let mut answer = message.clone();
        change(&mut answer);
        answer
    };
    let bad = [
        ("HTTP 500", changed(|answer| answer.status = 500)),
        ("HTTP 404", changed(|answer| answer.status = 404)),
        ("HTTP 302", changed(|answer| answer.status = 302)),
        (
            "a page",
            changed(|answer| {
                answer.headers = header_map(&[("content-type", "text/html")]);
            }),
        ),
        ("no content type", changed(|answer| answer.headers.clear())),
        ("no trailers", changed(|answer| answer.trailers = None)),
        (
            "trailers without a status",
            changed(|answer| {
                answer.trailers = Some(header_map(&[("grpc-message", "x")]));
            }),
        ),
        (
            "nothing",
            changed(|answer| {
                answer.data.clear();
                answer.trailers = None;
            }),
        ),
    ];
    for (what, answer) in bad {
        for method in ["Insert", "ListDatabases", "DropCollection"] {
            world.upstream.answers(method, answer.clone());
            let answer = world.client.call(method, ROOT, &[]).await;
            assert_eq!((answer.code, &*answer.text), (Code::Unavailable, GARBAGE), "{what}");
            // It was asked once.
            world.upstream.only().await;
            world.upstream.clear();
        }
    }
}

#[tokio::test]
async fn a_server_of_another_protocol_is_no_upstream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let _other = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::AsyncWriteExt as _;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    }));
    let server = TestServer::with(gateway_settings(address)).await;
    let client = Client::connect(server.address).await;
    let answer = client.call("Insert", ROOT, &[]).await;
    assert_eq!(answer.code, Code::Unavailable, "{}", answer.text);
    assert!(!answer.text.contains("127.0.0.1"), "{}", answer.text);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_waited_for_as_long_as_the_caller_does() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = TestServer::with(gateway_settings(listener.local_addr().unwrap())).await;
    let client = Client::connect(server.address).await;
    for method in ["Insert", "ShowCollections", "DropCollection"] {
        let mut call = client.open(method, ROOT, &[("grpc-timeout", "200m")]).await;
        call.send(framed(&[])).await;
        let answer = call.finish().await;
        assert_eq!(answer.code, Code::DeadlineExceeded, "{method}: {}", answer.text);
    }
    health_becomes(&server, ServingStatus::NotServing).await;
    drop(listener);
}

#[tokio::test]
async fn an_upstream_that_refuses_our_login_is_not_taken_for_one_that_refuses_the_callers() {
    let world = World::start().await;
    let status = [("grpc-status", "16"), ("grpc-message", "who are you?")];
    for answer in [
        Answer::failure(Code::Unauthenticated, "who are you?"),
        Answer::of(Vec::new(), &status),
        Answer::of(vec![framed(&[]).into()], &status),
    ] {
        for method in ["Insert", "ShowCollections", "DropCollection"] {
            world.upstream.answers(method, answer.clone());
            let found = world.client.call(method, ROOT, &[]).await;
            assert_eq!(found.code, Code::Unavailable, "{method}: {}", found.text);
            assert_eq!(
                found.text,
                "the server behind this gateway refuses the gateway's own login; tell its operator"
            );
        }
    }
}

#[tokio::test]
async fn calls_at_once_share_several_connections() {
    let world = World::with(|settings| settings.upstream.as_mut().unwrap().connections = 3).await;
    let calls = (0..60_u8).map(|number| {
        let client = &world.client;
        async move {
            let answer = client.call("Insert", ROOT, &[0x38, number]).await;
            assert_eq!((answer.code, &*answer.text), (Code::Ok, ""));
        }
    });
    futures_util::future::join_all(calls).await;
    let mut seen: Vec<Vec<u8>> =
        world.upstream.settled().await.into_iter().map(|call| call.body).collect();
    seen.sort();
    assert_eq!(seen, (0..60).map(|number| framed(&[0x38, number])).collect::<Vec<_>>());
    assert_eq!(world.upstream.connections(), 3);
}

#[tokio::test]
async fn a_refusal_and_a_failure_of_the_upstream_each_leave_a_line() {
    let log = Log::begin();
    let world = World::start().await;
    let carl = ("carl_of_the_lines", "P@ssw0rd");
    assert_eq!(world.root.create_user(carl.0, carl.1).await.unwrap(), success());
    assert_eq!(world.client.call("Insert", carl, &[]).await.code, Code::PermissionDenied);
    let name = format!("{:?}", carl.0);
    let of = |lines: Vec<String>| {
        let lines = lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(line));
        let lines = lines.map(|line| line.unwrap()["fields"].clone());
        lines.filter(|fields| fields["caller"] == name).collect::<Vec<_>>()
    };
    let denied = of(log.lines("\"denied\""));
    assert_eq!((denied.len(), &denied[0]["rpc"]), (1, &"Insert".into()));

    world.upstream.on("GetVersion", |call| async move { call.reset(Reason::INTERNAL_ERROR) });
    assert_eq!(world.client.call("GetVersion", carl, &[]).await.code, Code::Unavailable);
    let failed = of(log.lines("allowed, and not answered by the upstream"));
    assert_eq!((failed.len(), &failed[0]["rpc"]), (1, &"GetVersion".into()));
    assert_eq!(failed[0]["database"], "\"default\"");
    assert!(!failed[0]["ground"].as_str().unwrap().is_empty());
    assert!(failed[0]["error"].as_str().unwrap().starts_with("the upstream broke off"));
}
