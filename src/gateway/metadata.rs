//! Which metadata goes upstream, and which comes back.
//!
//! Upstream it is an allow-list: what no client of Milvus sends could be an identity that a server
//! behind us trusts. Back comes everything but what belongs to a single connection.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, PROXY_AUTHENTICATE, TE, TRANSFER_ENCODING, UPGRADE,
    USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::Status;

use super::deadline::{TIMEOUT, timeout};

/// The database of the connection.
const DATABASE: HeaderName = HeaderName::from_static("dbname");

/// What goes upstream as it came, the first value of each.
const PASSED: [HeaderName; 9] = [
    HeaderName::from_static("identifier"),
    HeaderName::from_static("client-request-unixmsec"),
    HeaderName::from_static("client-request-id"),
    HeaderName::from_static("client_request_id"),
    HeaderName::from_static("log_level"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("accept-encoding"),
    USER_AGENT,
];

/// What belongs to one connection and says nothing on the next one.
const HOP_BY_HOP: [HeaderName; 7] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    TE,
    PROXY_AUTHENTICATE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Most bytes of metadata that go upstream, counted as HTTP/2 does. Servers of gRPC take 8 KiB
/// unless they are told otherwise, and some end the whole connection above that.
const MOST_BYTES: usize = 8000;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// The metadata of the request that goes upstream, about the database that was decided about.
///
/// # Errors
/// The database has a name that no header can say, or there is too much metadata.
pub(super) fn outgoing(
    headers: &HeaderMap,
    database: &str,
    credential: Option<&HeaderValue>,
) -> Result<HeaderMap, Status> {
    // Blanks at its ends would be lost on some ways, and the name another one.
    let ascii = database.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let sayable = ascii && database.trim() == database;
    let plain = HeaderValue::from_str(database).ok().filter(|_| sayable);
    let database = plain.ok_or_else(|| {
        let shown: String = database.chars().take(64).collect();
        Status::invalid_argument(format!("no header can say the database {shown:?}"))
    })?;
    let mut outgoing = HeaderMap::with_capacity(PASSED.len() + 5);
    outgoing.insert(CONTENT_TYPE, GRPC);
    outgoing.insert(TE, TRAILERS);
    outgoing.insert(DATABASE, database);
    for name in PASSED {
        if let Some(value) = headers.get(&name) {
            outgoing.insert(name, value.clone());
        }
    }
    if timeout(headers).is_some()
        && let Some(value) = headers.get(TIMEOUT)
    {
        outgoing.insert(TIMEOUT, value.clone());
    }
    if let Some(credential) = credential {
        outgoing.insert(AUTHORIZATION, credential.clone());
    }
    let bytes: usize =
        outgoing.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    if bytes > MOST_BYTES {
        return Err(Status::resource_exhausted(format!(
            "the metadata has {bytes} bytes, and at most {MOST_BYTES} are passed on"
        )));
    }
    Ok(outgoing)
}

/// Leaves of an answer's metadata what goes back.
pub(super) fn retain_answered(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_what_clients_of_milvus_send_goes_upstream() {
        let sent = headers(&[
            ("authorization", "cm9vdDpNaWx2dXM="),
            ("identifier", "7"),
            ("identifier", "8"),
            ("dbname", "other"),
            ("content-type", "application/grpc+proto"),
            ("grpc-timeout", "5S"),
            ("grpc-encoding", "gzip"),
            ("grpc-accept-encoding", "gzip"),
            ("sourceid", "QEBtaWx2dXMtbWVtYmVyQEA="),
            ("token", "x"),
            ("x-forwarded-user", "root"),
            ("cookie", "a=b"),
            ("user-agent", "grpc-python/1"),
        ]);
        let outgoing = outgoing(&sent, "db1", None).unwrap();
        let mut names: Vec<_> = outgoing
            .iter()
            .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "content-type=application/grpc",
                "dbname=db1",
                "grpc-timeout=5S",
                "identifier=7",
                "te=trailers",
                "user-agent=grpc-python/1",
            ]
        );
    }

    #[test]
    fn the_login_is_the_gateways_own_or_none() {
        let sent = headers(&[("authorization", "cm9vdDpNaWx2dXM=")]);
        let own = HeaderValue::from_static("b3duOnNlY3JldA==");
        assert_eq!(outgoing(&sent, "default", Some(&own)).unwrap()[AUTHORIZATION], own);
        assert!(!outgoing(&sent, "default", None).unwrap().contains_key(AUTHORIZATION));
    }

    #[test]
    fn what_no_header_can_say_or_is_too_long_is_refused() {
        for (database, code) in [
            ("a\nb", Code::InvalidArgument),
            ("größe", Code::InvalidArgument),
            (" default", Code::InvalidArgument),
            (&*"d".repeat(8000), Code::ResourceExhausted),
        ] {
            let outcome = outgoing(&HeaderMap::new(), database, None);
            assert_eq!(outcome.unwrap_err().code(), code);
        }
        let long = "i".repeat(8000);
        let sent = headers(&[("identifier", &long)]);
        let outcome = outgoing(&sent, "default", None);
        assert_eq!(outcome.unwrap_err().code(), Code::ResourceExhausted);
    }
}
