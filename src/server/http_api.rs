//! What answers requests that are not gRPC: REST, or in a build without it a refusal.

use http::{Request, Response};
use tonic::body::Body;

use super::RequestBody;
use crate::admin::Admin;
use crate::config::Settings;
use crate::layer::Guard;
#[cfg(feature = "rest")]
use crate::rest::RestApi;

/// The API over plain HTTP. Cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct HttpApi {
    #[cfg(feature = "rest")]
    rest: std::sync::Arc<RestApi>,
}

#[cfg(feature = "rest")]
impl HttpApi {
    /// REST behind this guard, as the settings have it.
    pub(super) fn new(guard: &Guard, admin: Admin, settings: &Settings) -> Self {
        use crate::config::Browsers;
        use crate::rest;

        let settings = rest::RestSettings {
            browsers: match &settings.browsers {
                Browsers::Only(origins) => rest::Browsers::Only(origins.clone()),
                Browsers::AsMilvus => rest::Browsers::AsMilvus,
            },
            request_timeout: settings.transport.request_timeout,
            max_body_bytes: settings.transport.max_request_bytes,
            max_answer_bytes: settings.transport.max_answer_bytes,
            is_gateway: settings.upstream.is_some(),
        };
        Self { rest: std::sync::Arc::new(RestApi::new(guard.clone(), admin, settings)) }
    }

    /// Answers one request.
    pub(super) async fn answer(self, request: Request<RequestBody>) -> Response<Body> {
        self.rest.handle(request).await.map(Body::new)
    }
}

#[cfg(not(feature = "rest"))]
impl HttpApi {
    /// Nothing that could be set.
    pub(super) fn new(_: &Guard, _: Admin, _: &Settings) -> Self {
        Self {}
    }

    /// Refuses one request.
    #[expect(clippy::unused_async, reason = "as where there is REST")]
    pub(super) async fn answer(self, _: Request<RequestBody>) -> Response<Body> {
        not_built()
    }
}

/// 404, in JSON: the same to everybody and on every path, so it says nothing that a login would
/// protect.
#[cfg(any(test, not(feature = "rest")))]
fn not_built() -> Response<Body> {
    use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
    use http::{HeaderValue, StatusCode};

    const TEXT: &str = concat!(
        r#"{"code":404,"message":"this server answers gRPC only: "#,
        r#"it was built without the feature `rest` of milvus-rbac"}"#
    );
    let mut answer = Response::new(Body::new(TEXT.to_owned()));
    *answer.status_mut() = StatusCode::NOT_FOUND;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn without_rest_the_answer_is_404_and_says_what_to_build() {
        let answer = not_built();
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.headers()["content-type"], "application/json; charset=utf-8");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["code"], 404);
        assert!(body["message"].as_str().unwrap().contains("feature `rest`"), "{body}");
    }
}
