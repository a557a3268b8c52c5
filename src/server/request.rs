//! One request on its way to the service: what is too large is refused, the peer and the
//! deadline of the body are noted in its extensions, and a panic becomes an answer.
//! Authentication, dispatch and everything else belong to the service.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http::response::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use super::seats::Seat;
use super::unread::Unread;
use super::{BoxError, Endless, Limits, RequestBody, ResponseBody, panic, refusal};
use crate::layer::kind::is_grpc;

/// The address the connection came from; in the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

/// What a service must be for the transport to run it; implemented for all that fit, under a
/// short name.
pub(crate) trait HttpService:
    Service<
        Request<RequestBody>,
        Response = Response<<Self as HttpService>::Body>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + 'static
{
    /// The body of its responses.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static;
}

impl<S, B> HttpService for S
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Body = B;
}

/// Answers the requests of one connection. Cloned for each of them.
#[derive(Clone)]
pub(crate) struct Answering<S> {
    pub(crate) service: S,
    pub(crate) of: Arc<Connection>,
}

/// What all requests of a connection have in common.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    pub(crate) seat: Arc<Seat>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) closing: CancellationToken,
    pub(crate) unread: Unread,
}

impl<S: HttpService> Answering<S> {
    pub(crate) async fn answer(
        self,
        request: Request<Incoming>,
    ) -> Response<ResponseBody<S::Body>> {
        let grpc = is_grpc(request.headers());
        let head = request.method() == Method::HEAD;
        // After a CONNECT the stream would no longer be HTTP, and we are no proxy.
        if request.method() == Method::CONNECT {
            return refusal::status(StatusCode::METHOD_NOT_ALLOWED);
        }
        if header_list_size(&request) > self.of.limits.max_header_bytes {
            return refusal::headers_too_large(grpc, self.of.limits.max_header_bytes);
        }
        if self.of.unread.bytes() > self.of.limits.max_unread_bytes {
            tracing::debug!(peer = %self.of.peer, "refused: the peer does not read its answers");
            return refusal::too_much_unread(grpc, self.of.limits.max_unread_bytes);
        }
        let (parts, body) = request.into_parts();
        let (body, deadline) = RequestBody::new(body, self.of.limits.body_timeout);
        let mut request = Request::from_parts(parts, body);
        request.extensions_mut().insert(PeerAddr(self.of.peer));
        request.extensions_mut().insert(deadline);
        if let Some(introduction) = self.of.seat.introduction() {
            request.extensions_mut().insert(introduction);
        }

        let Ok(Ok(response)) = caught(self.service.oneshot(request)).await else {
            tracing::error!(peer = %self.of.peer, "a request could not be answered");
            return refusal::internal(grpc);
        };
        let (mut parts, body) = response.into_parts();
        if head {
            return headers_only(parts, &body);
        }
        let closing = parts.extensions.remove::<Endless>().map(|_| self.of.closing.clone());
        let mut body = ResponseBody::service(body, grpc, closing, self.of.unread.clone());
        poll_fn(|cx| {
            body.look_ahead(cx);
            Poll::Ready(())
        })
        .await;
        Response::from_parts(parts, body)
    }
}

/// The answer to HEAD: the length that GET would have had, and nothing of that length. hyper
/// leaves the body out over HTTP/1 only; over HTTP/2 it would break the stream.
fn headers_only<B, R: Body>(mut parts: Parts, body: &R) -> Response<ResponseBody<B>> {
    if let Some(length) = body.size_hint().exact() {
        parts.headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    Response::from_parts(parts, ResponseBody::text(""))
}

/// Polls `future` with panics caught.
async fn caught<F: Future>(future: F) -> Result<F::Output, panic::Panicked> {
    let mut future = pin!(future);
    poll_fn(|cx| match panic::catch(|| future.as_mut().poll(cx)) {
        Ok(poll) => poll.map(Ok),
        Err(panicked) => Poll::Ready(Err(panicked)),
    })
    .await
}

/// The size of the headers as RFC 9113 6.5.2 counts it, the request line included.
fn header_list_size<B>(request: &Request<B>) -> usize {
    const PER_FIELD: usize = 32;
    let uri = request.uri();
    let line = request.method().as_str().len()
        + uri.path().len()
        + uri.query().map_or(0, str::len)
        + uri.authority().map_or(0, |authority| authority.as_str().len());
    let fields = |headers: &HeaderMap| -> usize {
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + PER_FIELD).sum()
    };
    line + fields(request.headers())
}
