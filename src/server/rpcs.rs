//! Which gRPC service answers a request that the guard has let through.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use tonic::Status;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};

use super::upstream::Upstream;
use super::{BodyDeadline, Endless};
use crate::grpc::MilvusRpcs;
use crate::layer::Admitted;
use crate::policy::Requirement;
use crate::proto::DESCRIPTORS;
use crate::proto::milvus::milvus_service_server::{MilvusServiceServer, SERVICE_NAME};

/// A service whose type nobody needs to know.
pub(super) type Boxed = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// An answer on its way.
type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// Every gRPC service that is answered here. Cloning shares it.
#[derive(Clone)]
pub(super) struct Rpcs(Arc<Services>);

struct Services {
    milvus: MilvusServiceServer<MilvusRpcs>,
    health: Boxed,
    reflection: Boxed,
    reflection_alpha: Boxed,
    upstream: Upstream,
}

impl fmt::Debug for Rpcs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rpcs(..)")
    }
}

impl Rpcs {
    /// The services, with that of health, what passes on the rest, and messages of at most `max_message_bytes`; the guard
    /// knows the limit of each RPC and has read the message before.
    ///
    /// # Errors
    /// The descriptors that were compiled in cannot be read.
    pub(super) fn new(
        milvus: MilvusRpcs,
        health: Boxed,
        upstream: Upstream,
        max_message_bytes: usize,
    ) -> Result<Self, tonic_reflection::server::Error> {
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let services = Services {
            milvus: MilvusServiceServer::new(milvus).max_decoding_message_size(max_message_bytes),
            health,
            reflection: BoxCloneSyncService::new(reflection().build_v1()?),
            reflection_alpha: BoxCloneSyncService::new(reflection().build_v1alpha()?),
            upstream,
        };
        Ok(Self(Arc::new(services)))
    }
}

impl Service<Request<Body>> for Rpcs {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Some(row) = request.extensions().get::<Admitted>().map(|it| it.requirement) else {
            // Nobody but the guard may hand us anything.
            let status = Status::internal("this request has not been authorized");
            return Box::pin(async move { Ok(status.into_http()) });
        };
        let (endless, many_requests) = (row.streaming, row.many_requests);
        if let Some(deadline) = request.extensions().get::<BodyDeadline>().filter(|_| many_requests)
        {
            // Its requests come as long as the stream lives.
            deadline.lift();
        }
        if self.0.upstream.answers(row) {
            if let Some(deadline) = request.extensions().get::<BodyDeadline>() {
                // Data takes as long as the upstream takes to read it.
                deadline.pace();
            }
            let answer = self.0.upstream.forward(request);
            return if endless { mark(answer, true) } else { Box::pin(answer) };
        }
        if !row.served {
            return Box::pin(not_served(row, request.into_body()));
        }
        let service = request.uri().path().strip_prefix('/').and_then(|path| path.split_once('/'));
        let boxed = match service.map(|(service, _)| service) {
            Some(SERVICE_NAME) => return self.0.milvus.clone().call(request),
            Some("grpc.health.v1.Health") => &self.0.health,
            Some("grpc.reflection.v1.ServerReflection") => &self.0.reflection,
            Some("grpc.reflection.v1alpha.ServerReflection") => &self.0.reflection_alpha,
            _ => {
                let status = Status::unimplemented("this service is not answered here");
                return Box::pin(async move { Ok(status.into_http()) });
            }
        };
        mark(boxed.clone().oneshot(request), endless)
    }
}

/// Marks an answer that has no end of its own.
fn mark(
    answer: impl Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
    endless: bool,
) -> Answering {
    Box::pin(async move {
        let mut answer = answer.await?;
        if endless {
            answer.extensions_mut().insert(Endless);
        }
        Ok(answer)
    })
}

/// The answer to an RPC that is known, allowed, and not answered here. Its message is read first:
/// whether it is allowed may be known only then.
async fn not_served(
    requirement: &'static Requirement,
    mut body: Body,
) -> Result<Response<Body>, Infallible> {
    while !requirement.streaming && matches!(body.frame().await, Some(Ok(_))) {}
    let status = Status::unimplemented(format!(
        "method {} is not served here: this server answers users and roles, and keeps no data",
        requirement.method
    ));
    Ok(status.into_http())
}
