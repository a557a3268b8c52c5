//! `rbac.store` and `etcd`: which store it is and, for one in etcd, where the cluster is and who
//! we are to it.
//!
//! Only `rbac.store` chooses the store. With another one, `etcd.*` of a `milvus.yaml` is none of
//! our business: each value must be one, but whether they make sense together is not asked.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::etcd_address::{
    DEFAULT_ENDPOINT, DEFAULT_META_SUB_PATH, DEFAULT_ROOT_PATH, Endpoints, EtcdAddress, root_path,
};
use super::reader::{Reader, Value, one};
use super::secret::Secret;
use super::settings::StoreSetting;

/// How a store in etcd is reached; where it is stands in [`StoreSetting::Etcd`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EtcdSettings {
    /// User and password, if `etcd.auth.enabled`.
    pub auth: Option<EtcdAuth>,
    /// TLS, if `etcd.ssl.enabled`.
    pub ssl: Option<EtcdSsl>,
    /// How long one request may take (`etcd.requestTimeout`). Default: 10 s.
    pub request_timeout: Duration,
}

/// Who we are to etcd.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EtcdAuth {
    /// The user (`etcd.auth.userName`).
    pub user_name: String,
    /// Its password (`etcd.auth.password`).
    pub password: Secret,
}

/// TLS to etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EtcdSsl {
    /// PEM file of the authorities that are trusted, and no others (`etcd.ssl.tlsCACert`).
    pub ca_cert: PathBuf,
    /// PEM files of our own certificate and its key (`etcd.ssl.tlsCert`, `etcd.ssl.tlsKey`).
    pub client: Option<(PathBuf, PathBuf)>,
    /// Whether TLS 1.2 is refused (`etcd.ssl.tlsMinVersion` is 1.3, the default; 1.0 and 1.1 stand
    /// for 1.2).
    pub only_tls13: bool,
}

impl Default for EtcdSettings {
    fn default() -> Self {
        Self { auth: None, ssl: None, request_timeout: Duration::from_secs(10) }
    }
}

const SSL: &str = "etcd.ssl.enabled";

/// Longest time that a request can be given, in milliseconds: an hour.
const MOST_MILLIS: u64 = 3_600_000;

/// A store as it was written.
enum Written {
    /// It needs nothing else.
    Whole(StoreSetting),
    /// Settings under `etcd` say the rest.
    Etcd(EtcdAddress),
}

impl FromStr for Written {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("etcd:") {
            return EtcdAddress::parse(text).map(Self::Etcd);
        }
        text.parse().map(Self::Whole)
    }
}

/// Reads the store and the section.
pub(super) fn read(reader: &mut Reader) -> (StoreSetting, EtcdSettings) {
    const KEY: &str = "rbac.store";
    let in_use = names_etcd(reader, KEY);
    let written: Option<Written> = reader.read(KEY, |value| one(value, str::parse));
    let address = match &written {
        Some(Written::Etcd(address)) => address.clone(),
        _ => EtcdAddress::default(),
    };
    let by_keys = matches!(written, Some(Written::Etcd(_)));
    let ssl = reader.switch(SSL, false);
    let endpoints = read_endpoints(reader, ssl, by_keys && address.endpoints.is_empty());
    let root = read_root(reader, by_keys && address.root.is_none());
    let settings = EtcdSettings {
        auth: read_auth(reader, in_use),
        ssl: read_ssl(reader, ssl, in_use),
        request_timeout: reader.millis(
            "etcd.requestTimeout",
            EtcdSettings::default().request_timeout,
            1..=MOST_MILLIS,
        ),
    };
    let store = match written {
        None => StoreSetting::default(),
        Some(Written::Whole(store)) => store,
        Some(Written::Etcd(EtcdAddress { endpoints: named, root: given })) => StoreSetting::Etcd {
            endpoints: if named.is_empty() { endpoints } else { named },
            root: given.unwrap_or(root),
        },
    };
    reader.show(KEY, Some(store.to_string()));
    (store, settings)
}

/// Whether a store in etcd is meant, also when its address is wrong: then its other mistakes are
/// told in the same run.
fn names_etcd(reader: &Reader, key: &str) -> bool {
    match reader.given.get(key).map(|given| &given.value) {
        Some(Value::Text(text)) => text.expose().starts_with("etcd:"),
        _ => false,
    }
}

/// The members that the address leaves to Milvus's setting.
fn read_endpoints(reader: &mut Reader, ssl: bool, counts: bool) -> Vec<String> {
    const KEY: &str = "etcd.endpoints";
    let texts = reader.list(KEY);
    let default = || vec![DEFAULT_ENDPOINT.to_owned()];
    let mut endpoints = default();
    match texts.as_deref().filter(|_| counts).map(Endpoints::parse) {
        Some(Ok(read)) => {
            if read.any_https && !ssl {
                reader.mistake(KEY, &format!("`https://` needs {SSL}: true"));
            }
            endpoints = read.endpoints;
        }
        Some(Err(problem)) => reader.mistake(KEY, &problem),
        None => {}
    }
    // What does not count may hold anything, so only what has been read is shown.
    let shown = if counts { endpoints.clone() } else { texts.unwrap_or_else(default) };
    reader.show(KEY, Some(shown.join(",")));
    endpoints
}

/// The root path that the address leaves to Milvus's settings.
fn read_root(reader: &mut Reader, counts: bool) -> String {
    let mut part = |key, default: &str| {
        let text = read_text(reader, key);
        let text = text.unwrap_or_else(|| default.to_owned());
        reader.show(key, Some(text.clone()));
        if counts && let Err(problem) = root_path(&text) {
            reader.mistake(key, &problem);
        }
        text
    };
    let root = part("etcd.rootPath", DEFAULT_ROOT_PATH);
    format!("{root}/{}", part("etcd.metaSubPath", DEFAULT_META_SUB_PATH))
}

fn read_auth(reader: &mut Reader, in_use: bool) -> Option<EtcdAuth> {
    const ENABLED: &str = "etcd.auth.enabled";
    const PASSWORD: &str = "etcd.auth.password";
    let enabled = reader.switch(ENABLED, false);
    let user_name = reader.text("etcd.auth.userName");
    let password = read_text(reader, PASSWORD).filter(|text| !text.is_empty()).map(Secret::new);
    reader.show(PASSWORD, None);
    if !enabled {
        return None;
    }
    if in_use && user_name.is_none() {
        reader.mistake(ENABLED, "true needs etcd.auth.userName");
    }
    if in_use && password.is_none() {
        reader.mistake(
            ENABLED,
            "true needs etcd.auth.password, or MILVUS_RBAC_ETCD_AUTH_PASSWORD, or a file named by \
             MILVUS_RBAC_ETCD_AUTH_PASSWORD_FILE",
        );
    }
    Some(EtcdAuth { user_name: user_name?, password: password? })
}

fn read_ssl(reader: &mut Reader, enabled: bool, in_use: bool) -> Option<EtcdSsl> {
    let cert = reader.text("etcd.ssl.tlsCert");
    let key = reader.text("etcd.ssl.tlsKey");
    let ca_cert = reader.text("etcd.ssl.tlsCACert");
    let only_tls13 = read_min_version(reader) == "1.3";
    if !enabled {
        return None;
    }
    if in_use && ca_cert.is_none() {
        reader.mistake(SSL, "true needs etcd.ssl.tlsCACert: no other authorities are trusted");
    }
    if in_use && cert.is_some() != key.is_some() {
        reader.mistake(SSL, "true needs etcd.ssl.tlsCert and etcd.ssl.tlsKey, or neither");
    }
    Some(EtcdSsl {
        ca_cert: ca_cert?.into(),
        client: cert.zip(key).map(|(cert, key)| (cert.into(), key.into())),
        only_tls13,
    })
}

/// The version as Milvus writes it.
fn read_min_version(reader: &mut Reader) -> String {
    const KEY: &str = "etcd.ssl.tlsMinVersion";
    let version = reader.read(KEY, |value| {
        one(value, |text| match text {
            "1.0" | "1.1" | "1.2" | "1.3" => Ok(text.to_owned()),
            _ => Err(format!("`{text}` is none of 1.0, 1.1, 1.2 and 1.3")),
        })
    });
    let version = version.unwrap_or_else(|| "1.3".to_owned());
    reader.show(KEY, Some(version.clone()));
    version
}

/// A text, also an empty one.
fn read_text(reader: &mut Reader, key: &'static str) -> Option<String> {
    reader.read(key, |value| one(value, |text| Ok(text.to_owned())))
}
