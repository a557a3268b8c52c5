//! An answer that is read to its end before any of it goes back: one that is filtered, or that
//! something else depends on.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, Response};
use http_body::{Body as _, Frame};
use http_body_util::StreamBody;
use hyper::body::Incoming;
use prost::Message;
use tonic::body::Body;
use tonic::{Code, Status};

use super::answer::check_welcome;
use super::error::UpstreamError;
use crate::log::with_causes;

/// Most bytes of such an answer: a list of some hundred thousand names.
const MOST_BYTES: usize = 64 << 20;

/// Bytes before a message: a flag and its length.
const PREFIX: usize = 5;

/// An answer with one message, or none if it says that the call has failed.
pub(super) struct Whole {
    head: Parts,
    frame: Bytes,
    trailers: HeaderMap,
}

impl Whole {
    /// Reads the answer to its end.
    pub(super) async fn read(head: Parts, mut body: Incoming) -> Result<Self, UpstreamError> {
        let mut frame = BytesMut::new();
        let mut trailers = HeaderMap::new();
        while let Some(part) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            let part = part.map_err(|error| UpstreamError::BrokeOff(with_causes(&error)))?;
            match part.into_data() {
                Ok(data) if frame.len() + data.len() > MOST_BYTES => {
                    return Err(UpstreamError::Garbage(format!("more than {MOST_BYTES} bytes")));
                }
                Ok(data) => frame.extend_from_slice(&data),
                Err(part) => trailers.extend(part.into_trailers().unwrap_or_default()),
            }
        }
        let whole = Self { head, frame: frame.freeze(), trailers };
        whole.check()?;
        Ok(whole)
    }

    fn check(&self) -> Result<(), UpstreamError> {
        let status = self.told().ok_or(UpstreamError::Garbage("no status".to_owned()))?;
        if status == Code::Ok && self.payload().is_none() {
            return Err(UpstreamError::Garbage("not one message".to_owned()));
        }
        Ok(())
    }

    fn told(&self) -> Option<Code> {
        let told = [&self.trailers, &self.head.headers].into_iter();
        told.filter_map(Status::from_header_map).map(|status| status.code()).next()
    }

    /// What the call came to.
    pub(super) fn status(&self) -> Code {
        self.told().unwrap_or(Code::Unknown)
    }

    /// The message, if there is exactly one and it is not compressed.
    fn payload(&self) -> Option<&[u8]> {
        let (prefix, payload) = self.frame.split_at_checked(PREFIX)?;
        let (flag, length) = prefix.split_first()?;
        let length = u32::from_be_bytes(length.try_into().ok()?);
        (*flag == 0 && usize::try_from(length) == Ok(payload.len())).then_some(payload)
    }

    /// The same, unless it says that the upstream does not know us.
    pub(super) fn welcome(self) -> Result<Self, UpstreamError> {
        check_welcome(&self.head.headers)?;
        check_welcome(&self.trailers)?;
        Ok(self)
    }

    /// The message of an answer that does not say that the call has failed.
    pub(super) fn message<M: Message + Default>(&self) -> Result<Option<M>, UpstreamError> {
        if self.status() != Code::Ok {
            return Ok(None);
        }
        let message = M::decode(self.payload().unwrap_or_default());
        message.map(Some).map_err(|error| UpstreamError::Garbage(error.to_string()))
    }

    /// Takes out whatever comes with a status that says that the call has failed.
    pub(super) fn clear(&mut self) {
        self.frame = Bytes::new();
    }

    /// Puts another message in its place.
    pub(super) fn replace(&mut self, message: &impl Message) {
        self.frame = framed(message);
    }

    /// The answer as it goes back.
    pub(super) fn into_response(self) -> Response<Body> {
        let Self { head, frame, trailers } = self;
        if frame.is_empty() && trailers.is_empty() {
            // Some clients do not take an empty part behind a status.
            return Response::from_parts(head, Body::empty());
        }
        let data = (!frame.is_empty()).then(|| Ok::<_, Status>(Frame::data(frame)));
        let trailers = (!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers)));
        let frames = futures_util::stream::iter(data.into_iter().chain(trailers));
        Response::from_parts(head, Body::new(StreamBody::new(frames)))
    }
}

/// A message in its frame.
pub(super) fn framed(message: &impl Message) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + message.encoded_len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.encoded_len()).unwrap_or(u32::MAX));
    // The buffer grows as it needs to.
    let _ = message.encode(&mut frame);
    frame.freeze()
}
