//! Server reflection and health through a true server: who may ask, what they find, and how a
//! watch ends.

use std::time::Duration;

use futures_util::stream;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

use crate::support::{Grpc, ROOT, TestServer, Wire, basic};

const MILVUS: &str = "milvus.proto.milvus.MilvusService";

/// A stream of these messages, sent with this login.
fn asked<T: Send + 'static>(
    messages: Vec<T>,
    login: Option<(&str, &str)>,
) -> Request<impl futures_util::Stream<Item = T> + Send + 'static> {
    let mut request = Request::new(stream::iter(messages));
    if let Some((user, password)) = login {
        let value = MetadataValue::try_from(basic(user, password)).unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}

/// The services and the number of descriptors for one symbol, in one version of the protocol.
macro_rules! reflect {
    ($version:ident, $server:expr, $login:expr) => {{
        use $version::server_reflection_request::MessageRequest;
        use $version::server_reflection_response::MessageResponse;
        let message = |request| $version::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(request),
        };
        let symbol = format!("{MILVUS}.CreateRole");
        let messages = vec![
            message(MessageRequest::ListServices(String::new())),
            message(MessageRequest::FileContainingSymbol(symbol)),
            message(MessageRequest::FileContainingSymbol("no.such.Symbol".to_owned())),
        ];
        let channel = Grpc::channel($server.address).await;
        let mut client = $version::server_reflection_client::ServerReflectionClient::new(channel);
        match client.server_reflection_info(asked(messages, $login)).await {
            Err(status) => Err(status),
            Ok(answers) => {
                let mut answers = answers.into_inner();
                let mut next = async || {
                    answers.message().await.map(|answer| answer.unwrap().message_response.unwrap())
                };
                let MessageResponse::ListServicesResponse(services) = next().await.unwrap() else {
                    panic!("no list");
                };
                let MessageResponse::FileDescriptorResponse(found) = next().await.unwrap() else {
                    panic!("no descriptor");
                };
                let missing = match next().await {
                    Ok(MessageResponse::ErrorResponse(error)) => error.error_code,
                    Ok(other) => panic!("{other:?}"),
                    Err(status) => i32::from(status.code()),
                };
                let services: Vec<String> =
                    services.service.into_iter().map(|service| service.name).collect();
                Ok::<_, Status>((services, found.file_descriptor_proto, missing))
            }
        }
    }};
}

#[tokio::test]
async fn services_and_symbols_are_found_by_any_user_in_both_versions() {
    let server = TestServer::start().await;
    server.grpc(ROOT).await.create_user("ann", "P@ssw0rd").await.unwrap();
    for login in [ROOT, ("ann", "P@ssw0rd")] {
        let new = reflect!(v1, server, Some(login)).unwrap();
        let old = reflect!(v1alpha, server, Some(login)).unwrap();
        for (services, files, missing) in [new, old] {
            for service in [MILVUS, "grpc.health.v1.Health"] {
                assert!(services.iter().any(|found| found == service), "{services:?}");
            }
            let named = |file: &Vec<u8>| file.windows(10).any(|part| part == b"CreateRole");
            assert!(files.iter().any(named), "{} files", files.len());
            assert_eq!(missing, i32::from(Code::NotFound));
        }
    }
}

#[tokio::test]
async fn without_a_login_nothing_is_reflected() {
    let server = TestServer::start().await;
    for (login, text) in [
        (None, "missing authorization in header"),
        (
            Some(("root", "wrong")),
            "auth check failure, please check username and password are correct",
        ),
    ] {
        for status in [
            reflect!(v1, server, login).unwrap_err(),
            reflect!(v1alpha, server, login).unwrap_err(),
        ] {
            assert_eq!((status.code(), status.message()), (Code::Unauthenticated, text));
        }
    }
}

#[tokio::test]
async fn health_is_open_and_a_watch_ends_with_the_server() {
    let server = TestServer::start().await;
    let mut client = HealthClient::new(Grpc::channel(server.address).await);
    let ask = |service: &str| HealthCheckRequest { service: service.to_owned() };
    for service in ["", MILVUS] {
        let status = client.check(ask(service)).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service:?}");
    }
    let status = client.check(ask("no.such.Service")).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);

    let mut watch = client.watch(ask("")).await.unwrap().into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    let stopping = tokio::spawn(server.stop());
    let status = watch.message().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "server is shutting down"));
    stopping.await.unwrap();
}

#[tokio::test]
async fn health_can_be_closed_to_those_without_a_login() {
    let mut settings = crate::support::settings(milvus_rbac::config::Compat::Documented);
    settings.transport.open_health = false;
    let server = TestServer::with(settings).await;
    let mut client = HealthClient::new(Grpc::channel(server.address).await);
    let status = client.check(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let status = client.watch(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_watch_that_never_says_of_what_is_ended_and_a_reflection_may_wait() {
    use v1::server_reflection_request::MessageRequest;
    let mut settings = crate::support::settings(milvus_rbac::config::Compat::Documented);
    settings.transport.body_timeout = Duration::from_millis(200);
    let server = TestServer::with(settings).await;
    let (sender, messages) = tokio::sync::mpsc::channel::<v1::ServerReflectionRequest>(1);
    let messages = stream::unfold(messages, async |mut messages| {
        messages.recv().await.map(|message| (message, messages))
    });
    let mut request = Request::new(messages);
    let login = MetadataValue::try_from(basic(ROOT.0, ROOT.1)).unwrap();
    request.metadata_mut().insert("authorization", login);
    let channel = Grpc::channel(server.address).await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel);
    let mut answers = client.server_reflection_info(request).await.unwrap().into_inner();

    // Begun later, so that the other stream is past its time when this one has ended.
    let wire = Wire::connect(server.address).await;
    let watch = wire.begin("/grpc.health.v1.Health/Watch", &[], Vec::new(), false);
    let answer = tokio::time::timeout(Duration::from_secs(10), watch).await.unwrap();
    assert_ne!(answer.code, Code::Ok, "{answer:?}");
    assert!(answer.body.is_empty());

    let list = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    sender.send(list).await.unwrap();
    assert!(answers.message().await.unwrap().unwrap().message_response.is_some());
}
