//! How a call gets to the upstream.

use std::sync::Arc;
use std::time::Duration;

use http::header::USER_AGENT;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use prost::Message;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Code;
use tonic::body::Body;

use super::answer::check;
use super::connect::Connector;
use super::error::UpstreamError;
use super::metadata::outgoing;
use super::pool::Pool;
use super::whole::{Whole, framed};
use super::{Credential, UpstreamOptions};
use crate::model::DEFAULT_DATABASE;

const VERSION: &str = "/milvus.proto.milvus.MilvusService/GetVersion";

/// How long the upstream has for a question of ours: one that is busy is not one that is gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who asks.
const OURSELVES: HeaderValue =
    HeaderValue::from_static(concat!("milvus-rbac/", env!("CARGO_PKG_VERSION")));

/// The upstream, and who we are to it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) options: UpstreamOptions,
    pub(super) pool: Arc<Pool>,
    pub(super) authorization: Option<HeaderValue>,
    scheme: Scheme,
    authority: Authority,
}

impl Link {
    /// Nothing is connected yet; what will be ends with `ending`.
    pub(super) fn new(options: UpstreamOptions, ending: CancellationToken) -> Self {
        let connector = Connector {
            address: options.address.clone(),
            tls: options.tls.clone(),
            timeout: options.connect_timeout,
        };
        let pool = Arc::new(Pool::new(connector, options.connections, ending));
        let authorization = options.credential.as_ref().map(Credential::header);
        let scheme = if options.address.tls { Scheme::HTTPS } else { Scheme::HTTP };
        let authority = options.address.authority();
        Self { options, pool, authorization, scheme, authority }
    }

    /// Sends a call to this path of the upstream, and waits for the head of its answer.
    pub(super) async fn send(
        &self,
        path: &'static str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Response<Incoming>, UpstreamError> {
        self.pool.send(self.request(path, headers, body)?).await
    }

    /// The same over a connection of its own.
    pub(super) async fn send_alone(
        &self,
        path: &'static str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<(Response<Incoming>, DropGuard), UpstreamError> {
        self.pool.send_alone(self.request(path, headers, body)?).await
    }

    fn request(
        &self,
        path: &'static str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Request<Body>, UpstreamError> {
        let mut uri = Uri::default().into_parts();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(self.authority.clone());
        uri.path_and_query = Some(PathAndQuery::from_static(path));
        let uri = Uri::from_parts(uri);
        let uri = uri.map_err(|error| UpstreamError::Unreachable(error.to_string()))?;
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Sends a call and reads its answer to the end.
    pub(super) async fn send_for_whole(
        &self,
        path: &'static str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Whole, UpstreamError> {
        let (parts, body) = check(self.send(path, headers, body).await?)?;
        Whole::read(parts, body).await
    }

    /// A call of our own, with our login or without one, that has to be over within ten seconds.
    pub(super) async fn ask(
        &self,
        path: &'static str,
        message: &impl Message,
        database: &str,
        login: bool,
    ) -> Result<Whole, UpstreamError> {
        let login = self.authorization.as_ref().filter(|_| login);
        let headers = outgoing(&HeaderMap::new(), database, login);
        let mut headers = headers.map_err(|status| UpstreamError::Garbage(status.to_string()))?;
        // Its log tells our questions from the calls of others.
        headers.insert(USER_AGENT, OURSELVES);
        let body = Body::new(Full::new(framed(message)));
        let asked = self.send_for_whole(path, headers, body);
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or(Err(UpstreamError::Late))
    }

    /// Asks for the version; what the call came to.
    pub(super) async fn ask_version(&self, login: bool) -> Result<Code, UpstreamError> {
        Ok(self.ask(VERSION, &(), DEFAULT_DATABASE, login).await?.status())
    }
}
