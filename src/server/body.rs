//! The body of a request as handlers read it: hyper's, with a deadline. How large it may be is
//! left to the guard, which knows the call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

/// Changes the deadline of one request's body; in the extensions of every request.
///
/// Whoever knows that a call streams its requests (server reflection, telemetry) calls
/// [`BodyDeadline::lift`] before the first message is awaited. Clones stand for the same body.
#[derive(Clone, Debug, Default)]
pub struct BodyDeadline(Arc<AtomicU8>);

/// The whole body has to come in time.
const WHOLE: u8 = 0;
/// Each part of it has.
const EACH: u8 = 1;
/// It takes as long as it likes.
const NONE: u8 = 2;

impl BodyDeadline {
    /// The body may from now on take as long as it likes. There is no way back.
    pub fn lift(&self) {
        self.0.fetch_max(NONE, Ordering::AcqRel);
    }

    /// The body may take as long as it comes: what is timed is the wait for its next part, while
    /// somebody waits for it.
    pub fn pace(&self) {
        self.0.fetch_max(EACH, Ordering::AcqRel);
    }

    fn kind(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }
}

/// Why a request body ends without being complete.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It was not there in time.
    #[error("the request body was not complete after {0:?}")]
    TooSlow(Duration),
    /// The peer closed, reset the stream, or sent something that is not a body.
    #[error("the request body ended early or is malformed")]
    Broken(#[from] hyper::Error),
}

/// Most bytes of a body nobody wanted that are read and thrown away, and how long that may take.
const UNWANTED_BYTES: usize = 64 * 1024;
const UNWANTED_TIME: Duration = Duration::from_secs(1);

/// A request body that fails with [`BodyError::TooSlow`] once its time is over. After that error
/// it yields nothing; dropping it closes the HTTP/1 connection or resets the HTTP/2 stream.
///
/// One that is dropped unread, because the answer was clear without it, is read to its end in the
/// background if that is near: some clients take the reset of a stream that they still write to
/// for a failure, although the answer is complete.
#[derive(Debug)]
pub struct RequestBody {
    // None once the deadline has passed.
    inner: Option<Incoming>,
    deadline: BodyDeadline,
    /// What `sleep` times.
    timed: u8,
    timeout: Duration,
    until: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    /// Wraps `inner`, whose head has just been read, and returns with it the handle that changes
    /// the deadline.
    pub(crate) fn new(inner: Incoming, timeout: Duration) -> (Self, BodyDeadline) {
        let deadline = BodyDeadline::default();
        let body = Self {
            inner: Some(inner),
            deadline: deadline.clone(),
            timed: WHOLE,
            timeout,
            until: Instant::now() + timeout,
            sleep: None,
        };
        (body, deadline)
    }

    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let kind = self.deadline.kind();
        if kind == NONE {
            self.sleep = None;
            return Poll::Pending;
        }
        if kind != self.timed {
            // What was timed until now was something else.
            self.timed = kind;
            self.sleep = None;
        }
        let until = if kind == EACH { Instant::now() + self.timeout } else { self.until };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        match sleep.as_mut().poll(cx) {
            // Changed while it was waited for.
            Poll::Ready(()) if self.deadline.kind() != kind => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            other => other,
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let unread = self.inner.take().filter(|inner| {
            !inner.is_end_stream() && inner.size_hint().lower() <= UNWANTED_BYTES as u64
        });
        if let Some(inner) = unread
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(tokio::time::timeout(UNWANTED_TIME, throw_away(inner)));
        }
    }
}

/// Reads a body to its end or to what it is worth.
async fn throw_away(mut body: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > UNWANTED_BYTES {
            return;
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let me = self.get_mut();
        let Some(inner) = &mut me.inner else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) {
            // A peer that sends a byte now and then is late all the same.
            if me.deadline.kind() == EACH {
                me.sleep = None;
            }
            let late = me.deadline.kind() == WHOLE
                && matches!(frame, Some(Ok(_)))
                && me.sleep.as_ref().is_some_and(|sleep| sleep.is_elapsed());
            if !late {
                return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)));
            }
        } else if me.poll_late(cx).is_pending() {
            return Poll::Pending;
        }
        me.inner = None;
        Poll::Ready(Some(Err(BodyError::TooSlow(me.timeout))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}
