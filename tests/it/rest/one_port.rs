//! REST and gRPC side by side: the content type of each HTTP/2 request decides, and a connection
//! carries both.

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::SendRequest;
use http::Request;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::PATIENCE;
use crate::support::{ROOT, TestServer, basic};
use milvus_rbac::proto::milvus::{GetVersionRequest, GetVersionResponse};

const VERSION: &str = "/milvus.proto.milvus.MilvusService/GetVersion";
const LIST: &str = "/v2/vectordb/users/list";

/// Status, content type, `grpc-status` in headers or trailers, and body.
struct Answer {
    status: u16,
    content_type: String,
    grpc_status: Option<String>,
    body: Vec<u8>,
}

async fn connect(server: &TestServer) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn post(
    client: &SendRequest<Bytes>,
    path: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Answer {
    let answer = async {
        let mut request = Request::post(format!("http://x{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut client = client.clone().ready().await.unwrap();
        let (response, mut stream) = client.send_request(request.body(()).unwrap(), false).unwrap();
        stream.send_data(body, true).unwrap();
        let (head, mut stream) = response.await.unwrap().into_parts();
        let mut body = Vec::new();
        while let Some(chunk) = stream.data().await {
            body.extend_from_slice(&chunk.unwrap());
        }
        let trailers = stream.trailers().await.unwrap().unwrap_or_default();
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        Answer {
            status: head.status.as_u16(),
            content_type: head.headers.get("content-type").map(text).unwrap_or_default(),
            grpc_status: head.headers.get("grpc-status").or(trailers.get("grpc-status")).map(text),
            body,
        }
    };
    tokio::time::timeout(PATIENCE, answer).await.unwrap()
}

/// A gRPC message in its frame.
fn framed(message: &impl prost::Message) -> Bytes {
    let encoded = message.encode_to_vec();
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(encoded.len()).unwrap());
    frame.extend_from_slice(&encoded);
    frame.freeze()
}

#[tokio::test]
async fn one_http2_connection_carries_both() {
    let server = TestServer::start().await;
    let client = connect(&server).await;
    let token = basic(ROOT.0, ROOT.1);
    let grpc = [("content-type", "application/grpc"), ("authorization", token.as_str())];
    let rest = [("content-type", "application/json"), ("authorization", "Bearer root:Milvus")];
    let (version, list) = tokio::join!(
        post(&client, VERSION, &grpc, framed(&GetVersionRequest {})),
        post(&client, LIST, &rest, Bytes::from_static(b"{}")),
    );
    assert_eq!((version.status, version.grpc_status.as_deref()), (200, Some("0")));
    let message = GetVersionResponse::decode(&version.body[5..]).unwrap();
    assert_eq!(message.status.unwrap().code, 0);
    assert_eq!((list.status, list.grpc_status), (200, None));
    let list: Value = serde_json::from_slice(&list.body).unwrap();
    assert_eq!(list, json!({"code": 0, "data": ["root"]}));
}

#[tokio::test]
async fn the_content_type_alone_decides_and_neither_login_opens_the_other_door() {
    let server = TestServer::start().await;
    let client = connect(&server).await;
    let token = basic(ROOT.0, ROOT.1);
    let bearer = "Bearer root:Milvus";
    let both = Bytes::from_static(b"{}");
    for (content_type, path, login, grpc_status, status) in [
        ("application/grpc", LIST, token.as_str(), Some("12"), 200),
        ("application/grpc", LIST, bearer, Some("16"), 200),
        ("application/grpc+json", LIST, token.as_str(), Some("12"), 200),
        ("application/grpc-web", LIST, "", Some("16"), 200),
        ("Application/GRPC", LIST, token.as_str(), Some("12"), 200),
        ("application/json", VERSION, bearer, None, 404),
        ("application/json", VERSION, token.as_str(), None, 401),
        ("application/json", LIST, token.as_str(), None, 401),
        ("text/plain; a=application/grpc", LIST, bearer, None, 200),
    ] {
        let headers = [("content-type", content_type), ("authorization", login)];
        let answer = post(&client, path, &headers, both.clone()).await;
        let found = (answer.grpc_status.as_deref(), answer.status);
        assert_eq!(found, (grpc_status, status), "{content_type} {path} {login}");
        let is_grpc = answer.content_type.starts_with("application/grpc");
        assert_eq!(is_grpc, grpc_status.is_some(), "{content_type}: {}", answer.content_type);
    }
}

#[tokio::test]
async fn a_stream_that_was_answered_before_its_body_came_is_not_reset_while_the_body_is_sent() {
    let server = TestServer::start().await;
    for (path, status) in [(LIST, 401), ("/nowhere", 401)] {
        let mut client = connect(&server).await.ready().await.unwrap();
        let request = Request::post(format!("http://x{path}")).body(()).unwrap();
        let (response, mut stream) = client.send_request(request, false).unwrap();
        let (head, mut body) = response.await.unwrap().into_parts();
        assert_eq!(head.status, status);
        while let Some(chunk) = body.data().await {
            chunk.unwrap();
        }
        // The answer is complete, and only now does the body come.
        let quiet = std::time::Duration::from_millis(200);
        let reset = std::future::poll_fn(|context| stream.poll_reset(context));
        assert!(tokio::time::timeout(quiet, reset).await.is_err(), "the stream was reset");
        stream.send_data(Bytes::from_static(b"{}"), true).unwrap();
    }
}
