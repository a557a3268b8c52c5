//! One request of the guard's on its way through: metadata, message, answer.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::Credential;
use super::answer::{AnswerBody, Deadline, check};
use super::connect::Connector;
use super::deadline::timeout;
use super::error::UpstreamError;
use super::filter::{FilterError, is_filtered};
use super::follow_up::Event;
use super::metadata::outgoing;
use super::pool::Pool;
use super::trace::Trace;
use crate::admin::Admin;
use crate::authorizer::Authorizer;
use crate::config::UpstreamAddress;
use crate::credential::Caller;
use crate::layer::Admitted;
use crate::log::LogPace;
use crate::tls::ClientTls;

/// How an upstream is reached.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UpstreamOptions {
    /// Where it is.
    pub address: UpstreamAddress,
    /// Whom to trust and what to show, if the address says TLS.
    pub tls: ClientTls,
    /// Who we are to it. Without one, requests go without a login.
    pub credential: Option<Credential>,
    /// How many connections there are. Default: 4.
    pub connections: usize,
    /// How long it may take to connect. Default: 5 s.
    pub connect_timeout: Duration,
}

impl UpstreamOptions {
    /// The upstream at this address, with defaults for everything else.
    #[must_use]
    pub fn new(address: UpstreamAddress) -> Self {
        Self {
            address,
            tls: ClientTls::default(),
            credential: None,
            connections: 4,
            connect_timeout: Duration::from_secs(5),
        }
    }
}

/// Sends admitted requests to an upstream. Cloning shares it; it ends with the last clone.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

pub(super) struct Inner {
    pub(super) options: UpstreamOptions,
    pub(super) admin: Admin,
    pub(super) authorizer: Authorizer,
    pool: Arc<Pool>,
    authorization: Option<HeaderValue>,
    scheme: Scheme,
    authority: Authority,
    pace: Arc<LogPace>,
    /// Ends the connections with the last clone.
    #[expect(dead_code, reason = "it acts when it is dropped")]
    end: DropGuard,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gateway({})", self.0.options.address)
    }
}

impl Gateway {
    /// A gateway to this upstream. Connects in the background and keeps at it, so the upstream
    /// need not be there yet. The authorizer says what callers see in lists; by the operations,
    /// grants follow what is dropped and renamed. Needs a tokio runtime.
    #[must_use]
    pub fn start(options: UpstreamOptions, authorizer: Authorizer, admin: Admin) -> Self {
        let ending = CancellationToken::new();
        let connector = Connector {
            address: options.address.clone(),
            tls: options.tls.clone(),
            timeout: options.connect_timeout,
        };
        let pool = Arc::new(Pool::new(connector, options.connections, ending.clone()));
        let kept = Arc::clone(&pool);
        let ended = ending.clone();
        tokio::spawn(async move { ended.run_until_cancelled(kept.keep()).await });
        let authorization = options.credential.as_ref().map(Credential::header);
        let pace = Arc::default();
        let scheme = if options.address.tls { Scheme::HTTPS } else { Scheme::HTTP };
        let authority = options.address.authority();
        let end = ending.drop_guard();
        let inner =
            Inner { options, admin, authorizer, pool, authorization, scheme, authority, pace, end };
        Self(Arc::new(inner))
    }

    /// Whether the upstream can be reached, and news of it; nothing before that has been tried.
    #[must_use]
    pub fn reachable(&self) -> watch::Receiver<Option<bool>> {
        self.0.pool.reachable()
    }

    /// Where the upstream is.
    #[must_use]
    pub fn address(&self) -> &UpstreamAddress {
        &self.0.options.address
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Sends a request that the guard has admitted, and answers what the upstream does. Never
    /// fails: every failure is an answer.
    pub async fn forward(&self, request: Request<Body>) -> Response<Body> {
        let Some(admitted) = request.extensions().get::<Admitted>().cloned() else {
            // Nobody but the guard may hand us anything.
            tracing::error!("a request came to the gateway around the guard");
            return Status::internal("this request has not been authorized").into_http();
        };
        let trace = Trace::new(&request, admitted.clone(), Arc::clone(&self.0.pace));
        match self.pass(request, &admitted, trace).await {
            Ok(answer) => answer,
            Err(status) => status.into_http(),
        }
    }

    async fn pass(
        &self,
        request: Request<Body>,
        admitted: &Admitted,
        trace: Trace,
    ) -> Result<Response<Body>, Status> {
        let mut deadline: Deadline =
            timeout(request.headers()).map(|time| Box::pin(tokio::time::sleep(time)));
        let own = self.0.authorization.as_ref();
        let headers = outgoing(request.headers(), &admitted.database, own)?;
        let requirement = admitted.requirement;
        if Event::is_caused_by(requirement.method) {
            let answer = self.pass_with_grants(request, headers, admitted, trace);
            return within(&mut deadline, answer).await.unwrap_or_else(|late| Err(late.status()));
        }
        if is_filtered(requirement) {
            let (parts, body) = request.into_parts();
            let caller = parts.extensions.get::<Caller>();
            let answer = self.pass_filtered(headers, body, admitted, caller);
            let answer =
                within(&mut deadline, answer).await.unwrap_or_else(|late| Err(late.into()));
            return answer.map_err(|error| match error {
                FilterError::Refused(status) => status,
                FilterError::Upstream(error) => trace.failed(&error),
            });
        }
        let sent = self.send(requirement.path, headers, request.into_body());
        let answered = within(&mut deadline, sent).await.unwrap_or_else(Err);
        let (parts, body) = match answered.and_then(check) {
            Ok(answer) => answer,
            Err(error) => return Err(trace.failed(&error)),
        };
        let body = AnswerBody::new(&parts.headers, body, deadline, trace);
        Ok(Response::from_parts(parts, Body::new(body)))
    }

    /// Sends a call to this path of the upstream.
    pub(super) async fn send(
        &self,
        path: &'static str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Response<hyper::body::Incoming>, UpstreamError> {
        let mut uri = Uri::default().into_parts();
        uri.scheme = Some(self.0.scheme.clone());
        uri.authority = Some(self.0.authority.clone());
        uri.path_and_query = Some(PathAndQuery::from_static(path));
        let uri = Uri::from_parts(uri);
        let uri = uri.map_err(|error| UpstreamError::Unreachable(error.to_string()))?;
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        self.0.pool.send(request).await
    }
}

/// Waits no longer than the caller does.
async fn within<T>(
    deadline: &mut Deadline,
    work: impl Future<Output = T>,
) -> Result<T, UpstreamError> {
    match deadline {
        None => Ok(work.await),
        Some(deadline) => tokio::select! {
            done = work => Ok(done),
            () = deadline.as_mut() => Err(UpstreamError::Late),
        },
    }
}

impl Service<Request<Body>> for Gateway {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let gateway = self.clone();
        Box::pin(async move { Ok(gateway.forward(request).await) })
    }
}
