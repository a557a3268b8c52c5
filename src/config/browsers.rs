//! What requests that a web page makes in a browser are answered.

use super::reader::Reader;
use super::settings::Compat;

/// What requests of browsers are answered (`rbac.allowedOrigins`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Browsers {
    /// Requests with an `Origin` outside this list are refused, and there are no CORS headers.
    /// Each entry is an origin as browsers send it: scheme, host in lower case, and the port if
    /// it is not the scheme's. An empty list is the default.
    Only(Vec<String>),
    /// Any page may ask, as in Milvus; the default of `compat: milvus`.
    AsMilvus,
}

impl Browsers {
    /// The value when nothing is configured.
    pub fn defaults(compat: Compat) -> Self {
        match compat {
            Compat::Documented => Self::Only(Vec::new()),
            Compat::Milvus => Self::AsMilvus,
        }
    }
}

impl Browsers {
    /// Reads the setting.
    pub(super) fn read(reader: &mut Reader) -> Self {
        const KEY: &str = "rbac.allowedOrigins";
        let browsers = match reader.list(KEY) {
            None => Self::defaults(reader.compat),
            Some(all) if all == ["*"] && reader.compat == Compat::Milvus => Self::AsMilvus,
            Some(origins) => {
                for wrong in origins.iter().filter(|origin| !is_origin(origin)) {
                    let text = format!(
                        "`{wrong}` is not an origin; write each as browsers send it, such as \
                         https://example.com or http://localhost:8080"
                    );
                    reader.mistake(KEY, &text);
                }
                Self::Only(origins)
            }
        };
        let shown = match &browsers {
            Self::Only(origins) => origins.join(","),
            Self::AsMilvus => "*".to_owned(),
        };
        reader.show(KEY, Some(shown));
        browsers
    }
}

/// Whether a browser could send this: scheme, host in lower case, perhaps a port, nothing else.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let host = match authority.rsplit_once(':') {
        // The colon may be one inside an IPv6 address.
        Some((host, port)) if !port.ends_with(']') => {
            // A browser leaves the scheme's own port out, so it would never match.
            let own = if scheme == "https" { "443" } else { "80" };
            if port == own || !port.parse::<u16>().is_ok_and(|number| number.to_string() == port) {
                return false;
            }
            host
        }
        _ => authority,
    };
    let character = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._[]:".contains(c);
    matches!(scheme, "http" | "https") && !host.is_empty() && host.chars().all(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_taken_only_as_browsers_send_them() {
        for text in
            ["https://example.com", "http://localhost:8080", "http://[::1]", "https://[::1]:8443"]
        {
            assert!(is_origin(text), "{text}");
        }
        for text in [
            "",
            "*",
            "null",
            "example.com",
            "https://",
            "https://Example.com",
            "https://a/",
            "https://a/b",
            "https://a:443",
            "http://a:80",
            "http://a:x",
            "http://a:080",
            "ftp://a",
            "https://*.example.com",
            "https://user@a",
        ] {
            assert!(!is_origin(text), "{text}");
        }
    }
}
