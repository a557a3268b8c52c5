//! The one message of a request on its way in: checked to be exactly one, within limits and not
//! compressed, and scanned as it comes.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;
use tonic::Status;

use super::wire::ScanError;
use super::{Scanner, Target};
use crate::api::undecodable;
use crate::policy::Requirement;

/// Bytes before a message: a flag and its length.
const PREFIX: usize = 5;

/// A request body that holds one message.
pub(super) struct Intake<B> {
    // None once it has ended.
    body: Option<Pin<Box<B>>>,
    limit: usize,
    prefix: Prefix,
    /// Bytes of the message that have not come yet.
    left: usize,
    scanner: Scanner,
}

/// What stands before a message, of which not all need have come.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    bytes: [u8; PREFIX],
    seen: usize,
}

impl Prefix {
    /// Takes bytes from the front of a piece. Gives the length of the message once it is known.
    ///
    /// # Errors
    /// The message is compressed.
    pub(super) fn read(&mut self, piece: &mut &[u8]) -> Result<Option<usize>, Status> {
        while self.seen < PREFIX {
            let Some((&byte, rest)) = piece.split_first() else { break };
            if let Some(slot) = self.bytes.get_mut(self.seen) {
                *slot = byte;
            }
            self.seen += 1;
            *piece = rest;
        }
        let [flag, length @ ..] = self.bytes;
        if flag != 0 {
            return Err(compressed());
        }
        let whole = self.seen == PREFIX;
        Ok(whole.then(|| usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX)))
    }

    fn is_whole(&self) -> bool {
        self.seen == PREFIX
    }

    /// Whether nothing of it has come.
    pub(super) fn is_empty(&self) -> bool {
        self.seen == 0
    }
}

impl<B> Intake<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Reads from this body a message of at most `limit` bytes.
    pub(super) fn new(body: B, limit: usize, requirement: &'static Requirement) -> Self {
        let scanner = Scanner::new(requirement);
        Self { body: Some(Box::pin(body)), limit, prefix: Prefix::default(), left: 0, scanner }
    }

    /// What the message is about as far as it has come.
    pub(super) fn target(&self) -> &Target {
        self.scanner.target()
    }

    /// Whether that has changed since this was asked last.
    pub(super) fn take_changed(&mut self) -> bool {
        self.scanner.take_changed()
    }

    /// The next piece of the frame, or nothing when it has ended as one whole message. Trailers
    /// are dropped.
    ///
    /// The error is the one to answer: compressed (12), larger than the limit (8), more or less
    /// than one message or malformed (13), or the body failed (4).
    pub(super) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, Status>> {
        while let Some(body) = &mut self.body {
            match ready!(body.as_mut().poll_frame(context)) {
                Some(Err(error)) => return Poll::Ready(Err(broken(&error.into().to_string()))),
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data()
                        && !piece.is_empty()
                    {
                        return Poll::Ready(self.take_in(&piece).map(|()| Some(piece)));
                    }
                }
                None => self.body = None,
            }
        }
        Poll::Ready(self.check_end().map(|()| None))
    }

    fn take_in(&mut self, mut piece: &[u8]) -> Result<(), Status> {
        if !self.prefix.is_whole() {
            let Some(length) = self.prefix.read(&mut piece)? else { return Ok(()) };
            if length > self.limit {
                return Err(too_large(length, self.limit));
            }
            self.left = length;
        }
        if piece.len() > self.left {
            return Err(undecodable("a unary request is exactly one message"));
        }
        self.left -= piece.len();
        self.scanner.feed(piece).map_err(unreadable)
    }

    fn check_end(&self) -> Result<(), Status> {
        if !self.prefix.is_whole() {
            return Err(undecodable("the request has no message"));
        }
        if self.left > 0 {
            return Err(undecodable("unexpected EOF"));
        }
        self.scanner.finish().map_err(unreadable)
    }
}

/// The answer to a message that cannot be read.
fn unreadable(error: ScanError) -> Status {
    match error {
        ScanError::TooLong(_) => Status::resource_exhausted(error.to_string()),
        _ => undecodable(&error.to_string()),
    }
}

/// The answer to a message above the limit.
pub(super) fn too_large(length: usize, limit: usize) -> Status {
    Status::resource_exhausted(format!(
        "grpc: received message larger than max ({length} vs. {limit})"
    ))
}

/// The answer to a compressed message. It names what is accepted, as gRPC asks for.
fn compressed() -> Status {
    let mut status = Status::unimplemented(
        "compressed requests are not accepted; send them with grpc-encoding identity",
    );
    status
        .metadata_mut()
        .insert("grpc-accept-encoding", tonic::metadata::MetadataValue::from_static("identity"));
    status
}

/// The answer to a body that failed or took too long; mostly nobody is there to read it.
fn broken(detail: &str) -> Status {
    Status::deadline_exceeded(format!("the request could not be read: {detail}"))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use http_body_util::Full;
    use tonic::Code;

    use super::*;
    use crate::policy::find;

    /// Reads a body whole, if it holds one message of at most ten bytes.
    async fn read(bytes: &'static [u8]) -> Result<Vec<u8>, Code> {
        let row = find("/milvus.proto.milvus.MilvusService/Insert").unwrap();
        let mut intake = Intake::new(Full::new(Bytes::from_static(bytes)), 10, row);
        let mut whole = Vec::new();
        loop {
            match poll_fn(|context| intake.poll_piece(context)).await {
                Ok(Some(piece)) => whole.extend_from_slice(&piece),
                Ok(None) => return Ok(whole),
                Err(status) => return Err(status.code()),
            }
        }
    }

    #[tokio::test]
    async fn exactly_one_message_is_read() {
        for good in [&b"\0\0\0\0\x03\x12\x01d"[..], b"\0\0\0\0\0"] {
            assert_eq!(read(good).await.unwrap(), good);
        }
        for bad in [
            &b""[..],
            b"\0\0",
            b"\0\0\0\0\x03\x12\x01",
            b"\0\0\0\0\x03\x12\x01dd",
            b"\0\0\0\0\x02\x12\x01",
            b"\0\0\0\0\0\0\0\0\0\0",
        ] {
            assert_eq!(read(bad).await.unwrap_err(), Code::Internal, "{bad:x?}");
        }
    }

    #[tokio::test]
    async fn compressed_and_oversized_messages_are_refused_by_their_prefix() {
        assert_eq!(read(b"\x01\0\0\0\x01a").await.unwrap_err(), Code::Unimplemented);
        assert_eq!(read(b"\x01").await.unwrap_err(), Code::Unimplemented);
        let code = read(b"\0\x7f\xff\xff\xffab").await.unwrap_err();
        assert_eq!(code, Code::ResourceExhausted);
    }
}
