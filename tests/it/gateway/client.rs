//! A client in bare HTTP/2, which sends what no proper one would.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tonic::{Code, Status};

use super::call::header_map;
use super::flow;
use crate::support::{basic, framed, milvus_path};
use crate::transport::toy::within;

/// A connection.
pub(crate) struct Client {
    sender: SendRequest<Bytes>,
    connection: AbortHandle,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) code: Code,
    pub(crate) text: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut builder = Builder::new();
        builder.initial_window_size(1 << 20).initial_connection_window_size(1 << 20);
        let (sender, connection) = builder.handshake(stream).await.unwrap();
        let connection = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Self { sender, connection }
    }

    /// Closes the connection, whatever goes on on it.
    pub(crate) fn close(self) {
        self.connection.abort();
    }

    /// Sends the head of a request to a path of any server.
    pub(crate) async fn open_at(&self, path: &str, headers: HeaderMap) -> Open {
        let mut request = Request::post(format!("http://x{path}")).body(()).unwrap();
        *request.headers_mut() = headers;
        let mut sender = within(self.sender.clone().ready()).await.unwrap();
        let (answer, sending) = sender.send_request(request, false).unwrap();
        Open { answer, sending }
    }

    /// Begins a call of a method of `MilvusService`, with more metadata.
    pub(crate) async fn open(
        &self,
        method: &str,
        login: (&str, &str),
        more: &[(&str, &str)],
    ) -> Open {
        let mut headers = metadata(login);
        headers.extend(header_map(more));
        self.open_at(&milvus_path(method), headers).await
    }

    /// A whole call with one message.
    pub(crate) async fn call(&self, method: &str, login: (&str, &str), message: &[u8]) -> Answered {
        let mut call = self.open(method, login, &[]).await;
        call.send(framed(message)).await;
        call.finish().await
    }
}

/// What every call has, and a login.
pub(crate) fn metadata((user, password): (&str, &str)) -> HeaderMap {
    header_map(&[
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("authorization", &basic(user, password)),
    ])
}

/// A call whose request has not ended.
pub(crate) struct Open {
    answer: ResponseFuture,
    pub(crate) sending: SendStream<Bytes>,
}

impl Open {
    /// Sends bytes, as frames of their own, unless the call is over.
    pub(crate) async fn send(&mut self, bytes: impl Into<Bytes>) -> bool {
        within(flow::send(&mut self.sending, bytes.into())).await
    }

    /// Ends the request.
    pub(crate) fn end(&mut self) {
        flow::end(&mut self.sending);
    }

    /// Ends the request and reads the answer.
    pub(crate) async fn finish(mut self) -> Answered {
        self.end();
        self.answer().await
    }

    /// Ends the request with trailers and reads the answer.
    pub(crate) async fn finish_with(mut self, trailers: HeaderMap) -> Answered {
        self.sending.send_trailers(trailers).unwrap();
        self.answer().await
    }

    /// Reads the answer, whether or not the request has ended.
    pub(crate) async fn answer(self) -> Answered {
        let (head, body, _sending) = self.begun().await;
        rest(head, body).await
    }

    /// Waits for the head of the answer.
    pub(crate) async fn begun(self) -> (Response<()>, RecvStream, SendStream<Bytes>) {
        let Self { answer, sending } = self;
        let (head, body) = within(answer).await.unwrap().into_parts();
        (Response::from_parts(head, ()), body, sending)
    }

    /// Gives the call up.
    pub(crate) fn reset(mut self) {
        self.sending.send_reset(Reason::CANCEL);
    }
}

/// Reads what is left of an answer.
pub(crate) async fn rest(head: Response<()>, mut stream: RecvStream) -> Answered {
    let mut body = Vec::new();
    while let Some(piece) = within(stream.data()).await {
        let piece = piece.unwrap();
        stream.flow_control().release_capacity(piece.len()).unwrap();
        body.extend_from_slice(&piece);
    }
    let trailers = within(stream.trailers()).await.unwrap().unwrap_or_default();
    let headers = head.into_parts().0.headers;
    let status = [&trailers, &headers].into_iter().find_map(Status::from_header_map).unwrap();
    Answered { code: status.code(), text: status.message().to_owned(), headers, body, trailers }
}
