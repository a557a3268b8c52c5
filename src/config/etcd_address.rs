//! Where a store in etcd is: `etcd://host:port,host:port/rootPath`, and Milvus's settings for the
//! parts that are left out.
//!
//! No message repeats an address: somebody may have put a password into it. Who we are to etcd is
//! left to `etcd.rs`.

use std::net::Ipv6Addr;

/// What every address in etcd begins with.
const SCHEME: &str = "etcd://";

/// Where etcd is when nobody says so, as in Milvus.
pub(super) const DEFAULT_ENDPOINT: &str = "localhost:2379";

/// Milvus's default of `etcd.rootPath`.
pub(super) const DEFAULT_ROOT_PATH: &str = "by-dev";

/// Milvus's default of `etcd.metaSubPath`.
pub(super) const DEFAULT_META_SUB_PATH: &str = "meta";

/// Where user and password go instead.
const NO_LOGIN: &str = "an address holds no user and no password; set etcd.auth.enabled, \
                        etcd.auth.userName and etcd.auth.password (or \
                        MILVUS_RBAC_ETCD_AUTH_PASSWORD, or a file named by \
                        MILVUS_RBAC_ETCD_AUTH_PASSWORD_FILE)";

/// An address as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct EtcdAddress {
    /// `host:port` of each member, each once; none if Milvus's settings have them.
    pub(super) endpoints: Vec<String>,
    /// What all keys begin with; `None` if Milvus's settings have it.
    pub(super) root: Option<String>,
}

impl EtcdAddress {
    /// Reads `etcd://`, `etcd://a:2379,b:2379`, `etcd:///by-dev/meta` or all of it. Nothing in it
    /// is escaped.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // First: a password may hold what looks like any of the other mistakes.
        if text.contains('@') {
            return Err(NO_LOGIN.to_owned());
        }
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return Err(format!(
                "an address in etcd begins with {SCHEME}, such as {SCHEME}{DEFAULT_ENDPOINT}"
            ));
        };
        if rest.contains(['?', '#']) {
            return Err("an address in etcd ends with the root path; everything else about etcd \
                        is set by etcd.*"
                .to_owned());
        }
        let (hosts, root) = match rest.split_once('/') {
            Some((hosts, path)) => (hosts, Some(root_path(path)?)),
            None => (rest, None),
        };
        let mut endpoints = Vec::new();
        if !hosts.is_empty() {
            for (index, text) in hosts.split(',').enumerate() {
                add(&mut endpoints, endpoint(text).map_err(|problem| numbered(index, problem))?);
            }
        }
        Ok(Self { endpoints, root })
    }
}

/// Members as Milvus's `etcd.endpoints` has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoints {
    /// `host:port` of each, each once.
    pub(super) endpoints: Vec<String>,
    /// Whether one of them is written with `https://`.
    pub(super) any_https: bool,
}

impl Endpoints {
    /// Reads the list. Milvus allows `http://` and `https://` in front of each.
    pub(super) fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, String> {
        if texts.is_empty() {
            return Err("names no endpoint; write one, or leave it out".to_owned());
        }
        let mut read = Self { endpoints: Vec::new(), any_https: false };
        for (index, text) in texts.iter().map(AsRef::as_ref).enumerate() {
            if text.contains('@') {
                return Err(NO_LOGIN.to_owned());
            }
            let https = text.strip_prefix("https://");
            read.any_https |= https.is_some();
            let bare = match https.or_else(|| text.strip_prefix("http://")) {
                Some(rest) => rest.strip_suffix('/').unwrap_or(rest),
                None => text,
            };
            let parsed = endpoint(bare).map_err(|problem| numbered(index, problem))?;
            add(&mut read.endpoints, parsed);
        }
        Ok(read)
    }
}

fn add(endpoints: &mut Vec<String>, endpoint: String) {
    if !endpoints.contains(&endpoint) {
        endpoints.push(endpoint);
    }
}

fn numbered(index: usize, problem: &str) -> String {
    format!("endpoint {} {problem}", index + 1)
}

/// Reads `host:port` or `[IPv6]:port`. What is wrong comes without the text.
fn endpoint(text: &str) -> Result<String, &'static str> {
    const NO_PORT: &str = "names no port; write host:port, such as localhost:2379";
    if text.is_empty() {
        return Err("is empty");
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').ok_or("has a bracket that is not closed")?;
        let address: Ipv6Addr =
            address.parse().map_err(|_| "has no IPv6 address between its brackets")?;
        return Ok(format!("[{address}]:{}", port(rest.strip_prefix(':').ok_or(NO_PORT)?)?));
    }
    let (host, rest) = text.split_once(':').ok_or(NO_PORT)?;
    if rest.contains(':') {
        return Err("has more than one colon; an IPv6 address stands in brackets");
    }
    if host.is_empty() {
        return Err("names no host");
    }
    let fits = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
    if !host.chars().all(fits) {
        return Err("has a character that is in no host name");
    }
    Ok(format!("{}:{}", host.to_ascii_lowercase(), port(rest)?))
}

fn port(text: &str) -> Result<u16, &'static str> {
    // `parse` alone would take a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|&port| digits && port > 0);
    port.ok_or("has no port from 1 to 65535")
}

/// Checks what all keys begin with. Milvus would tidy up some of these; nobody has to guess here.
pub(super) fn root_path(text: &str) -> Result<String, String> {
    let problem = if text.is_empty() {
        "is empty; name it, or leave it out with its slash"
    } else if text.split('/').any(str::is_empty) {
        "has one slash between its parts, and none at its ends"
    } else if text.split('/').any(|part| part == "." || part == "..") {
        "has no part that is `.` or `..`"
    } else if text.contains(char::is_control) {
        "has no control characters"
    } else {
        return Ok(text.to_owned());
    };
    Err(format!("the root path {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(endpoints: &[&str], root: Option<&str>) -> EtcdAddress {
        let endpoints = endpoints.iter().map(|&endpoint| endpoint.to_owned()).collect();
        EtcdAddress { endpoints, root: root.map(ToOwned::to_owned) }
    }

    #[test]
    fn hosts_and_root_path_may_each_be_left_out() {
        for (text, expected) in [
            ("etcd://", address(&[], None)),
            ("etcd://a:2379", address(&["a:2379"], None)),
            ("etcd:///x", address(&[], Some("x"))),
            ("etcd://a:1,b-c.d_e:65535/by-dev/meta", {
                address(&["a:1", "b-c.d_e:65535"], Some("by-dev/meta"))
            }),
            ("etcd://[::1]:2379,127.0.0.1:2379/a b", {
                address(&["[::1]:2379", "127.0.0.1:2379"], Some("a b"))
            }),
            ("etcd://A:1,a:1,[0:0::1]:1,[::1]:01", address(&["a:1", "[::1]:1"], None)),
        ] {
            assert_eq!(EtcdAddress::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn each_mistake_says_what_it_is() {
        for (text, problem) in [
            ("etcd:", "begins with etcd://"),
            ("etcd:a:2379", "begins with etcd://"),
            ("etcd:/a:2379", "begins with etcd://"),
            ("etcd://a", "endpoint 1 names no port; write host:port"),
            ("etcd://a:1,b", "endpoint 2 names no port"),
            ("etcd://[::1]", "endpoint 1 names no port"),
            ("etcd://a:1,,b:2", "endpoint 2 is empty"),
            ("etcd://a:1,", "endpoint 2 is empty"),
            ("etcd://,", "endpoint 1 is empty"),
            ("etcd://:2379", "endpoint 1 names no host"),
            ("etcd://::1:2379", "an IPv6 address stands in brackets"),
            ("etcd://[::1:2379", "a bracket that is not closed"),
            ("etcd://[a]:2379", "no IPv6 address between its brackets"),
            ("etcd://a%20b:1", "a character that is in no host name"),
            ("etcd://a :1", "a character that is in no host name"),
            ("etcd://a:", "no port from 1 to 65535"),
            ("etcd://a:0", "no port from 1 to 65535"),
            ("etcd://a:+1", "no port from 1 to 65535"),
            ("etcd://a:65536", "no port from 1 to 65535"),
            ("etcd://a:1/", "the root path is empty"),
            ("etcd:///", "the root path is empty"),
            ("etcd://a:1//x", "one slash between its parts"),
            ("etcd://a:1/x//y", "one slash between its parts"),
            ("etcd://a:1/x/", "one slash between its parts"),
            ("etcd://a:1/x/../y", "`.` or `..`"),
            ("etcd://a:1/x\ny", "control characters"),
            ("etcd://a:1/x?timeout=1", "everything else about etcd is set by etcd.*"),
            ("etcd://a:1#x", "everything else about etcd is set by etcd.*"),
        ] {
            let error = EtcdAddress::parse(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn no_message_repeats_what_may_hold_a_password() {
        for text in [
            "etcd://root:hunter2@a:2379",
            "etcd://root:hunter2@",
            "etcd://root:hunter/2@a:2379",
            "etcd://root:hunter?2@a:2379/x",
            "etcd:root:hunter2@a",
            "etcd://root:hunter2:a:2379",
            "etcd://root:hunter2%40a:2379",
            "etcd://hunter2",
            "etcd://a:hunter2",
            "etcd://a:1/x//hunter2",
        ] {
            let error = EtcdAddress::parse(text).unwrap_err();
            assert!(!error.contains("hunter"), "{error}");
            assert_eq!(text.contains('@'), error == NO_LOGIN, "{text}: {error}");
        }
        for text in ["http://root:hunter2@a:2379", "hunter2", "a:hunter2"] {
            let error = Endpoints::parse(&[text]).unwrap_err();
            assert!(!error.contains("hunter"), "{error}");
        }
    }

    #[test]
    fn endpoints_of_milvus_may_name_a_scheme() {
        let read = Endpoints::parse(&["http://a:1", "a:1", "b:2", "http://[::1]:3/"]).unwrap();
        assert_eq!(read.endpoints, ["a:1", "b:2", "[::1]:3"]);
        assert!(!read.any_https);
        assert!(Endpoints::parse(&["a:1", "https://b:2"]).unwrap().any_https);
        for wrong in ["ftp://a:1", "http://a:1/x", "http://", "a:1/"] {
            assert!(Endpoints::parse(&[wrong]).is_err(), "{wrong}");
        }
        assert!(Endpoints::parse::<&str>(&[]).unwrap_err().contains("names no endpoint"));
    }
}
