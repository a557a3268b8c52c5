//! What the rest of the crate is told: one plain, typed value, checked when it was made.
//!
//! Nothing here reads a file or the environment; [`load`](super::load) does, and
//! [`Settings::defaults`] gives the same values when nothing is configured.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::browsers::Browsers;
use super::etcd::EtcdSettings;
use super::limits::LimitSettings;
use super::names::NameSettings;
use super::passwords::PasswordSettings;
use super::privilege_lists::PrivilegeListSettings;
use super::roles::RoleSettings;
use super::security::SecuritySettings;
use super::tls::TlsSettings;
use super::transport::TransportSettings;
use super::upstream::UpstreamSettings;

/// Which set of defaults applies; every single one can be overridden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Compat {
    /// As the public page on users and roles says.
    #[default]
    Documented,
    /// As the newest Milvus does.
    Milvus,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Where the durable copy of the state is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreSetting {
    /// A sled data directory; relative paths are relative to the working directory.
    Sled(PathBuf),
    /// An etcd cluster; what `etcd.*` says of it beside its address stands in [`EtcdSettings`].
    Etcd {
        /// `host:port` of its members, at least one, each once.
        endpoints: Vec<String>,
        /// What all keys begin with, without a slash at either end: Milvus's `etcd.rootPath`, a
        /// slash, `etcd.metaSubPath`.
        root: String,
    },
    /// Nowhere: everything is gone when the process ends.
    Memory,
}

/// An address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress {
    /// The address. Port 0 lets the system choose one.
    pub address: SocketAddr,
    /// Whether it may be left out when the machine has no such address: true for the IPv6 half
    /// of `localhost`, so that a machine without IPv6 starts. If both halves have port 0, the
    /// second is to take the port that the first was given.
    pub optional: bool,
}

/// Everything that can be configured, with all defaults filled in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The set of defaults (`rbac.compat`, `--compat`). Code asks the single settings and not
    /// this one wherever there is a single setting.
    pub compat: Compat,
    /// Where to listen, at least one (`rbac.listen`, `--listen`). Default: `127.0.0.1` and
    /// `[::1]`, on port 19530 or `proxy.port`.
    pub listen: Vec<ListenAddress>,
    /// Where the state is kept (`rbac.store`, `--store`). Default: `sled:./milvus-rbac-data`.
    pub store: StoreSetting,
    /// How a store in etcd is reached, if it is one.
    pub etcd: EtcdSettings,
    /// Whether a store that is behind its high-water mark is opened nevertheless
    /// (`--accept-data-loss` only: nothing that stays switched on by accident).
    pub accept_data_loss: bool,
    /// How log lines are written (`rbac.logFormat`, `--log-format`).
    pub log_format: LogFormat,
    /// Who is checked, and the users that are special.
    pub security: SecuritySettings,
    /// TLS on the port, if it is wanted (`common.security.tlsMode`). Default: none.
    pub tls: Option<TlsSettings>,
    /// Which names are taken.
    pub names: NameSettings,
    /// Which passwords are taken, and how they are hashed.
    pub passwords: PasswordSettings,
    /// How the built-in users and roles behave.
    pub roles: RoleSettings,
    /// How many and how long.
    pub limits: LimitSettings,
    /// Sizes and times of connections and requests.
    pub transport: TransportSettings,
    /// What requests of browsers are answered.
    pub browsers: Browsers,
    /// What is behind the gateway; without it there is none.
    pub upstream: Option<UpstreamSettings>,
    /// Contents configured for Milvus's built-in privilege groups.
    pub privilege_lists: PrivilegeListSettings,
}

impl Settings {
    /// The settings when nothing is configured.
    pub fn defaults(compat: Compat) -> Self {
        Self {
            compat,
            listen: super::address::loopback(super::address::DEFAULT_PORT),
            store: StoreSetting::default(),
            etcd: EtcdSettings::default(),
            accept_data_loss: false,
            log_format: LogFormat::default(),
            security: SecuritySettings::default(),
            tls: None,
            names: NameSettings::defaults(compat),
            passwords: PasswordSettings::defaults(compat),
            roles: RoleSettings::defaults(compat),
            limits: LimitSettings::defaults(compat),
            transport: TransportSettings::default(),
            browsers: Browsers::defaults(compat),
            upstream: None,
            privilege_lists: PrivilegeListSettings::default(),
        }
    }

    /// Whether somebody on another machine could connect: any address but `127.0.0.0/8`
    /// and `::1`.
    pub fn listens_beyond_loopback(&self) -> bool {
        // An IPv4 loopback address written as IPv6 is one all the same.
        self.listen.iter().any(|listen| !listen.address.ip().to_canonical().is_loopback())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::defaults(Compat::default())
    }
}
