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
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::DropGuard;
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
    /// Room for one more answer that is passed on piece by piece.
    pub(super) room: Arc<Semaphore>,
    /// What the call has for itself alone, if anything: it ends with the answer.
    #[expect(dead_code, reason = "it acts when it is dropped")]
    pub(super) own: Option<DropGuard>,
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
                return Ok(Response::from_parts(parts, Body::new(Read(frames))));
            };
            bytes += frame.data_ref().map_or(0, Bytes::len);
            frames.push_back(frame);
        }
        let room = Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            Status::resource_exhausted("too many large answers are under way; try again later")
        })?;
        let (sender, frames_left) = mpsc::channel(1);
        let reason = Arc::default();
        let body =
            Piecewise { frames: frames_left, told: source.told, reason: Arc::clone(&reason) };
        tokio::spawn(async move {
            if let Err(status) = self.pump(frames, source, sender).await {
                // Told by the body, whenever it is read.
                reason.get_or_init(|| status);
            }
            drop(room);
        });
        Ok(Response::from_parts(parts, Body::new(body)))
    }

    /// Passes frames on until there are no more, or nobody wants them. What has been read stays
    /// here, so that an answer which is given up is gone.
    async fn pump(
        self,
        mut read: VecDeque<Frame<Bytes>>,
        mut source: Source,
        sender: mpsc::Sender<Frame<Bytes>>,
    ) -> Result<(), Status> {
        let failed = |error| self.trace.failed(&error);
        loop {
            let frame = if let Some(frame) = read.pop_front() {
                frame
            } else {
                let next = tokio::select! {
                    biased;
                    () = sender.closed() => return Ok(()),
                    next = within(self.deadline, source.next()) => next.unwrap_or_else(Err),
                };
                let Some(frame) = next.map_err(failed)? else { return Ok(()) };
                frame
            };
            let taken = tokio::time::timeout(self.patience, sender.send(frame));
            match within(self.deadline, taken).await.map_err(failed)? {
                Ok(Ok(())) => {}
                // Nobody reads any more.
                Ok(Err(_)) => return Ok(()),
                Err(_) => {
                    return Err(Status::cancelled("the answer was not taken, and is given up"));
                }
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

/// An answer that has been read.
struct Read(VecDeque<Frame<Bytes>>);

impl http_body::Body for Read {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

/// An answer that is passed on by a task.
struct Piecewise {
    frames: mpsc::Receiver<Frame<Bytes>>,
    /// Whether a status has been told.
    told: bool,
    /// Why the task has ended before its time.
    reason: Arc<OnceLock<Status>>,
}

impl http_body::Body for Piecewise {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = match ready!(self.frames.poll_recv(context)) {
            Some(frame) => frame,
            None if self.told => return Poll::Ready(None),
            None => {
                let reason = self.reason.get().cloned();
                let broken = || Status::unavailable("the answer broke off");
                let Some(trailers) = trailers(&reason.unwrap_or_else(broken)) else {
                    return Poll::Ready(Some(Err(broken())));
                };
                trailers
            }
        };
        self.told |= frame.is_trailers();
        Poll::Ready(Some(Ok(frame)))
    }
}
