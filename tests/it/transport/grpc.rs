//! A real gRPC client against a real tonic service on this transport, the standard health
//! service, streams included.

use milvus_rbac::server::{self, Endless, Limits, RequestBody};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::Code;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceExt;

use super::toy::within;

#[tokio::test]
async fn a_grpc_client_calls_watches_and_is_told_of_shutdown() {
    let listeners = vec![TcpListener::bind(("127.0.0.1", 0)).await.unwrap()];
    let address = listeners[0].local_addr().unwrap();
    let (reporter, health) = tonic_health::server::health_reporter();
    let mark = |mut response: http::Response<_>| {
        response.extensions_mut().insert(Endless);
        response
    };
    let service = ServiceExt::<http::Request<RequestBody>>::map_response(health, mark);
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server::run(listeners, service, Limits::default(), async {
        let _ = stopped.await;
    }));

    let channel = Endpoint::try_from(format!("http://{address}")).unwrap().connect_lazy();
    let mut client = HealthClient::new(channel);
    let all = || HealthCheckRequest { service: String::new() };
    let status = within(client.check(all())).await.unwrap().into_inner().status();
    assert_eq!(status, ServingStatus::Serving);

    let mut watch = within(client.watch(all())).await.unwrap().into_inner();
    let next = within(watch.message()).await.unwrap().unwrap();
    assert_eq!(next.status(), ServingStatus::Serving);
    reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
    let next = within(watch.message()).await.unwrap().unwrap();
    assert_eq!(next.status(), ServingStatus::NotServing);

    stop.send(()).unwrap();
    let status = within(watch.message()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "server is shutting down"));
    within(running).await.unwrap();
}
