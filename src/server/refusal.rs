//! The few answers that the transport gives by itself, in the shape that the client expects:
//! a gRPC status without messages, or a bare HTTP status.

use http::header::{CONNECTION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::ResponseBody;

/// To a request whose headers are too large: the connection goes on.
pub(crate) fn headers_too_large<B>(grpc: bool, max: usize) -> Response<ResponseBody<B>> {
    if !grpc {
        return status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let text = format!("request headers are larger than {max} bytes");
    let message = HeaderValue::try_from(text)
        .unwrap_or_else(|_| HeaderValue::from_static("request headers are too large"));
    trailers_only(8, message)
}

/// To a request over a connection whose peer does not read what it has been answered.
pub(crate) fn too_much_unread<B>(grpc: bool, max: usize) -> Response<ResponseBody<B>> {
    if !grpc {
        return status(StatusCode::TOO_MANY_REQUESTS);
    }
    let text = format!(
        "more than {max} bytes of answers wait on this connection to be read; read them before the \
         next call"
    );
    let message = HeaderValue::try_from(text)
        .unwrap_or_else(|_| HeaderValue::from_static("too many answers wait to be read"));
    trailers_only(8, message)
}

/// To a request whose handler panicked.
pub(crate) fn internal<B>(grpc: bool) -> Response<ResponseBody<B>> {
    if grpc {
        return trailers_only(13, HeaderValue::from_static("internal error"));
    }
    let mut response = Response::new(ResponseBody::text(r#"{"code":500}"#));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    // As every other answer of REST has it.
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// To what is not a request: nothing more is read after it.
pub(crate) fn closing<B>(code: StatusCode) -> Response<ResponseBody<B>> {
    let mut response = status(code);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A status and nothing else.
pub(crate) fn status<B>(code: StatusCode) -> Response<ResponseBody<B>> {
    let mut response = Response::new(ResponseBody::text(""));
    *response.status_mut() = code;
    response
}

/// The two fields that end a gRPC call; `message` must need no percent encoding.
pub(crate) fn grpc_status(code: u16, message: HeaderValue) -> HeaderMap {
    let mut fields = HeaderMap::with_capacity(3);
    fields.insert("grpc-status", HeaderValue::from(code));
    fields.insert("grpc-message", message);
    fields
}

fn trailers_only<B>(code: u16, message: HeaderValue) -> Response<ResponseBody<B>> {
    let mut response = Response::new(ResponseBody::text(""));
    *response.headers_mut() = grpc_status(code, message);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, grpc);
    response
}
