//! A unary gRPC call as it stands on the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};

/// A call that is made again and again.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) headers: HeaderMap,
    message: Message,
    /// Bytes of the answer's message; another number is a failure, unless none is said.
    pub(crate) answer: Option<usize>,
}

/// What it says, behind its prefix: the same each time, or by the number of the call.
#[derive(Clone)]
enum Message {
    Same(Bytes),
    Counted(Arc<AtomicUsize>, Arc<dyn Fn(usize) -> Vec<u8> + Send + Sync>),
}

impl Call {
    /// A call with the headers that pymilvus sends, in the name of `login` (`user:password` in
    /// base64).
    pub(crate) fn new(
        method: &'static str,
        login: &str,
        message: &[u8],
        answer: Option<usize>,
    ) -> Self {
        Self::saying(method, login, Message::Same(frame(message)), answer)
    }

    /// A call whose message is made from its number. It changes something, so it is answered with
    /// an empty status, or it failed.
    pub(crate) fn counted(
        method: &'static str,
        login: &str,
        message: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::saying(method, login, Message::Counted(Arc::default(), Arc::new(message)), Some(0))
    }

    fn saying(method: &'static str, login: &str, message: Message, answer: Option<usize>) -> Self {
        let headers = [
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("grpc-accept-encoding", "identity, deflate, gzip"),
            ("user-agent", "grpc-python/1.76.0 grpc-c/51.0.0 (linux; chttp2)"),
            ("authorization", login),
            ("dbname", "default"),
            ("client-request-id", ""),
            ("client-request-unixmsec", "1764122744000"),
        ];
        let headers = headers.map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        });
        Self { method, headers: HeaderMap::from_iter(headers), message, answer }
    }

    /// The next message, behind its prefix.
    pub(crate) fn frame(&self) -> Bytes {
        match &self.message {
            Message::Same(frame) => frame.clone(),
            Message::Counted(number, make) => frame(&make(number.fetch_add(1, Ordering::Relaxed))),
        }
    }

    /// What stands in front of the body.
    pub(crate) fn head(&self, authority: &str) -> Request<()> {
        let uri = format!("http://{authority}/milvus.proto.milvus.MilvusService/{}", self.method);
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.parse().unwrap();
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// A message behind gRPC's prefix.
pub(crate) fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.put_slice(message);
    frame.freeze()
}

/// A protobuf message of fields of bytes.
pub(crate) fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut message = Vec::new();
    for (number, bytes) in fields {
        message.push(number << 3 | 2);
        let mut length = bytes.len();
        while length > 0x7f {
            message.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        message.push(u8::try_from(length).unwrap());
        message.extend_from_slice(bytes);
    }
    message
}
