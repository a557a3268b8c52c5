//! Where the cluster is and how it is reached.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::clock::{Clock, SystemClock};

/// Milvus's default for what all of its keys begin with: `etcd.rootPath`, a slash,
/// `etcd.metaSubPath`.
pub const DEFAULT_ROOT: &str = "by-dev/meta";

/// Everything that is to be known to open a store in etcd.
#[derive(Debug, Clone)]
pub struct EtcdOptions {
    /// `host:port` of the members, at least one. Any of them will do; the others are for when it
    /// fails.
    pub endpoints: Vec<String>,
    /// What all keys begin with, without a slash at either end: [`DEFAULT_ROOT`] in a stock Milvus.
    pub root: String,
    /// Who we are to etcd, if it asks for user and password.
    pub login: Option<EtcdLogin>,
    /// TLS, if it is wanted.
    pub tls: Option<EtcdTls>,
    /// How long one request may take, however often it is tried.
    pub request_timeout: Duration,
    /// How old the state may be that decisions rest on. A third of it is how often the cluster is
    /// asked whether there is a newer one.
    pub max_staleness: Duration,
    /// The clock that ages are taken from.
    pub clock: Arc<dyn Clock>,
}

impl EtcdOptions {
    /// The options for a cluster without users and TLS, with Milvus's root path and times.
    #[must_use]
    pub fn new(endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            root: DEFAULT_ROOT.to_owned(),
            login: None,
            tls: None,
            request_timeout: Duration::from_secs(10),
            max_staleness: Duration::from_secs(10),
            clock: Arc::new(SystemClock),
        }
    }
}

impl EtcdOptions {
    /// How long one try of anything may take: what is stuck must not use up the time in which
    /// another member could have answered.
    pub(super) fn try_timeout(&self) -> Duration {
        (self.request_timeout / 3).min(self.max_staleness / 3)
    }
}

/// A user of etcd. The password is wiped when dropped and never printed.
#[derive(Clone)]
pub struct EtcdLogin {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for EtcdLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdLogin").field("user", &self.user).finish_non_exhaustive()
    }
}

/// TLS to etcd. The files are read anew for each connection, so renewed certificates count from
/// the next one on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EtcdTls {
    /// PEM file of the authorities that a server certificate may come from; without one, those of
    /// the machine would be needed, and they are not read, so it must be there.
    pub ca: PathBuf,
    /// PEM files of our own certificate and its key, if etcd asks for one.
    pub identity: Option<EtcdIdentity>,
    /// Whether TLS 1.2 is refused.
    pub only_tls13: bool,
}

/// Our own certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdIdentity {
    /// PEM file of the certificate, with its chain.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
}
