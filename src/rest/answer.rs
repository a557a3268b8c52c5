//! The JSON envelope: `{"code":0,"data":…}` or `{"code":…,"message":…}`.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use http_body::Body as _;
use http_body_util::Full;
use serde::Serialize;

use crate::admin::AdminError;
use crate::api::{AnswerTooLarge, Operation, Transport, refusal};

/// An answer of this API.
pub(super) type Answer = Response<Full<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

/// Codes that only this API has.
pub(super) mod number {
    pub(in crate::rest) const PARAMETER: i32 = 1100;
    pub(in crate::rest) const NOT_JSON: i32 = 1801;
    pub(in crate::rest) const MISSING_FIELD: i32 = 1802;
    pub(in crate::rest) const TIMEOUT: i32 = 10001;
    pub(in crate::rest) const UNEXPECTED: i32 = 65535;
}

#[derive(Serialize)]
struct Success<T> {
    code: i32,
    data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

#[derive(Serialize)]
struct Failure<'a> {
    code: i32,
    message: &'a str,
}

#[derive(Serialize)]
struct Nothing {}

/// A command that succeeded.
pub(super) fn done() -> Answer {
    success(&Nothing {})
}

/// Something that was asked for.
pub(super) fn success(data: &impl Serialize) -> Answer {
    json(StatusCode::OK, &Success { code: 0, data, description: None })
}

/// A list.
pub(super) fn list(names: &[String]) -> Answer {
    success(&names)
}

/// A list and, beside it, a description.
pub(super) fn described(list: &[impl Serialize], description: String) -> Answer {
    json(StatusCode::OK, &Success { code: 0, data: list, description: Some(description) })
}

/// A failure with this status and code.
pub(super) fn failure(status: StatusCode, code: i32, message: &str) -> Answer {
    json(status, &Failure { code, message })
}

/// An answer, if it is not too large.
pub(super) fn sized(answer: Answer, most: usize) -> Result<Answer, Answer> {
    let bytes = usize::try_from(answer.body().size_hint().lower()).unwrap_or(usize::MAX);
    match AnswerTooLarge::check(bytes, most) {
        Ok(()) => Ok(answer),
        Err(error) => Err(transport_failure(AnswerTooLarge::TRANSPORT, &error.to_string())),
    }
}

/// A failure that is none of the operation.
pub(super) fn transport_failure(transport: Transport, message: &str) -> Answer {
    let status = StatusCode::from_u16(transport.http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    failure(status, transport.code, message)
}

/// A failed operation.
pub(super) fn refused(operation: Operation, error: &AdminError) -> Answer {
    let refusal = refusal(operation, error);
    match refusal.transport {
        Some(transport) => transport_failure(transport, &refusal.reason),
        None => failure(StatusCode::OK, refusal.code, &refusal.reason),
    }
}

/// A command's outcome.
pub(super) fn command(operation: Operation, outcome: Result<(), AdminError>) -> Answer {
    match outcome {
        Ok(()) => done(),
        Err(error) => refused(operation, &error),
    }
}

/// No such path, or not with this method.
pub(super) fn not_found() -> Answer {
    with_type(StatusCode::NOT_FOUND, TEXT, Bytes::from_static(b"404 page not found"))
}

/// The same in front of an upstream, which may know the path.
pub(super) fn not_forwarded() -> Answer {
    let text = b"404 page not found: this gateway answers the REST paths of users, roles and \
                 privilege groups, and forwards no others; data is reached over gRPC";
    with_type(StatusCode::NOT_FOUND, TEXT, Bytes::from_static(text))
}

/// No content.
pub(super) fn empty() -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// The same request at another path.
pub(super) fn redirect(path: &'static str) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    answer.headers_mut().insert(LOCATION, HeaderValue::from_static(path));
    answer
}

fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    match serde_json::to_vec(body) {
        Ok(bytes) => with_type(status, JSON, bytes.into()),
        // Strings and integers always serialise; should that change, nothing is claimed.
        Err(_) => with_type(
            StatusCode::INTERNAL_SERVER_ERROR,
            JSON,
            Bytes::from_static(b"{\"code\":500}"),
        ),
    }
}

fn with_type(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}
