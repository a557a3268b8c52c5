//! The guard as a tower layer around a gRPC service.

use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http_body_util::Full;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service, ServiceExt as _};

use super::message::{payload, read_unary};
use super::rejection::{denied, not_served, unauthenticated, unknown};
use super::stream::Watch;
use super::{Guard, Target, scan};
use crate::api::undecodable;
use crate::credential::{Caller, Peer, grpc};
use crate::policy::{Requirement, find};

/// Puts a guard in front of gRPC services.
///
/// The address of the peer is taken from a [`Peer`] in the extensions of the request.
#[derive(Debug, Clone)]
pub struct RbacLayer {
    guard: Guard,
}

impl RbacLayer {
    /// A layer with this guard.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self { guard }
    }
}

impl<S> Layer<S> for RbacLayer {
    type Service = Rbac<S>;

    fn layer(&self, inner: S) -> Rbac<S> {
        Rbac { guard: self.guard.clone(), inner }
    }
}

/// A gRPC service behind the guard. What reaches `inner` is authenticated and allowed, and has
/// its [`Caller`] in the extensions.
#[derive(Debug, Clone)]
pub struct Rbac<S> {
    guard: Guard,
    inner: S,
}

/// The answer on its way.
pub type ResponseFuture =
    Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

impl<S, B> Service<http::Request<B>> for Rbac<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> ResponseFuture {
        let Self { guard, inner } = self.clone();
        Box::pin(async move {
            match admit(&guard, request).await {
                Ok((request, None)) => inner.oneshot(request).await,
                Ok((request, Some(watch))) => watch.answer(inner.oneshot(request)).await,
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}

/// Takes a request through all steps of the guard. One that streams comes with its watch.
async fn admit<B>(
    guard: &Guard,
    request: http::Request<B>,
) -> Result<(http::Request<Body>, Option<Watch>), Status>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (mut parts, body) = request.into_parts();
    let row = find(parts.uri.path());
    let caller = match row {
        Some(requirement) if guard.is_open(requirement) => None,
        _ => Some(authenticate(guard, &parts).await?),
    };
    let requirement = row.ok_or_else(|| {
        guard.note_unknown(caller.as_ref(), parts.uri.path());
        unknown(parts.uri.path())
    })?;
    let (body, watch) = if requirement.streaming {
        permit(guard, caller.as_ref(), requirement, &Target::default(), &parts)?;
        let connection = connection(&parts).into_owned();
        let watch = Watch::new(guard.clone().no_longer(caller.clone(), requirement, connection));
        (watch.request(body), Some(watch))
    } else {
        let frame = read_unary(body, guard.limits().of(requirement)).await?;
        let target =
            scan(payload(&frame), requirement).map_err(|error| undecodable(&error.to_string()))?;
        permit(guard, caller.as_ref(), requirement, &target, &parts)?;
        (Body::new(Full::new(frame)), None)
    };
    if let Some(caller) = caller {
        parts.extensions.insert(caller);
    }
    Ok((http::Request::from_parts(parts, body), watch))
}

async fn authenticate(guard: &Guard, parts: &Parts) -> Result<Caller, Status> {
    let peer = parts.extensions.get::<Peer>().copied().unwrap_or(Peer::LOCAL);
    // Of several values the first one counts, over both APIs.
    let login = grpc(parts.headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes));
    guard.authenticate(login, peer, parts.uri.path()).await.map_err(unauthenticated)
}

fn permit(
    guard: &Guard,
    caller: Option<&Caller>,
    requirement: &'static Requirement,
    target: &Target,
    parts: &Parts,
) -> Result<(), Status> {
    let _permit = guard.decide(caller, requirement, target, &connection(parts)).map_err(denied)?;
    if requirement.served { Ok(()) } else { Err(not_served(requirement)) }
}

/// The database of the connection, empty if it has none.
fn connection(parts: &Parts) -> Cow<'_, str> {
    let value = parts.headers.get("dbname").map(http::HeaderValue::as_bytes);
    String::from_utf8_lossy(value.unwrap_or_default())
}
