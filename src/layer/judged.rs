//! A request body that ends the whole call when it is refused.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use tonic::Status;

use super::stream::Verdict;

/// Where the bytes of a request come from, and what refuses them.
pub(super) trait Pieces: Send + Unpin + 'static {
    /// The next bytes that may be passed on, nothing at their end, or why there will be no more.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>>;

    /// Whether there are no more.
    fn is_over(&self) -> bool {
        false
    }
}

/// The body. A refusal is its error, and the verdict on its call.
pub(super) struct Judged<P> {
    pieces: P,
    // None once it has been refused.
    verdict: Option<Verdict>,
}

impl<P: Pieces> Judged<P> {
    pub(super) fn new(pieces: P, verdict: Verdict) -> Self {
        Self { pieces, verdict: Some(verdict) }
    }
}

impl<P: Pieces> Body for Judged<P> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.verdict.is_none() {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(self.pieces.poll_piece(context)) {
            Ok(piece) => piece.map(|piece| Ok(Frame::data(piece))),
            Err(status) => {
                if let Some(verdict) = self.verdict.take() {
                    verdict.end(status.clone());
                }
                Some(Err(status))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_over()
    }
}
