//! What is open without a login, and what streams.

use milvus_rbac::config::Compat;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::{MISSING, WRONG};
use crate::support::{Grpc, ROOT, TestServer, Wire, basic, framed, settings, success};

const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const REFLECTION: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// SERVING as the one field of a health answer.
const SERVING: &[u8] = &[8, 1];

#[tokio::test]
async fn health_is_open_by_default_whatever_login_is_sent() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let wire = Wire::connect(server.address).await;
        for headers in [&[][..], &[("authorization", "junk")], &[("authorization", "cm9vdDp4")]] {
            let answer = wire.send(CHECK, headers, framed(&[])).await;
            assert_eq!(answer.message(), SERVING);
        }
        let mut client = HealthClient::new(Grpc::channel(server.address).await);
        for service in ["", "milvus.proto.milvus.MilvusService"] {
            let request = HealthCheckRequest { service: service.to_owned() };
            let mut watch = client.watch(request).await.unwrap().into_inner();
            let first = watch.message().await.unwrap().unwrap();
            assert_eq!(first.status(), ServingStatus::Serving);
        }
        let request = HealthCheckRequest { service: "nothing".to_owned() };
        assert_eq!(client.check(request).await.unwrap_err().code(), Code::NotFound);
    }
}

#[tokio::test]
async fn closed_health_needs_a_login_and_any_will_do() {
    let mut closed = settings(Compat::Documented);
    closed.transport.open_health = false;
    let server = TestServer::with(closed).await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user("ann", "P@ssw0rd").await.unwrap(), success());
    let wire = Wire::connect(server.address).await;
    let wrong = basic("ann", "wrong");
    for path in [CHECK, WATCH] {
        let answer = wire.send(path, &[], framed(&[])).await;
        assert_eq!(answer.outcome(), (Code::Unauthenticated, MISSING));
        let answer = wire.send(path, &[("authorization", &wrong)], framed(&[])).await;
        assert_eq!(answer.outcome(), (Code::Unauthenticated, WRONG));
    }
    let login = basic("ann", "P@ssw0rd");
    let answer = wire.send(CHECK, &[("authorization", &login)], framed(&[])).await;
    assert_eq!(answer.message(), SERVING);
}

#[tokio::test]
async fn reflection_is_for_every_user_and_for_users_only() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user("ann", "P@ssw0rd").await.unwrap(), success());
    let wire = Wire::connect(server.address).await;
    // `list_services`, field 7.
    let services = framed(&[0x3a, 0]);
    for path in REFLECTION {
        let answer = wire.send(path, &[], services.clone()).await;
        assert_eq!(answer.outcome(), (Code::Unauthenticated, MISSING));
        let login = basic("ann", "P@ssw0rd");
        let answer = wire.send(path, &[("authorization", &login)], services.clone()).await;
        let text = String::from_utf8_lossy(answer.message()).into_owned();
        for service in ["milvus.proto.milvus.MilvusService", "grpc.health.v1.Health"] {
            assert!(text.contains(service), "{text}");
        }
    }
}

#[tokio::test]
async fn a_stream_without_login_is_refused_before_its_first_message() {
    let server = TestServer::start().await;
    let wire = Wire::connect(server.address).await;
    let milvus = ["CreateReplicateStream", "DumpMessages"].map(crate::support::milvus_path);
    for path in milvus.iter().map(String::as_str).chain(REFLECTION) {
        let answer = wire.begin(path, &[], Vec::new(), false).await;
        assert_eq!(answer.outcome(), (Code::Unauthenticated, MISSING), "{path}");
    }
}
