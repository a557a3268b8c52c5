//! The guard as a tower layer around any service that speaks gRPC, or Milvus's REST, over `http`.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, StatusCode};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service, ServiceExt as _};

use super::admission::{Admission, Judge, admit};
use super::intake::Intake;
use super::json;
use super::kind::is_grpc;
use super::messages::Messages;
use super::rejection::{repeated, unauthenticated, unknown};
use super::stream::{Verdict, Watch};
use super::{Guard, OnKnown, Target};
use crate::credential::{Caller, Peer, grpc};
use crate::policy::{Ground, Requirement, find};

/// Puts a guard in front of a service: gRPC by its content type, over any version of HTTP, and
/// Milvus's REST API otherwise. A path that is in neither is refused.
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

/// A service behind the guard. What reaches `inner` is authenticated and allowed, and has its
/// [`Caller`] and [`Admitted`] in the extensions.
///
/// The body of a large message may reach `inner` before all of it has been decided about. It is
/// completed only if all of it is allowed; else it ends in an error, and the caller is told why
/// whatever `inner` answers.
#[derive(Debug, Clone)]
pub struct Rbac<S> {
    guard: Guard,
    inner: S,
}

/// What was decided about a request that is passed on; in its extensions.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The row of its RPC.
    pub requirement: &'static Requirement,
    /// The database that was decided about: the one that the message names, else that of the
    /// connection, else `default`.
    pub database: String,
    /// Why it was allowed.
    pub ground: Ground,
}

/// Metadata that the guard reads. More than one value could be read in more than one way.
const SINGLE: [HeaderName; 2] = [CONTENT_TYPE, HeaderName::from_static(DATABASE)];

const DATABASE: &str = "dbname";

/// The answer on its way.
pub type ResponseFuture<E> = Pin<Box<dyn Future<Output = Result<http::Response<Body>, E>> + Send>>;

impl<S, B, R> Service<http::Request<B>> for Rbac<S>
where
    S: Service<http::Request<Body>, Response = http::Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Error>;

    // The clone that takes the request is asked whether it is ready, once the request may pass.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> ResponseFuture<S::Error> {
        let Self { guard, inner } = self.clone();
        Box::pin(async move {
            if !is_grpc(request.headers()) {
                return match Box::pin(json::pass(&guard, request)).await {
                    Ok(request) => Ok(inner.oneshot(request).await?.map(Body::new)),
                    Err(refusal) => Ok(refusal),
                };
            }
            if request.method() != Method::POST {
                return Ok(only_post());
            }
            match pass(&guard, request).await {
                Ok((request, None)) => Ok(inner.oneshot(request).await?.map(Body::new)),
                Ok((request, Some(watch))) => watch.answer(inner.oneshot(request)).await,
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}

/// A call of gRPC is a POST, whatever is asked for.
fn only_post() -> http::Response<Body> {
    let mut answer = http::Response::new(Body::empty());
    *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    answer.headers_mut().insert(ALLOW, http::HeaderValue::from_static("POST"));
    answer
}

/// Takes a request through all steps of the guard. One that is not over once it is passed on comes
/// with its watch.
async fn pass<B>(
    guard: &Guard,
    request: http::Request<B>,
) -> Result<(http::Request<Body>, Option<Watch>), Status>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (mut parts, body) = request.into_parts();
    // With what stands behind a `?`: whoever is behind may take that for a part of the name.
    let path = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
    let row = find(path);
    let caller = match row {
        Some(requirement) if guard.is_open(requirement) => None,
        _ => Some(authenticate(guard, &parts).await?),
    };
    let requirement = row.ok_or_else(|| {
        guard.note_unknown(caller.as_ref(), path);
        unknown(path)
    })?;
    check_single(&parts)?;
    let connection = connection(&parts);
    let judge = Judge { guard: guard.clone(), caller: caller.clone(), requirement, connection };
    let admission = decide(judge, body).await?;
    let Admission { mut body, database, ground, verdict } = admission;
    let mut watch = verdict.map(Watch::new);
    if requirement.streaming {
        let watch = watch.get_or_insert_with(|| Watch::new(Verdict::open()));
        watch.look(guard.clone().no_longer(caller.clone(), requirement, database.clone()));
        body = watch.request(body);
    }
    parts.extensions.insert(Admitted { requirement, database, ground });
    if let Some(caller) = caller {
        parts.extensions.insert(caller);
    }
    Ok((http::Request::from_parts(parts, body), watch))
}

/// Decides by what the first message says; a call with many of them before any has been read.
async fn decide<B>(judge: Judge, body: B) -> Result<Admission, Status>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let requirement = judge.requirement;
    let limit = judge.guard.limits().of(requirement);
    if !requirement.many_requests {
        return admit(judge, Intake::new(body, limit, requirement)).await;
    }
    let target = Target::default();
    let ground = judge.decide(&target)?;
    let database = judge.database(&target).to_owned();
    let verdict = Verdict::open();
    let body = Messages::check(body, limit, verdict.clone());
    Ok(Admission { body, database, ground, verdict: Some(verdict) })
}

async fn authenticate(guard: &Guard, parts: &Parts) -> Result<Caller, Status> {
    let peer = parts.extensions.get::<Peer>().copied().unwrap_or(Peer::LOCAL);
    // Of several values the first one counts, over both APIs.
    let login = grpc(parts.headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes));
    let caller =
        guard.authenticate(login, peer, parts.uri.path()).await.map_err(unauthenticated)?;
    OnKnown::tell(&parts.extensions);
    Ok(caller)
}

fn check_single(parts: &Parts) -> Result<(), Status> {
    let twice = SINGLE.into_iter().find(|name| parts.headers.get_all(name).iter().nth(1).is_some());
    twice.map_or(Ok(()), |name| Err(repeated(name.as_str())))
}

/// The database of the connection, empty if it has none.
fn connection(parts: &Parts) -> String {
    let value = parts.headers.get(DATABASE).map(http::HeaderValue::as_bytes);
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}
