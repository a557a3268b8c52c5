//! The messages of a request that goes on and on: none of them compressed or above the limit, and
//! no trailers behind them. What they say is not read; who may send them is decided about the call.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body as _;
use tonic::Status;
use tonic::body::Body;

use super::intake::{Prefix, too_large};
use super::judged::{Judged, Pieces};
use super::stream::Verdict;
use crate::api::undecodable;

/// A body of any number of messages.
pub(super) struct Messages {
    inner: Body,
    limit: usize,
    prefix: Prefix,
    /// Bytes of the current message that have not come yet.
    left: usize,
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
        let checked = Self { inner, limit, prefix, left: 0 };
        Body::new(Judged::new(checked, verdict))
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
}

impl Pieces for Messages {
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
