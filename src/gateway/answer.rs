//! The answer of the upstream on its way back: as it comes, but never without a status, and not
//! beyond the caller's deadline.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;
use tonic::Status;

use super::error::{UpstreamError, with_causes};
use super::metadata::retain_answered;
use super::trace::Trace;

/// The moment when the caller stops waiting.
pub(super) type Deadline = Option<Pin<Box<Sleep>>>;

/// Where a status stands: in the headers if there is nothing else, else in the trailers.
const STATUS: &str = "grpc-status";

/// Checks the head of an answer.
pub(super) fn check(answer: Response<Incoming>) -> Result<(Parts, Incoming), UpstreamError> {
    let (mut parts, body) = answer.into_parts();
    if parts.status != StatusCode::OK {
        return Err(UpstreamError::Garbage(format!("HTTP status {}", parts.status.as_u16())));
    }
    let kind = parts.headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    if !kind.is_some_and(|kind| kind.starts_with(b"application/grpc")) {
        return Err(UpstreamError::Garbage("another content type".to_owned()));
    }
    retain_answered(&mut parts.headers);
    Ok((parts, body))
}

/// The body of an answer.
pub(super) struct AnswerBody {
    // None once it has ended.
    inner: Option<Incoming>,
    deadline: Deadline,
    trace: Trace,
    /// Whether the headers have told the status, so that no trailers need to.
    told: bool,
}

impl AnswerBody {
    pub(super) fn new(
        headers: &HeaderMap,
        inner: Incoming,
        deadline: Deadline,
        trace: Trace,
    ) -> Self {
        let told = headers.contains_key(STATUS);
        Self { inner: Some(inner), deadline, trace, told }
    }

    /// Ends the answer with the status of a failure.
    fn fail(&mut self, error: &UpstreamError) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.inner = None;
        let status = self.trace.failed(error);
        let mut trailers = HeaderMap::new();
        let added = status.add_header(&mut trailers);
        Poll::Ready(Some(added.map(|()| Frame::trailers(trailers))))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        match Pin::new(inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let trailers = frame.trailers_ref();
                if trailers.is_some_and(|trailers| !this.told && !trailers.contains_key(STATUS)) {
                    return this.fail(&UpstreamError::Garbage("no status".to_owned()));
                }
                if trailers.is_some() {
                    this.inner = None;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.fail(&UpstreamError::BrokeOff(with_causes(&error)))
            }
            Poll::Ready(None) if this.told => {
                this.inner = None;
                Poll::Ready(None)
            }
            Poll::Ready(None) => this.fail(&UpstreamError::Garbage("no status".to_owned())),
            Poll::Pending => {
                let deadline = this.deadline.as_mut().map(|at| at.as_mut().poll(context));
                if deadline.is_some_and(|at| at.is_ready()) {
                    return this.fail(&UpstreamError::Late);
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Some(inner) => self.told && inner.is_end_stream(),
            None => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
