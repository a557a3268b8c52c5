//! Tells gRPC requests from others, by content type as Milvus does. Which service answers them
//! is decided elsewhere.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// True if the content type begins with `application/grpc`, in any case of letters.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().get(..GRPC.len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_content_types_that_begin_with_grpc_are_grpc() {
        let kind = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            is_grpc(&headers)
        };
        assert!(kind("application/grpc"));
        assert!(kind("application/grpc+proto"));
        assert!(kind("Application/gRPC; charset=x"));
        assert!(!kind("application/json"));
        assert!(!kind("application/grp"));
        assert!(!is_grpc(&HeaderMap::new()));
    }
}
