//! Callers who dawdle, hurry or leave harm nobody else behind the same gateway, and get nothing by
//! it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Method, Request};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::model::RoleName;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tonic::Code;

use super::call::{Answer, header_map};
use super::client::{Client, metadata, rest};
use super::flow;
use super::message::{COLLECTION, text};
use super::seen::End;
use super::streams::operated;
use super::world::{ANN, NOBODY, World};
use crate::support::{ROOT, framed, milvus_path, success};
use crate::transport::toy::within;

/// A connection of a client that takes this many bytes of all answers together, and no more.
async fn connect(address: SocketAddr, window: u32) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(window);
    let (client, connection) = builder.handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

/// Sends a whole call and leaves its answer alone.
fn call(
    client: &mut SendRequest<Bytes>,
    method: &str,
    login: (&str, &str),
    message: &[u8],
) -> h2::client::ResponseFuture {
    let mut request = Request::post(format!("http://x{}", milvus_path(method))).body(()).unwrap();
    *request.headers_mut() = metadata(login);
    let (answer, mut sending) = client.send_request(request, false).unwrap();
    sending.send_data(framed(message).into(), true).unwrap();
    answer
}

#[tokio::test]
async fn answers_that_nobody_takes_do_not_stop_those_of_others() {
    let world = World::start().await;
    world.grant("Query", ("default", "mine")).await;
    let large = Answer::of(vec![framed(&vec![7; 3 << 20]).into()], &[("grpc-status", "0")]);
    world.upstream.answers("Query", large);
    let mut dawdler = connect(world.server.address, 0).await;
    let mut answers = Vec::new();
    // Many times what any window of one connection holds.
    for _ in 0..40 {
        let answer = call(&mut dawdler, "Query", ANN, &text(COLLECTION, "mine"));
        answers.push(within(answer).await.unwrap());
    }
    for _ in 0..5 {
        let found = world.client.call("Query", ROOT, &text(COLLECTION, "mine")).await;
        assert_eq!((found.code, found.body.len()), (Code::Ok, (3 << 20) + 5));
    }
    drop(answers);
}

#[tokio::test]
async fn a_stream_that_nobody_reads_ends_with_the_right_to_it() {
    let world = World::start().await;
    operated(&world, "UpdateReplicateConfiguration", 0).await;
    world.upstream.on("CreateReplicateStream", |mut call| async move {
        let headers = header_map(&[("content-type", "application/grpc")]);
        let mut stream = call.begin(200, headers);
        flow::send(&mut stream, framed(&[1]).into()).await;
        // Acts on each message, as long as they come.
        call.whole().await;
    });
    let mut dawdler = connect(world.server.address, 0).await;
    let path = format!("http://x{}", milvus_path("CreateReplicateStream"));
    let mut request = Request::post(path).body(()).unwrap();
    *request.headers_mut() = metadata(ANN);
    let (answer, mut sending) = dawdler.send_request(request, false).unwrap();
    sending.send_data(framed(b"one").into(), false).unwrap();
    let _unread = within(answer).await.unwrap();
    world.upstream.until("the first message", |calls| calls.iter().any(|it| it.acts == 1)).await;
    assert_eq!(world.root.delete_user(ANN.0).await.unwrap(), success());
    let calls = world.upstream.settled().await;
    assert!(matches!(calls[0].end, Some(End::Reset(_) | End::Lost)), "{:?}", calls[0].end);
    // Nothing comes behind it; another call would come behind that.
    let _ = sending.send_data(framed(b"two").into(), false);
    assert_eq!(world.client.call("AllocTimestamp", NOBODY, &[]).await.code, Code::Ok);
    assert_eq!(world.upstream.calls()[0].acts, 1);
}

#[tokio::test]
async fn callers_in_a_hurry_do_not_end_the_connection_of_others() {
    let world = World::start().await;
    let held = Arc::new(Notify::new());
    let told = Arc::clone(&held);
    world.upstream.on("GetComponentStates", move |mut call| {
        let told = Arc::clone(&told);
        async move {
            call.whole().await;
            told.notified().await;
            call.answer(Answer::message(&[])).await;
        }
    });
    let mut bystander = world.client.open("GetComponentStates", ROOT, &[]).await;
    bystander.send(framed(&[])).await;
    bystander.end();
    // More than the resets that an HTTP/2 library forgives by default.
    world.upstream.on("GetVersion", |mut call| async move {
        call.whole().await;
        call.answer(Answer::of(vec![framed(&[7; 4000]).into()], &[("grpc-status", "0")])).await;
    });
    for _ in 0..15 {
        let hurried = Client::connect(world.server.address).await;
        let mut calls = Vec::new();
        for _ in 0..100 {
            let more = [("grpc-timeout", "1m")];
            let mut call = hurried.open("GetVersion", NOBODY, &more).await;
            call.send(framed(&[])).await;
            call.end();
            calls.push(call);
        }
        for call in calls {
            let code = call.answer().await.code;
            assert!([Code::Ok, Code::DeadlineExceeded].contains(&code), "{code}");
        }
    }
    held.notify_one();
    assert_eq!(bystander.answer().await.code, Code::Ok);
    assert_eq!(world.upstream.connections(), 1);
}

#[tokio::test]
async fn a_server_that_ends_waits_for_the_grants_of_what_is_being_dropped() {
    let world = World::start().await;
    world.grant("Insert", ("default", "mine")).await;
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go_on));
    world.upstream.on("DropCollection", move |mut call| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            call.whole().await;
            tell.notify_one();
            wait.notified().await;
            call.answer(Answer::message(&[])).await;
        }
    });
    let mut call = world.client.open("DropCollection", ROOT, &[]).await;
    call.send(framed(&text(COLLECTION, "mine"))).await;
    call.end();
    within(begun.notified()).await;
    // Whoever has asked is gone, and so is everybody else.
    world.client.close();
    let deployment = world.server.deployment.clone();
    let role = RoleName::new("r").unwrap();
    let granted = |deployment: &Deployment| {
        deployment.admin().snapshots().get().grants().granted_rows_of(&role).count()
    };
    assert_eq!(granted(&deployment), 1);
    let stopping = tokio::spawn(world.server.stop());
    tokio::time::sleep(Duration::from_millis(50)).await;
    go_on.notify_one();
    let directory = within(stopping).await.unwrap();
    assert_eq!(granted(&deployment), 0);
    drop((directory, call));
}

#[tokio::test]
async fn an_answer_that_is_broken_off_while_nobody_reads_ends_with_its_reason() {
    let world = World::start().await;
    world.grant("Query", ("default", "mine")).await;
    let large = Answer::of(vec![framed(&vec![7; 3 << 20]).into()], &[("grpc-status", "0")]);
    world.upstream.answers("Query", large);
    let mut call = world.client.open("Query", ANN, &[("grpc-timeout", "300m")]).await;
    call.send(framed(&text(COLLECTION, "mine"))).await;
    call.end();
    let (head, body, _sending) = call.begun().await;
    // Its time goes by before anybody reads.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let answer = rest(head, body).await;
    assert_eq!(answer.code, Code::DeadlineExceeded, "{}", answer.text);
    assert!(answer.body.len() < 3 << 20);
}

#[tokio::test]
async fn a_stream_that_the_upstream_does_not_read_ends_for_it_too() {
    let world = World::start().await;
    operated(&world, "UpdateReplicateConfiguration", 0).await;
    world.upstream.on("CreateReplicateStream", |mut call| async move {
        let headers = header_map(&[("content-type", "application/grpc")]);
        let mut stream = call.begin(200, headers);
        // Nothing is read until it is given up.
        call.until_given_up(&mut stream).await;
        call.whole().await;
    });
    let mut call = world.client.open("CreateReplicateStream", ANN, &[]).await;
    call.send(framed(b"one")).await;
    let (_head, _body, mut sending) = call.begun().await;
    // More than all windows on the way hold.
    let much = tokio::spawn(async move {
        for _ in 0..100 {
            if !flow::send(&mut sending, framed(&vec![7; 1 << 20]).into()).await {
                return;
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.root.delete_user(ANN.0).await.unwrap(), success());
    let calls = world.upstream.settled().await;
    assert!(matches!(calls[0].end, Some(End::Reset(_) | End::Lost)), "{:?}", calls[0].end);
    much.abort();
}

#[tokio::test]
async fn a_call_is_a_post() {
    let world = World::start().await;
    for method in [Method::GET, Method::PUT, Method::HEAD, Method::DELETE] {
        let mut client = connect(world.server.address, 1 << 16).await;
        let path = format!("http://x{}", milvus_path("GetVersion"));
        let mut request = Request::get(path).method(&method).body(()).unwrap();
        *request.headers_mut() = metadata(ROOT);
        let (answer, mut sending) = client.send_request(request, false).unwrap();
        sending.send_data(framed(&[]).into(), true).unwrap();
        let answer = within(answer).await.unwrap();
        assert_eq!(answer.status().as_u16(), 405, "{method}");
        assert_eq!(answer.headers()["allow"], "POST");
    }
    world.nothing_else_has_come().await;
}
