//! Settings that are one of a few words, and how they are written.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

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

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "memory:" {
            return Ok(Self::Memory);
        }
        match text.split_once(':') {
            Some(("sled", "")) => Err(format!("`{text}` names no directory; write sled:PATH")),
            Some(("sled", path)) => Ok(Self::Sled(PathBuf::from(path))),
            // An address may carry a password, so it is not repeated.
            Some(("etcd", _)) => {
                Err("stores in etcd come in a later version; use sled:PATH or memory:".to_owned())
            }
            Some((scheme, _)) => Err(format!("`{scheme}:` is no store; use sled:PATH or memory:")),
            None => Err(format!("`{text}` is no store; use sled:PATH or memory:")),
        }
    }
}

impl fmt::Display for StoreSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sled(path) => write!(f, "sled:{}", path.display()),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_read_back_as_they_are_written() {
        for text in ["sled:./milvus-rbac-data", "sled:/var/lib/milvus rbac", "memory:"] {
            assert_eq!(text.parse::<StoreSetting>().unwrap().to_string(), text);
        }
        assert_eq!(StoreSetting::default().to_string(), "sled:./milvus-rbac-data");
    }

    #[test]
    fn etcd_is_refused_without_repeating_its_address() {
        let error = "etcd://root:hunter2@host:2379".parse::<StoreSetting>().unwrap_err();
        assert!(error.contains("later version") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn other_stores_are_refused() {
        for text in ["", "sled", "sled:", "memory", "memory:x", "rocksdb:x", "./data"] {
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
