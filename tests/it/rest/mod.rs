//! The REST promises, through a true server over HTTP/1.1 and HTTP/2: the envelope, who is let
//! in, what a body may be, how long a request may take, and every endpoint with its refusals.

mod authentication;
mod body;
mod browsers;
mod envelope;
mod examples;
mod membership;
mod one_port;
mod passwords;
mod paths;
mod roles;
mod timeout;
mod users;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Rest, RestAnswer, TestServer};

/// Longer than anything here takes; reaching it fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// The same client over both versions of HTTP.
fn both(server: &TestServer, login: (&str, &str)) -> [Rest; 2] {
    let rest = server.rest(login);
    let http2 = rest.http2();
    [rest, http2]
}

/// What a command answers that succeeded.
fn done() -> Value {
    json!({"code": 0, "data": {}})
}

/// What is answered to what was refused.
fn refused(code: i64, message: &str) -> Value {
    json!({"code": code, "message": message})
}

/// A header of an answer as text.
fn header<'a>(answer: &'a RestAnswer, name: &str) -> Option<&'a str> {
    answer.headers.get(name).map(|value| value.to_str().unwrap())
}

/// A request to a path below `/v2/vectordb/` and the exact answer it must have.
type Case<'a> = (&'a str, Value, Value);

/// Sends each request and compares status and body.
async fn check(rest: &Rest, status: u16, cases: &[Case<'_>]) {
    for (path, body, expected) in cases {
        let answer = rest.post(path, body).await;
        assert_eq!(&answer.json(), expected, "{path} {body}");
        assert_eq!(answer.status, status, "{path} {body}");
    }
}

/// Sends each request as a command that must succeed.
async fn run(rest: &Rest, commands: &[(&str, Value)]) {
    for (path, body) in commands {
        assert_eq!(rest.post(path, body).await.json(), done(), "{path} {body}");
    }
}

/// A user who holds nothing, made by root.
async fn plain_user(root: &Rest, name: &str) {
    run(root, &[("users/create", json!({"userName": name, "password": "P@ssw0rd"}))]).await;
}

/// A member of `admin`, made by root.
async fn member_of_admin(root: &Rest, name: &str) {
    plain_user(root, name).await;
    run(root, &[("users/grant_role", json!({"userName": name, "roleName": "admin"}))]).await;
}

/// Sends bytes on a connection of its own and reads until the server has closed it.
async fn raw(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has heard enough may close before everything is sent.
    let _ = stream.write_all(bytes.as_ref()).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset is an end like another; what came before it counts.
    let _ = read.expect("the server did not close");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Head of a POST of root's to a path of this API, on a connection that ends after it.
fn post_head(path: &str, headers: &str) -> String {
    format!(
        "POST /v2/vectordb/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         authorization: Bearer root:Milvus\r\n{headers}\r\n"
    )
}

/// The body of an answer that came over a raw connection.
fn raw_body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default()
}

/// Sends root's headers of a POST over HTTP/2 and never the body; the status that comes.
async fn headers_over_http2(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> u16 {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut request = http::Request::post(format!("http://x/v2/vectordb/{path}"))
        .header("authorization", "Bearer root:Milvus");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut client: h2::client::SendRequest<bytes::Bytes> = client.ready().await.unwrap();
    // Held until the answer is there: dropped, it would reset the stream.
    let (answer, _body) = client.send_request(request.body(()).unwrap(), false).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await.expect("no answer").unwrap();
    answer.status().as_u16()
}
