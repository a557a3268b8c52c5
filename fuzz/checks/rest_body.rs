//! What must hold for any REST body: it is taken, or refused with one of two codes in well-formed
//! JSON; and what is taken, or called missing, agrees with a JSON parser of its own.
//!
//! An input is a path below the API's, a line end, and a body. A path that is none sends the body
//! to every endpoint.

use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use milvus_rbac::api::{RestPath, rest_paths};
use milvus_rbac::rest::check_body;
use serde_json::Value;

const BASE: &str = "/v2/vectordb/";

/// Checks one body at its endpoint, or at all.
pub(crate) fn check(bytes: &[u8]) {
    let line_end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (name, body) = bytes.split_at(line_end);
    let body = body.get(1..).unwrap_or_default();
    let is_named = |path: &RestPath| path.path.strip_prefix(BASE).map(str::as_bytes) == Some(name);
    match rest_paths().iter().find(|path| is_named(path)) {
        Some(path) => at(path, body),
        None => rest_paths().iter().for_each(|path| at(path, body)),
    }
}

fn at(path: &RestPath, body: &[u8]) {
    let first = serde_json::Deserializer::from_slice(body).into_iter::<Value>().next();
    let Err(answer) = check_body(path.endpoint, body) else {
        let start = body.trim_ascii_start();
        assert!(start.starts_with(b"{") || start.starts_with(b"null"), "{}: taken", path.path);
        return;
    };
    let status = answer.status();
    let collected = answer.into_body().collect().now_or_never();
    let json = collected.and_then(Result::ok).map(http_body_util::Collected::to_bytes);
    let answer: Value = serde_json::from_slice(&json.unwrap_or_default()).unwrap_or_default();
    let message = answer["message"].as_str().unwrap_or_default();
    assert_eq!(status, 200, "{}: {answer}", path.path);
    match answer["code"].as_i64() {
        Some(1801) => assert!(message.starts_with("can only accept json format request, ")),
        Some(1802) => missing(path, message, first.and_then(Result::ok)),
        _ => panic!("{}: {answer}", path.path),
    }
}

/// No field is called missing that stands in the body once, as a text that is not empty.
fn missing(path: &RestPath, message: &str, body: Option<Value>) {
    let names: Vec<&str> = message.split("Error:Field validation for '").skip(1).collect();
    assert!(!names.is_empty(), "{}: `{message}` names no field", path.path);
    let Some(Value::Object(fields)) = body else { return };
    for name in names {
        let name = name.split('\'').next().unwrap_or_default();
        let given: Vec<&Value> = fields
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect();
        let is_there = matches!(given[..], [Value::String(text)] if !text.is_empty());
        assert!(!is_there, "{}: {name} is called missing", path.path);
    }
}
