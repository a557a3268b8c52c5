//! Requests that a web page makes in a browser: refused unless their origin is allowed, or
//! answered as Milvus answers them.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, HeaderMap, HeaderValue, ORIGIN, VARY, X_CONTENT_TYPE_OPTIONS,
};

const HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, accept, origin, \
     Cache-Control, X-Requested-With",
);
const METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");

/// What web pages may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Browsers {
    /// Only pages of these origins may ask; others are refused with 403.
    Only(Vec<String>),
    /// Any page may ask, as in Milvus.
    AsMilvus,
}

impl Browsers {
    /// Whether a request with these headers may go on. One without an origin comes from no page.
    pub(super) fn admit(&self, request: &HeaderMap) -> bool {
        match self {
            Self::AsMilvus => true,
            Self::Only(allowed) => request.get_all(ORIGIN).iter().all(|origin| {
                allowed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
            }),
        }
    }

    /// Adds what every answer carries.
    pub(super) fn mark(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        answer.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let origin = match self {
            Self::AsMilvus => HeaderValue::from_static("*"),
            Self::Only(_) => match request.get(ORIGIN) {
                Some(origin) if self.admit(request) => {
                    answer.insert(VARY, HeaderValue::from_static("Origin"));
                    origin.clone()
                }
                _ => return,
            },
        };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    }
}
