//! The answer of the upstream on its way back: as it comes, but never without a status, not beyond
//! the caller's deadline, and not for a caller who does not take it.
//!
//! A small answer is read before any of it goes back, so that a failure in it is told by a status
//! alone. The rest of a large one is passed on by a task of its own, which notices a deadline, or
//! that nobody reads, also while nobody asks for more: what is not taken would fill the windows of a
//! connection that others use.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;

use super::error::UpstreamError;
use super::metadata::retain_answered;
use super::trace::Trace;
use crate::log::with_causes;

/// The moment when the caller stops waiting, if there is one.
pub(super) type Deadline = Option<Instant>;

/// Bytes of an answer that are read before any of it goes back.
const READ_AHEAD: usize = 64 << 10;

/// Where a status stands: in the headers if there is nothing else, else in the trailers.
const STATUS: &str = "grpc-status";
const UNAUTHENTICATED: &str = "16";

/// Waits no longer than the caller does.
pub(super) async fn within<T>(
    deadline: Deadline,
    work: impl Future<Output = T>,
) -> Result<T, UpstreamError> {
    match deadline {
        None => Ok(work.await),
        Some(at) => tokio::time::timeout_at(at, work).await.map_err(|_| UpstreamError::Late),
    }
}

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
    // We may have to break it off, and say why.
    parts.headers.remove(CONTENT_LENGTH);
    Ok((parts, body))
}

/// Refuses to pass on that the upstream does not know us: to the caller it would say that their
/// login is wrong.
pub(super) fn check_welcome(headers: &HeaderMap) -> Result<(), UpstreamError> {
    let refused = headers.get(STATUS).is_some_and(|code| code == UNAUTHENTICATED);
    if refused { Err(UpstreamError::Unwelcome) } else { Ok(()) }
}

/// How an answer goes back.
pub(super) struct Way {
    /// When its caller stops waiting.
    pub(super) deadline: Deadline,
    /// How long its caller may leave it lying.
    pub(super) patience: Duration,
    /// Whether more of it may come at any time.
    pub(super) streaming: bool,
    pub(super) trace: Trace,
}

impl Way {
    /// Passes the answer on; what goes wrong before any of it has gone back is the status instead.
    pub(super) async fn pass(self, parts: Parts, body: Incoming) -> Result<Response<Body>, Status> {
        check_welcome(&parts.headers).map_err(|error| self.trace.failed(&error))?;
        let mut source = Source::new(&parts.headers, body);
        if source.is_over() {
            // Some clients do not take an empty part behind a status.
            return Ok(Response::from_parts(parts, Body::empty()));
        }
        let mut frames = VecDeque::new();
        let mut bytes = 0;
        while !self.streaming && bytes <= READ_AHEAD {
            let next = within(self.deadline, source.next()).await.unwrap_or_else(Err);
            let Some(frame) = next.map_err(|error| self.trace.failed(&error))? else {
                let body = Body::new(AnswerBody { frames, more: None });
                return Ok(Response::from_parts(parts, body));
            };
            bytes += frame.data_ref().map_or(0, Bytes::len);
            frames.push_back(frame);
        }
        let (sender, more) = mpsc::channel(1);
        tokio::spawn(self.pump(source, sender));
        let body = AnswerBody { frames, more: Some(more) };
        Ok(Response::from_parts(parts, Body::new(body)))
    }

    /// Passes frames on until there are no more, or nobody wants them.
    async fn pump(self, mut source: Source, sender: mpsc::Sender<Frame<Bytes>>) {
        loop {
            let next = tokio::select! {
                biased;
                () = sender.closed() => return,
                next = within(self.deadline, source.next()) => next.unwrap_or_else(Err),
            };
            let (frame, last) = match next {
                Ok(None) => return,
                Ok(Some(frame)) => (frame, false),
                Err(error) => match trailers(&self.trace.failed(&error)) {
                    Some(trailers) => (trailers, true),
                    None => return,
                },
            };
            let taken = tokio::time::timeout(self.patience, sender.send(frame));
            match within(self.deadline, taken).await {
                Ok(Ok(Ok(()))) if !last => {}
                Ok(Err(_)) => {
                    tracing::debug!("an answer was given up: its caller does not take it");
                    return;
                }
                Ok(_) | Err(_) => return,
            }
        }
    }
}

fn trailers(status: &Status) -> Option<Frame<Bytes>> {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers).ok()?;
    Some(Frame::trailers(trailers))
}

/// The frames of an answer, which end with a status.
struct Source {
    // None once it has ended.
    inner: Option<Incoming>,
    /// Whether the headers have told the status, so that no trailers need to.
    told: bool,
}

impl Source {
    fn new(headers: &HeaderMap, inner: Incoming) -> Self {
        Self { inner: Some(inner), told: headers.contains_key(STATUS) }
    }

    /// Whether it has no frames at all.
    fn is_over(&self) -> bool {
        self.told && self.inner.as_ref().is_none_or(Incoming::is_end_stream)
    }

    async fn next(&mut self) -> Result<Option<Frame<Bytes>>, UpstreamError> {
        let Some(inner) = &mut self.inner else { return Ok(None) };
        let no_status = || Err(UpstreamError::Garbage("no status".to_owned()));
        match poll_fn(|context| Pin::new(&mut *inner).poll_frame(context)).await {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    if !self.told && !trailers.contains_key(STATUS) {
                        return no_status();
                    }
                    check_welcome(trailers)?;
                    self.inner = None;
                }
                Ok(Some(frame))
            }
            Some(Err(error)) => Err(UpstreamError::BrokeOff(with_causes(&error))),
            None if self.told => {
                self.inner = None;
                Ok(None)
            }
            None => no_status(),
        }
    }
}

/// What has been read of an answer, and where the rest comes from.
struct AnswerBody {
    frames: VecDeque<Frame<Bytes>>,
    more: Option<mpsc::Receiver<Frame<Bytes>>>,
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(frame) = self.frames.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut self.more {
            Some(more) => more.poll_recv(context).map(|frame| frame.map(Ok)),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.more.is_none()
    }
}
