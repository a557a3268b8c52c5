//! Where the upstream is.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use http::uri::Authority;

/// The address of an upstream: `http://host:port` or `https://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamAddress {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// A name, or an IP address without brackets.
    pub host: String,
    /// The port; 19530 unless it is given, as for Milvus's clients.
    pub port: u16,
}

/// Why a text is not the address of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an upstream: it has to be http://host:port or https://host:port{why}")]
pub struct AddressError {
    text: String,
    why: &'static str,
}

const DEFAULT_PORT: u16 = 19530;

impl UpstreamAddress {
    /// Whether nobody on another machine can stand behind this address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }

    /// Host and port as a URI has them.
    #[must_use]
    pub fn authority(&self) -> Authority {
        let Self { host, port, .. } = self;
        let text =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        // Made of the parts of one.
        text.parse().unwrap_or_else(|_| Authority::from_static("upstream"))
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }
}

impl FromStr for UpstreamAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = |why| {
            // Whatever stands before an `@` may be a password.
            let shown = text.rsplit_once('@').map_or(text, |(_, host)| host);
            AddressError { text: shown.to_owned(), why }
        };
        let uri: Uri = text.parse().map_err(|_| wrong(""))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong("")),
        };
        let authority = uri.authority().ok_or_else(|| wrong(""))?;
        if authority.as_str().contains('@') {
            return Err(wrong("; its login is rbac.upstream.username and rbac.upstream.password"));
        }
        if uri.path().len() > 1 || uri.query().is_some() {
            return Err(wrong(", without a path"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        // `Authority::port` is none for a number that is no port, too.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => Some(DEFAULT_PORT),
            Some(rest) => rest.strip_prefix(':').and_then(digits),
            None => None,
        };
        match port {
            Some(port) if port > 0 && !host.is_empty() => Ok(Self { tls, host, port }),
            _ => Err(wrong("")),
        }
    }
}

/// A port, without a sign.
fn digits(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for UpstreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_perhaps_a_port() {
        for (text, shown) in [
            ("http://127.0.0.1:19531", "http://127.0.0.1:19531"),
            ("http://lite", "http://lite:19530"),
            ("https://milvus.example:443/", "https://milvus.example:443"),
            ("http://[::1]:1", "http://[::1]:1"),
        ] {
            assert_eq!(text.parse::<UpstreamAddress>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "lite:19530",
            "tcp://lite:1",
            "http://",
            "http://lite:0",
            "http://lite:",
            "http://lite:70000",
            "http://lite:+1",
            "http://[::1]:70000",
            "http://lite:1/v2",
            "http://lite:1?a=b",
        ] {
            assert!(text.parse::<UpstreamAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_repeated() {
        let error = "http://root:secret@lite:1".parse::<UpstreamAddress>().unwrap_err().to_string();
        assert!(error.contains("rbac.upstream.password") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn loopback_is_told_by_the_address() {
        for (text, loopback) in [
            ("http://127.0.0.9:1", true),
            ("http://[::1]:1", true),
            ("http://[::ffff:127.0.0.1]:1", true),
            ("http://LocalHost:1", true),
            ("http://10.0.0.1:1", false),
            ("http://localhost.example:1", false),
        ] {
            assert_eq!(text.parse::<UpstreamAddress>().unwrap().is_loopback(), loopback, "{text}");
        }
    }
}
