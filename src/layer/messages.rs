//! The messages of a request that goes on and on: none of them compressed or above the limit, and
//! no trailers behind them. What they say is not read; who may send them is decided about the call.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use tonic::Status;
use tonic::body::Body;

use super::intake::{Prefix, too_large};
use super::stream::Verdict;
use crate::api::undecodable;

/// A body of any number of messages.
pub(super) struct Messages {
    inner: Body,
    limit: usize,
    prefix: Prefix,
    /// Bytes of the current message that have not come yet.
    left: usize,
    /// Taken when it is refused.
    verdict: Option<Verdict>,
}

impl Messages {
    /// Checks these messages, of at most `limit` bytes each, and tells of what is refused.
    pub(super) fn check<B>(body: B, limit: usize, verdict: Verdict) -> Body
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let inner = Body::new(body);
        let prefix = Prefix::default();
        let checked = Self { inner, limit, prefix, left: 0, verdict: Some(verdict) };
        Body::new(checked)
    }

    fn take_in(&mut self, mut piece: &[u8]) -> Result<(), Status> {
        while !piece.is_empty() {
            if self.left == 0 {
                let Some(length) = self.prefix.read(&mut piece)? else { return Ok(()) };
                if length > self.limit {
                    return Err(too_large(length, self.limit));
                }
                self.left = length;
                self.prefix = Prefix::default();
            }
            let part = piece.len().min(self.left);
            self.left -= part;
            piece = piece.get(part..).unwrap_or_default();
        }
        Ok(())
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        loop {
            match ready!(Pin::new(&mut self.inner).poll_frame(context)).transpose()? {
                Some(frame) => {
                    if let Ok(piece) = frame.into_data() {
                        self.take_in(&piece)?;
                        return Poll::Ready(Ok(Some(piece)));
                    }
                }
                None if self.left == 0 && self.prefix.is_empty() => return Poll::Ready(Ok(None)),
                None => return Poll::Ready(Err(undecodable("unexpected EOF"))),
            }
        }
    }
}

impl http_body::Body for Messages {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.verdict.is_none() {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(self.poll_piece(context)) {
            Ok(piece) => piece.map(|piece| Ok(Frame::data(piece))),
            Err(status) => {
                if let Some(verdict) = self.verdict.take() {
                    verdict.end(status.clone());
                }
                Some(Err(status))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};
    use tonic::Code;

    use super::*;

    async fn checked(bytes: &'static [u8]) -> Result<Bytes, Code> {
        let verdict = Verdict::open();
        let body = Messages::check(Full::new(Bytes::from_static(bytes)), 3, verdict.clone());
        match body.collect().await {
            Ok(whole) => Ok(whole.to_bytes()),
            Err(status) => {
                assert_eq!(verdict.reason().unwrap().code(), status.code());
                Err(status.code())
            }
        }
    }

    #[tokio::test]
    async fn any_number_of_whole_messages_passes() {
        for good in [&b""[..], b"\0\0\0\0\0", b"\0\0\0\0\x02ab\0\0\0\0\0\0\0\0\0\x01c"] {
            assert_eq!(checked(good).await.unwrap(), good);
        }
    }

    #[tokio::test]
    async fn what_is_compressed_too_large_or_cut_off_is_refused_wherever_it_stands() {
        for (bad, code) in [
            (&b"\0\0\0\0\0\x01\0\0\0\0"[..], Code::Unimplemented),
            (b"\0\0\0\0\x04abcd", Code::ResourceExhausted),
            (b"\0\0\0\0\x03ab", Code::Internal),
            (b"\0\0\0\0\0\0\0", Code::Internal),
        ] {
            assert_eq!(checked(bad).await.unwrap_err(), code, "{bad:x?}");
        }
    }
}
