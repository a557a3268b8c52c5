//! The baseline of our own RPCs: tonic with a handler that answers `SelectUser` with a constant and
//! asks nobody who is calling.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use milvus_rbac::proto::milvus as pb;
use milvus_rbac::server::Limits;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use super::part;
use super::process::Process;

/// Such a server.
pub(crate) fn start() -> Process {
    part::start("handler", &[])
}

#[derive(Clone)]
struct Constant(pb::SelectUserResponse);

impl NamedService for Constant {
    const NAME: &'static str = "milvus.proto.milvus.MilvusService";
}

impl tower::Service<http::Request<Body>> for Constant {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    /// What the code that tonic generates does for each call.
    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let answer = self.0.clone();
        Box::pin(async move {
            let handler = tower::service_fn(move |_: Request<pb::SelectUserRequest>| {
                let answer = answer.clone();
                async move { Ok::<_, Status>(Response::new(answer)) }
            });
            let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
            Ok(grpc.unary(handler, request).await)
        })
    }
}

/// Serves until it is ended, on as many threads as the server, with its windows.
pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let name = |name: &str| Some(pb::UserEntity { name: name.to_owned() });
        let role = |name: &str| pb::RoleEntity { name: name.to_owned(), ..Default::default() };
        let result = pb::UserResult {
            user: name("user1"),
            roles: vec![role("role1"), role("role8")],
            ..Default::default()
        };
        let answer = pb::SelectUserResponse {
            status: Some(milvus_rbac::proto::common::Status::default()),
            results: vec![result],
        };
        let limits = Limits::default();
        let incoming = TcpIncoming::from(part::listen().await).with_nodelay(Some(true));
        let server = Server::builder()
            .initial_stream_window_size(limits.h2_stream_window)
            .initial_connection_window_size(limits.h2_connection_window)
            .max_concurrent_streams(limits.h2_max_concurrent_streams)
            .add_service(Constant(answer));
        server.serve_with_incoming(incoming).await.unwrap();
    });
}
