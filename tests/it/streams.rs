//! Streams are decided again while they last.

use std::time::Duration;

use milvus_rbac::config::Compat;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status, Streaming};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

use crate::support::{ROOT, TestServer, basic, settings};

const ANN: (&str, &str) = ("ann", "P@ssw0rd");

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), work).await.unwrap()
}

fn with_login<T>(message: T, (user, password): (&str, &str)) -> Request<T> {
    let mut request = Request::new(message);
    let login = MetadataValue::try_from(basic(user, password)).unwrap();
    request.metadata_mut().insert("authorization", login);
    request
}

#[tokio::test]
async fn a_reflection_stream_ends_when_its_user_is_deleted_and_goes_on_when_another_is() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    for name in ["ann", "bob"] {
        assert_eq!(root.create_user(name, "P@ssw0rd").await.unwrap().code, 0);
    }
    let (questions, receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut receiver = receiver;
    let stream = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
    let ask = || ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    questions.send(ask()).unwrap();
    let channel = server.grpc(ROOT).await.channel;
    let mut client = ServerReflectionClient::new(channel);
    let request = with_login(stream, ANN);
    let mut answers = in_time(client.server_reflection_info(request)).await.unwrap().into_inner();
    assert!(in_time(answers.message()).await.unwrap().is_some());

    assert_eq!(root.delete_user("bob").await.unwrap().code, 0);
    questions.send(ask()).unwrap();
    assert!(in_time(answers.message()).await.unwrap().is_some());

    assert_eq!(root.delete_user("ann").await.unwrap().code, 0);
    let status = in_time(answers.message()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    in_time(questions.closed()).await;
}

async fn watch(server: &TestServer) -> Result<Streaming<HealthCheckResponse>, Status> {
    let mut client = HealthClient::new(server.grpc(ROOT).await.channel);
    let request = HealthCheckRequest { service: String::new() };
    Ok(in_time(client.watch(with_login(request, ANN))).await?.into_inner())
}

#[tokio::test]
async fn a_health_watch_that_needs_a_login_ends_with_its_user() {
    let mut settings = settings(Compat::Documented);
    settings.transport.open_health = false;
    let server = TestServer::with(settings).await;
    let root = server.grpc(ROOT).await;
    assert_eq!(watch(&server).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(root.create_user(ANN.0, ANN.1).await.unwrap().code, 0);
    let mut answers = watch(&server).await.unwrap();
    assert!(in_time(answers.message()).await.unwrap().is_some());
    assert_eq!(root.delete_user(ANN.0).await.unwrap().code, 0);
    assert_eq!(in_time(answers.message()).await.unwrap_err().code(), Code::Unauthenticated);
}
