//! Settings that are one of a few words, and how they are written.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::etcd_address::{
    DEFAULT_ENDPOINT, DEFAULT_META_SUB_PATH, DEFAULT_ROOT_PATH, EtcdAddress,
};
use super::settings::{Compat, LogFormat, StoreSetting};

/// Data directory when none is named.
const DEFAULT_DIRECTORY: &str = "./milvus-rbac-data";

impl FromStr for Compat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "documented" => Ok(Self::Documented),
            "milvus" => Ok(Self::Milvus),
            _ => Err(format!("`{text}` is neither `documented` nor `milvus`")),
        }
    }
}

impl fmt::Display for Compat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Documented => "documented",
            Self::Milvus => "milvus",
        })
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("`{text}` is neither `text` nor `json`")),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

impl Default for StoreSetting {
    fn default() -> Self {
        Self::Sled(PathBuf::from(DEFAULT_DIRECTORY))
    }
}

impl FromStr for StoreSetting {
    type Err = String;

    /// Reads a store by itself: what an address in etcd leaves out is as in a stock Milvus.
    fn from_str(text: &str) -> Result<Self, String> {
        const KNOWN: &str = "use sled:PATH, etcd://host:port/rootPath or memory:";
        if text == "memory:" {
            return Ok(Self::Memory);
        }
        match text.split_once(':') {
            Some(("sled", "")) => Err(format!("`{text}` names no directory; write sled:PATH")),
            Some(("sled", path)) => Ok(Self::Sled(PathBuf::from(path))),
            Some(("etcd", _)) => {
                let EtcdAddress { mut endpoints, root } = EtcdAddress::parse(text)?;
                if endpoints.is_empty() {
                    endpoints.push(DEFAULT_ENDPOINT.to_owned());
                }
                let root =
                    root.unwrap_or_else(|| format!("{DEFAULT_ROOT_PATH}/{DEFAULT_META_SUB_PATH}"));
                Ok(Self::Etcd { endpoints, root })
            }
            // Behind the scheme there may be a password, so it is not repeated.
            Some((scheme, _)) => Err(format!("`{scheme}:` is no store; {KNOWN}")),
            None => Err(format!("`{text}` is no store; {KNOWN}")),
        }
    }
}

impl fmt::Display for StoreSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sled(path) => write!(f, "sled:{}", path.display()),
            Self::Etcd { endpoints, root } => write!(f, "etcd://{}/{root}", endpoints.join(",")),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_read_back_as_they_are_written() {
        for text in [
            "sled:./milvus-rbac-data",
            "sled:/var/lib/milvus rbac",
            "memory:",
            "etcd://a:1,b:2/by-dev/meta",
            "etcd://[::1]:2379/x",
        ] {
            assert_eq!(text.parse::<StoreSetting>().unwrap().to_string(), text);
        }
        assert_eq!(StoreSetting::default().to_string(), "sled:./milvus-rbac-data");
    }

    #[test]
    fn what_an_address_in_etcd_leaves_out_is_as_in_a_stock_milvus() {
        let read = |text: &str| text.parse::<StoreSetting>().unwrap().to_string();
        assert_eq!(read("etcd://"), "etcd://localhost:2379/by-dev/meta");
        assert_eq!(read("etcd://a:1"), "etcd://a:1/by-dev/meta");
        assert_eq!(read("etcd:///x"), "etcd://localhost:2379/x");
    }

    #[test]
    fn a_user_in_an_address_is_refused_without_repeating_it() {
        let error = "etcd://root:hunter2@host:2379".parse::<StoreSetting>().unwrap_err();
        assert!(error.contains("etcd.auth.password") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn other_stores_are_refused() {
        for text in
            ["", "sled", "sled:", "memory", "memory:x", "rocksdb:x", "./data", "etcd", "etcd:"]
        {
            assert!(text.parse::<StoreSetting>().is_err(), "{text}");
        }
    }

    #[test]
    fn words_are_read_back_as_they_are_written() {
        for text in ["documented", "milvus"] {
            assert_eq!(text.parse::<Compat>().unwrap().to_string(), text);
        }
        for text in ["text", "json"] {
            assert_eq!(text.parse::<LogFormat>().unwrap().to_string(), text);
        }
        assert!("Milvus".parse::<Compat>().is_err());
        assert!("xml".parse::<LogFormat>().is_err());
    }
}
