//! What the gateway finds out about its upstream when it starts.

use std::sync::Arc;

use milvus_rbac::config::{Compat, Secret, UpstreamSettings};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::gateway::{Credential, Exposure, Gateway, UpstreamError, UpstreamOptions};
use milvus_rbac::store::MemoryStore;
use milvus_rbac::tls::{ClientTls, Identity};
use tonic::Code;

use super::call::Answer;
use super::upstream::{Order, Upstream};
use super::world::{gateway_settings, upstream_settings};
use crate::support::{Log, TestServer, basic, settings};

/// A gateway as a library makes it.
fn gateway(settings: &UpstreamSettings) -> Gateway {
    let mut options = UpstreamOptions::new(settings.address.clone());
    options.credential = settings.token.as_ref().map(|token| Credential::token(token.expose()));
    options.tls = ClientTls {
        ca: settings.ca_pem.clone(),
        identity: settings.client.clone().map(|(certificate, key)| Identity { certificate, key }),
        only_tls13: false,
    };
    let store = Box::new(MemoryStore::new());
    let deployment =
        Deployment::open(store, &crate::support::settings(Compat::Documented)).unwrap();
    Gateway::start(options, deployment.authorizer().clone(), deployment.admin().clone())
}

pub(super) async fn exposure(settings: &UpstreamSettings) -> Result<Exposure, UpstreamError> {
    gateway(settings).exposure().await
}

async fn upstream() -> (Upstream, UpstreamSettings) {
    let upstream = Upstream::start().await;
    let settings = upstream_settings(&format!("http://{}", upstream.address));
    (upstream, settings)
}

#[tokio::test]
async fn an_upstream_that_answers_without_a_login_is_private_on_loopback() {
    let (upstream, settings) = upstream().await;
    assert_eq!(exposure(&settings).await.unwrap(), Exposure::Private);
    // Whatever it answers.
    for code in [Code::Unimplemented, Code::Internal, Code::NotFound] {
        upstream.answers("GetVersion", Answer::failure(code, "no"));
        assert_eq!(exposure(&settings).await.unwrap(), Exposure::Private);
    }
    let seen = upstream.all();
    assert!(seen.iter().all(|call| call.values("authorization").is_empty()));
}

#[tokio::test]
async fn an_upstream_that_asks_for_a_login_is_closed() {
    let (upstream, mut settings) = upstream().await;
    for code in [Code::Unauthenticated, Code::PermissionDenied] {
        upstream.answers("GetVersion", Answer::failure(code, "no"));
        assert_eq!(exposure(&settings).await.unwrap(), Exposure::Closed);
    }
    upstream.answers("GetVersion", Answer::of(Vec::new(), &[("grpc-status", "16")]));
    assert_eq!(exposure(&settings).await.unwrap(), Exposure::Closed);

    assert_eq!(gateway(&settings).is_known().await, Ok(None));
    settings.token = Some(Secret::new("gateway:Upstream1".to_owned()));
    assert_eq!(gateway(&settings).is_known().await, Ok(Some(false)));
    upstream.answers("GetVersion", Answer::message(&[]));
    // The gateways before are gone, and so is what they ask.
    upstream.order(Order::Close);
    upstream.clear();
    assert_eq!(gateway(&settings).is_known().await, Ok(Some(true)));
    let seen = upstream.all();
    let own = basic("gateway", "Upstream1");
    assert!(!seen.is_empty() && seen.iter().all(|call| call.values("authorization") == [&own]));
}

#[tokio::test]
async fn an_upstream_that_speaks_no_grpc_is_neither() {
    let (upstream, settings) = upstream().await;
    let mut page = Answer::message(&[]);
    page.status = 404;
    upstream.answers("GetVersion", page);
    assert!(matches!(exposure(&settings).await, Err(UpstreamError::Garbage(_))));
    let nowhere = settings.address.clone();
    drop(upstream);
    let mut settings = settings;
    settings.address = nowhere;
    let error = exposure(&settings).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Unreachable(_) | UpstreamError::BrokeOff(_)), "{error}");
}

#[tokio::test]
async fn a_login_that_the_upstream_refuses_is_told_at_the_start_and_not_what_it_is() {
    let log = Log::begin();
    let upstream = Upstream::start().await;
    upstream.answers("GetVersion", Answer::failure(Code::Unauthenticated, "who?"));
    let mut settings = gateway_settings(upstream.address);
    let token = Secret::new("gateway:Ups7ream-vezza-9".to_owned());
    settings.upstream.as_mut().unwrap().token = Some(token);
    let server = TestServer::with(settings).await;
    let line = log.line(&format!("\"upstream\":\"http://{}\"", upstream.address)).await;
    // The first one says that it can be reached.
    assert_eq!(line["level"], "INFO");
    let refused = log.line("the upstream refuses this gateway's own login").await;
    assert_eq!(refused["level"], "WARN");
    for secret in ["Ups7ream-vezza-9", &basic("gateway", "Ups7ream-vezza-9")] {
        assert!(log.lines(secret).is_empty());
    }
    drop(server);
}

#[tokio::test]
async fn a_gateway_and_its_options_print_no_secret() {
    let (_upstream, mut found) = upstream().await;
    found.token = Some(Secret::new("gateway:Ups7ream-dimwit-9".to_owned()));
    let mut whole = settings(Compat::Documented);
    whole.upstream = Some(found.clone());
    let gateway = Arc::new(gateway(&found));
    for text in [format!("{gateway:?}"), format!("{found:?}"), format!("{whole:?}")] {
        assert!(!text.contains("dimwit"), "{text}");
    }
}
