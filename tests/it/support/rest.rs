//! A REST client over HTTP/1.1 or HTTP/2.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct RestAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl RestAnswer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code in the body.
    pub(crate) fn code(&self) -> i64 {
        self.json()["code"].as_i64().unwrap()
    }

    /// The message in the body.
    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}

/// Sends what there is at once: a head and its body are two writes, and the second one would wait
/// for the acknowledgement of the first.
fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector
}

/// Where to ask, and who asks.
#[derive(Clone)]
pub(crate) struct Rest {
    client: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    authorization: Option<String>,
}

impl Rest {
    /// A client over HTTP/1.1.
    pub(crate) fn new(address: SocketAddr, login: Option<(&str, &str)>) -> Self {
        let client = Client::builder(TokioExecutor::new()).build(connector());
        let authorization = login.map(|(user, password)| format!("Bearer {user}:{password}"));
        Self { client, address, authorization }
    }

    /// The same over HTTP/2 with prior knowledge.
    pub(crate) fn http2(&self) -> Self {
        let client = Client::builder(TokioExecutor::new()).http2_only(true).build(connector());
        Self { client, ..self.clone() }
    }

    /// The same with another `Authorization`, or none.
    pub(crate) fn with_authorization(&self, value: Option<&str>) -> Self {
        Self { authorization: value.map(ToOwned::to_owned), ..self.clone() }
    }

    /// Posts JSON to a path below `/v2/vectordb/`.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> RestAnswer {
        self.send("POST", &format!("/v2/vectordb/{path}"), &[], body.to_string()).await
    }

    /// As [`Rest::post`]; nothing if the connection failed before the answer was whole.
    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> Option<RestAnswer> {
        self.try_send("POST", &format!("/v2/vectordb/{path}"), &[], body.to_string()).await
    }

    /// Sends anything anywhere.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> RestAnswer {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Option<RestAnswer> {
        let mut request =
            Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        if let Some(value) = &self.authorization {
            request = request.header("authorization", value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let answer = self.client.request(request).await.ok()?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(RestAnswer { status: parts.status, headers: parts.headers, body })
    }
}
