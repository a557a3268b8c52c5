//! The body of a response on its way out: the service's own, or a short text of ours. It ends
//! streams without end when shutdown begins, and a panic while it is produced ends it alone. What
//! its peer does not read is counted (`unread.rs`).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::unread::Unread;
use super::{panic, refusal};

/// Any error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Put into a response's extensions: its stream has no end of its own (health `Watch`, server
/// reflection), so shutdown ends it at once, with gRPC status 14, instead of waiting for it.
#[derive(Clone, Copy, Debug)]
pub struct Endless;

/// A response body as hyper sends it.
pub struct ResponseBody<B> {
    content: Content<B>,
    grpc: bool,
    closing: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    unread: Option<Unread>,
    /// What has been produced before anybody asked for it.
    ahead: Option<Polled>,
}

/// A frame, the end or an error.
type Polled = Option<Result<Frame<Bytes>, BoxError>>;

enum Content<B> {
    Service(B),
    Text(Bytes),
    Over,
}

impl<B> ResponseBody<B> {
    /// A text of ours.
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        let content = Content::Text(text.into());
        Self { content, grpc: false, closing: None, unread: None, ahead: None }
    }

    /// The service's own body; `closing` cuts it if it is endless.
    pub(crate) fn service(
        body: B,
        grpc: bool,
        closing: Option<CancellationToken>,
        unread: Unread,
    ) -> Self {
        let closing = closing.map(|token| Box::pin(token.cancelled_owned()));
        Self { content: Content::Service(body), grpc, closing, unread: Some(unread), ahead: None }
    }

    /// Ends the stream now; over gRPC with a status, otherwise with nothing.
    fn end(&mut self, trailers: fn() -> HeaderMap) -> Poll<Polled> {
        self.content = Content::Over;
        self.closing = None;
        Poll::Ready(self.grpc.then(|| Ok(Frame::trailers(trailers()))))
    }
}

impl<B> ResponseBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    /// Has the beginning produced, if it is there at once: an answer of ours is whole then, and
    /// counted before anybody asks for it.
    pub(crate) fn look_ahead(&mut self, cx: &mut Context<'_>) {
        let is_text = matches!(self.content, Content::Text(_));
        if is_text || self.closing.is_some() || self.is_end_stream() {
            return;
        }
        if let Poll::Ready(polled) = self.poll_content(cx) {
            self.ahead = Some(polled);
        }
    }

    fn poll_content(&mut self, cx: &mut Context<'_>) -> Poll<Polled> {
        let body = match &mut self.content {
            Content::Service(body) => body,
            Content::Text(text) => {
                let text = std::mem::take(text);
                self.content = Content::Over;
                return Poll::Ready((!text.is_empty()).then(|| Ok(Frame::data(text))));
            }
            Content::Over => return Poll::Ready(None),
        };
        match panic::catch(|| Pin::new(body).poll_frame(cx)) {
            Ok(poll) => poll.map_err(Into::into).map_ok(|frame| self.counted(frame)),
            Err(panic::Panicked) if self.grpc => self.end(internal_error),
            // The status has gone out; only breaking off tells the client.
            Err(panic::Panicked) => {
                self.content = Content::Over;
                Poll::Ready(Some(Err("the response could not be completed".into())))
            }
        }
    }

    fn counted(&self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match &self.unread {
            Some(unread) => frame.map_data(|data| unread.hold(data)),
            None => frame,
        }
    }
}

fn shutting_down() -> HeaderMap {
    refusal::grpc_status(14, HeaderValue::from_static("server is shutting down"))
}

fn internal_error() -> HeaderMap {
    refusal::grpc_status(13, HeaderValue::from_static("internal error"))
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let me = self.get_mut();
        if me.closing.as_mut().is_some_and(|closing| closing.as_mut().poll(cx).is_ready()) {
            return me.end(shutting_down);
        }
        match me.ahead.take() {
            Some(polled) => Poll::Ready(polled),
            None => me.poll_content(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        if self.ahead.is_some() {
            return false;
        }
        match &self.content {
            Content::Service(body) => body.is_end_stream(),
            Content::Text(text) => text.is_empty(),
            Content::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            // What may be cut has no length to announce.
            Content::Service(_) if self.closing.is_some() => SizeHint::default(),
            Content::Service(body) => with_ahead(body.size_hint(), self.ahead.as_ref()),
            Content::Text(text) => SizeHint::with_exact(text.len() as u64),
            Content::Over => SizeHint::with_exact(0),
        }
    }
}

/// The length of a body of which a part has been produced already.
fn with_ahead(rest: SizeHint, ahead: Option<&Polled>) -> SizeHint {
    let data = match ahead {
        Some(Some(Ok(frame))) => frame.data_ref(),
        _ => None,
    };
    let ahead = data.map_or(0, Bytes::len) as u64;
    let mut hint = SizeHint::new();
    hint.set_lower(rest.lower() + ahead);
    if let Some(upper) = rest.upper() {
        hint.set_upper(upper + ahead);
    }
    hint
}

impl<B> fmt::Debug for ResponseBody<B> {
    // Never the content: answers may hold what only their receiver may see.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("grpc", &self.grpc).finish_non_exhaustive()
    }
}
