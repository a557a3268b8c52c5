//! The one message of a unary gRPC request: read whole, within limits, still in its frame.

use std::error::Error;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;
use tonic::Status;

use crate::api::undecodable;

/// Bytes before a message: a flag and its length.
const PREFIX: usize = 5;

/// Reads the body and returns its frame, prefix included.
///
/// # Errors
/// The gRPC error to answer: compressed (12), larger than `limit` (8), more or less than one
/// message (13), or the body failed (4).
pub(super) async fn read_unary<B>(body: B, limit: usize) -> Result<Bytes, Status>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut body = pin!(body);
    let mut frame = BytesMut::new();
    while let Some(part) = body.frame().await {
        let part = part.map_err(|error| broken(&error.into().to_string()))?;
        let Ok(data) = part.into_data() else {
            continue;
        };
        frame.extend_from_slice(&data);
        check_prefix(&frame, limit)?;
    }
    match announced(&frame) {
        Some(length) if frame.len() - PREFIX == length => Ok(frame.freeze()),
        Some(_) => Err(undecodable("unexpected EOF")),
        None => Err(undecodable("the request has no message")),
    }
}

/// The message inside a frame.
pub(super) fn payload(frame: &Bytes) -> &[u8] {
    frame.get(PREFIX..).unwrap_or_default()
}

/// Refuses as soon as the prefix or the bytes so far say that it cannot end well.
fn check_prefix(frame: &[u8], limit: usize) -> Result<(), Status> {
    if frame.first().is_some_and(|&flag| flag != 0) {
        return Err(compressed());
    }
    match announced(frame) {
        Some(length) if length > limit => Err(Status::resource_exhausted(format!(
            "grpc: received message larger than max ({length} vs. {limit})"
        ))),
        Some(length) if frame.len() - PREFIX > length => {
            Err(undecodable("a unary request is exactly one message"))
        }
        _ => Ok(()),
    }
}

fn announced(frame: &[u8]) -> Option<usize> {
    let length = frame.get(1..PREFIX)?.try_into().ok().map(u32::from_be_bytes)?;
    usize::try_from(length).ok()
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
    use http_body_util::Full;

    use super::*;

    async fn read(bytes: &'static [u8]) -> Result<Bytes, tonic::Code> {
        let body = Full::new(Bytes::from_static(bytes));
        read_unary(body, 10).await.map_err(|status| status.code())
    }

    #[tokio::test]
    async fn exactly_one_message_is_read() {
        assert_eq!(payload(&read(b"\0\0\0\0\x02ab").await.unwrap()), b"ab");
        assert_eq!(payload(&read(b"\0\0\0\0\0").await.unwrap()), b"");
        for bad in [&b""[..], b"\0\0", b"\0\0\0\0\x02a", b"\0\0\0\0\x01ab", b"\0\0\0\0\0\0\0\0\0\0"]
        {
            assert_eq!(read(bad).await.unwrap_err(), tonic::Code::Internal, "{bad:x?}");
        }
    }

    #[tokio::test]
    async fn compressed_and_oversized_messages_are_refused_by_their_prefix() {
        assert_eq!(read(b"\x01\0\0\0\x01a").await.unwrap_err(), tonic::Code::Unimplemented);
        let code = read(b"\0\x7f\xff\xff\xffab").await.unwrap_err();
        assert_eq!(code, tonic::Code::ResourceExhausted);
    }
}
