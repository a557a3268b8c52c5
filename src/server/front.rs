//! Where a request goes: gRPC by its content type over HTTP/2, the HTTP API otherwise.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response, Version};
use tonic::body::Body;
use tower::{Layer as _, Service};

use super::http_api::HttpApi;
use super::rpcs::Rpcs;
use super::{PeerAddr, RequestBody};
use crate::credential::Peer;
use crate::layer::kind::is_grpc;
use crate::layer::{Guard, Rbac, RbacLayer};

/// The whole service behind the socket. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Front {
    grpc: Rbac<Rpcs>,
    http: HttpApi,
}

impl Front {
    pub(super) fn new(guard: Guard, rpcs: Rpcs, http: HttpApi) -> Self {
        Self { grpc: RbacLayer::new(guard).layer(rpcs), http }
    }
}

impl Service<Request<RequestBody>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let peer = request.extensions().get::<PeerAddr>().map(|peer| peer.0);
        request.extensions_mut().insert(Peer::from(peer));
        if request.version() == Version::HTTP_2 && is_grpc(request.headers()) {
            return self.grpc.call(request);
        }
        let http = self.http.clone();
        Box::pin(async move { Ok(http.answer(request).await) })
    }
}
