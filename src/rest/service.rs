//! The way of a REST request, step by step.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Method, Request, StatusCode};

use super::answer::{
    Answer, empty, failure, not_forwarded, not_found, number, redirect, sized, transport_failure,
};
use super::operate::operate;
use super::shape::{Body, Field};
use super::{Browsers, body, timeout};
use crate::admin::Admin;
use crate::api::{RestPath, credential_transport, find_rest_path, rest_denial};
use crate::credential::{Caller, CredentialError, Peer, rest};
use crate::layer::{Denied, Guard, OnKnown, Target};
use crate::policy::{ObjectSource, Requirement};

/// What can be configured.
#[derive(Debug, Clone)]
pub struct RestSettings {
    /// Which web pages may ask.
    pub browsers: Browsers,
    /// How long a request may take that does not say.
    pub request_timeout: Duration,
    /// Most bytes of a body.
    pub max_body_bytes: usize,
    /// Most bytes of an answer.
    pub max_answer_bytes: usize,
    /// Whether there is an upstream, which is asked over gRPC only.
    pub is_gateway: bool,
}

/// The REST API behind the guard.
#[derive(Debug, Clone)]
pub struct RestApi {
    guard: Guard,
    admin: Admin,
    settings: RestSettings,
}

const BASIC: HeaderValue = HeaderValue::from_static(r#"Basic realm="restricted", charset="UTF-8""#);

impl RestApi {
    /// The API on these operations, behind this guard.
    #[must_use]
    pub fn new(guard: Guard, admin: Admin, settings: RestSettings) -> Self {
        Self { guard, admin, settings }
    }

    /// Answers a request. Never fails: every failure is an answer.
    pub async fn handle<B>(&self, request: Request<B>) -> Answer
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let browsers = &self.settings.browsers;
        if let Some(path) = redirected(&parts) {
            return redirect(path);
        }
        let mut answer = if !browsers.admit(&parts.headers) {
            let message = "requests of web pages of this origin are not allowed; see \
                           rbac.allowedOrigins";
            failure(StatusCode::FORBIDDEN, number::UNEXPECTED, message)
        } else if parts.method == Method::OPTIONS {
            empty()
        } else {
            self.authenticated(&parts, body).await
        };
        browsers.mark(&parts.headers, answer.headers_mut());
        answer
    }

    /// Authenticates, then goes on. Where a Basic header could be read, the answer says so, also
    /// when it was right.
    async fn authenticated<B>(&self, parts: &Parts, body: B) -> Answer
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let peer = parts.extensions.get::<Peer>().copied().unwrap_or(Peer::LOCAL);
        // Of several values the first one counts, over both APIs.
        let header = rest(parts.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes));
        let path = parts.uri.path();
        let mut answer = match self.guard.authenticate(header.login, peer, path).await {
            Err(error) => unauthenticated(error),
            Ok(caller) => {
                OnKnown::tell(&parts.extensions);
                self.routed(parts, body, &caller).await
            }
        };
        if header.basic {
            answer.headers_mut().insert(WWW_AUTHENTICATE, BASIC);
        }
        answer
    }

    async fn routed<B>(&self, parts: &Parts, body: B, caller: &Caller) -> Answer
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let route = find_rest_path(parts.uri.path()).filter(|_| parts.method == Method::POST);
        let Some((route, requirement)) =
            route.and_then(|route| route.requirement().map(|requirement| (route, requirement)))
        else {
            return if self.settings.is_gateway { not_forwarded() } else { not_found() };
        };
        let limit = match timeout::limit(&parts.headers, self.settings.request_timeout) {
            Ok(Some(limit)) => limit,
            Ok(None) => return timeout::expired(),
            Err(answer) => return answer,
        };
        let work = self.timed(parts, body, caller, route, requirement);
        match tokio::time::timeout(limit, work).await {
            Ok(Ok(answer) | Err(answer)) => answer,
            Err(_) => timeout::expired(),
        }
    }

    /// Body, decision, operation.
    async fn timed<B>(
        &self,
        parts: &Parts,
        body: B,
        caller: &Caller,
        route: &RestPath,
        requirement: &'static Requirement,
    ) -> Result<Answer, Answer>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let bytes = body::collect(body, self.settings.max_body_bytes).await?;
        let body = body::parse(route.endpoint, &bytes)?;
        drop(bytes);
        let target = target(requirement, &body);
        let header = parts.headers.get("db-name").map(HeaderValue::as_bytes);
        let connection = &*String::from_utf8_lossy(header.unwrap_or_default());
        for requirement in route.requirements() {
            self.decide(caller, requirement, &target, connection)?;
        }
        let answer = operate(&self.admin, route.endpoint, caller, body, connection).await;
        sized(answer, self.settings.max_answer_bytes)
    }

    fn decide(
        &self,
        caller: &Caller,
        requirement: &'static Requirement,
        target: &Target,
        connection: &str,
    ) -> Result<(), Answer> {
        match self.guard.decide(Some(caller), requirement, target, connection) {
            Ok(_permit) => Ok(()),
            Err(why) => Err(denied(&why)),
        }
    }
}

/// What the request is about, for the decision: the same as of the RPC that it stands for.
fn target(requirement: &Requirement, body: &Body) -> Target {
    let objects = match requirement.object {
        // A body names no role that its caller could hold.
        ObjectSource::Any | ObjectSource::Role(_) => Vec::new(),
        _ => vec![body.get(Field::UserName).to_owned()],
    };
    Target { database: body.get(Field::DbName).to_owned(), objects, ..Target::default() }
}

/// A known path with one slash too many: where it leads.
fn redirected(parts: &Parts) -> Option<&'static str> {
    let path = parts.uri.path().strip_suffix('/')?;
    find_rest_path(path).filter(|_| parts.method == Method::POST).map(|known| known.path)
}

/// A caller who may not reads it as Milvus words it.
fn denied(why: &Denied) -> Answer {
    let Denied { text, transport } = why;
    transport_failure(*transport, &rest_denial(*transport, text))
}

/// Every refusal of credentials reads alike.
fn unauthenticated(error: CredentialError) -> Answer {
    let transport = credential_transport(error);
    transport_failure(transport, &rest_denial(transport, &error.to_string()))
}
