//! gRPC in bare HTTP/2: what no generated client sends, and the bytes that come back.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, HeaderValue, Request};
use tokio::net::TcpStream;
use tonic::{Code, Status};

/// The path of a method of `MilvusService`.
pub(crate) fn milvus_path(method: &str) -> String {
    format!("/milvus.proto.milvus.MilvusService/{method}")
}

/// A message in its gRPC frame, not compressed.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct WireAnswer {
    /// Code and text of `grpc-status` and `grpc-message`.
    pub(crate) code: Code,
    pub(crate) text: String,
    pub(crate) headers: HeaderMap,
    /// The frames of the answer, if there are any.
    pub(crate) body: Vec<u8>,
}

impl WireAnswer {
    /// Code and text together, for comparing.
    pub(crate) fn outcome(&self) -> (Code, &str) {
        (self.code, &self.text)
    }

    /// The one message of the answer.
    pub(crate) fn message(&self) -> &[u8] {
        assert_eq!(self.outcome(), (Code::Ok, ""));
        assert_eq!(self.body, framed(&self.body[5..]));
        &self.body[5..]
    }
}

/// A connection.
#[derive(Clone)]
pub(crate) struct Wire(SendRequest<Bytes>);

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        // Room for a thousand small answers at once: with less, h2 as a client takes them for a flood.
        let connecting =
            h2::client::Builder::new().initial_connection_window_size(1 << 20).handshake(stream);
        let (client, connection) = connecting.await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    /// Calls with these `authorization` values and this message.
    pub(crate) async fn call(&self, method: &str, logins: &[&str], message: &[u8]) -> WireAnswer {
        let headers: Vec<_> = logins.iter().map(|login| ("authorization", *login)).collect();
        self.send(&milvus_path(method), &headers, framed(message)).await
    }

    /// Sends a whole body anywhere.
    pub(crate) async fn send(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
    ) -> WireAnswer {
        self.begin(path, headers, body, true).await
    }

    /// Sends a body, whole or without an end, and reads the answer.
    pub(crate) async fn begin(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
        whole: bool,
    ) -> WireAnswer {
        let mut request = Request::post(format!("http://x{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let mut client = self.0.clone().ready().await.unwrap();
        let (answer, mut sending) = client.send_request(request, false).unwrap();
        sending.send_data(Bytes::from(body), whole).unwrap();
        let (head, mut stream) = answer.await.unwrap().into_parts();
        let mut body = Vec::new();
        while let Some(chunk) = stream.data().await {
            let chunk = chunk.unwrap();
            stream.flow_control().release_capacity(chunk.len()).unwrap();
            body.extend_from_slice(&chunk);
        }
        let trailers = stream.trailers().await.unwrap().unwrap_or_default();
        let status = Status::from_header_map(&trailers)
            .or_else(|| Status::from_header_map(&head.headers))
            .unwrap();
        let text = status.message().to_owned();
        WireAnswer { code: status.code(), text, headers: head.headers, body }
    }
}
