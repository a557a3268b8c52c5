//! Settings: defaults, overridden by the file, the environment and the flags, in this order.
//!
//! Settings have Milvus's names, so that a `milvus.yaml` is a valid file; ours are `rbac.*`.
//! [`load`] finds all mistakes in one run and says where each is. What the settings do is left to
//! those who read them; opening stores and sockets, too.

mod address;
mod browsers;
#[cfg(feature = "cli")]
pub mod cli;
mod configured_roles;
mod environment;
mod etcd;
mod etcd_address;
#[cfg(feature = "cli")]
mod file;
mod key;
mod limits;
mod names;
mod passwords;
mod privilege_lists;
mod reader;
mod roles;
mod secret;
mod security;
mod settings;
mod show;
mod source;
mod tls;
mod transport;
#[cfg(feature = "cli")]
mod unknown_key;
mod upstream;
mod upstream_address;
mod words;

pub use browsers::Browsers;
#[cfg(feature = "cli")]
pub(crate) use environment::log_filter;
pub use environment::{Environment, FixedEnvironment, ProcessEnvironment};
pub use etcd::{EtcdAuth, EtcdSettings, EtcdSsl};
pub use limits::LimitSettings;
pub use names::NameSettings;
pub use passwords::PasswordSettings;
pub use privilege_lists::PrivilegeListSettings;
pub use roles::RoleSettings;
pub use secret::Secret;
pub use security::SecuritySettings;
pub use settings::{Compat, ListenAddress, LogFormat, Settings, StoreSetting};
pub use source::{ConfigErrors, IgnoredKey, Source};
pub use tls::TlsSettings;
pub use transport::TransportSettings;
pub use upstream::UpstreamSettings;
pub use upstream_address::{AddressError, UpstreamAddress};

use std::path::PathBuf;

use reader::{Entry, Given, Reader, Value};

/// What the command line says; texts are not judged yet, so that their mistakes are reported
/// together with all others. The default is a command line without flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config FILE`
    pub config: Option<PathBuf>,
    /// `--listen ADDRESS`, each one address or several with commas.
    pub listen: Vec<String>,
    /// `--store STORE`
    pub store: Option<String>,
    /// `--upstream ADDRESS`
    pub upstream: Option<String>,
    /// The flag that `store` was given with, if not `--store`.
    pub store_flag: Option<&'static str>,
    /// `--compat MODE`
    pub compat: Option<String>,
    /// `--log-format FORMAT`
    pub log_format: Option<String>,
    /// `--insecure-no-authorization`
    pub insecure_no_authorization: bool,
    /// `--insecure-default-root-password`
    pub insecure_default_root_password: bool,
    /// `--accept-data-loss`
    pub accept_data_loss: bool,
}

/// A valid configuration, and where it comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What the operator should be told once, one sentence each, without secrets.
    pub notices: Vec<String>,
    /// Keys of the file that are not for this service; for the log at debug level.
    pub ignored: Vec<IgnoredKey>,
    /// Sorted by key.
    entries: Vec<Entry>,
    /// Flags that are set and stand for no key.
    switches: Vec<&'static str>,
}

impl Loaded {
    /// Where the value of a setting comes from; `None` if there is no such setting.
    pub fn source(&self, key: &str) -> Option<&Source> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.source)
    }
}

/// Puts the settings together: defaults, then the file, the environment, the flags.
///
/// # Errors
/// Everything that is wrong, wherever it is.
pub fn load(flags: &Flags, environment: &dyn Environment) -> Result<Loaded, ConfigErrors> {
    let mut reader = Reader::default();
    let ignored = match &flags.config {
        Some(path) => apply_file(&mut reader, path),
        None => Vec::new(),
    };
    environment::apply(&mut reader, environment);
    apply_flags(&mut reader, flags);
    let settings = read_settings(&mut reader, flags);
    if !reader.mistakes.is_empty() {
        // As a reader walks through them: the file from top to bottom, the environment, the flags.
        reader.mistakes.sort_by_key(|mistake| (mistake.source.is_none(), mistake.source.clone()));
        return Err(ConfigErrors(reader.mistakes));
    }
    reader.entries.sort_by_key(|entry| entry.key);
    let switches = [
        (flags.accept_data_loss, "--accept-data-loss"),
        (flags.insecure_default_root_password, "--insecure-default-root-password"),
    ];
    Ok(Loaded {
        settings,
        notices: reader.notices,
        ignored,
        entries: reader.entries,
        switches: switches.into_iter().filter_map(|(set, flag)| set.then_some(flag)).collect(),
    })
}

#[cfg(feature = "cli")]
use file::apply as apply_file;

/// Without the parser of YAML a file cannot be read, and must not be left out.
#[cfg(not(feature = "cli"))]
fn apply_file(reader: &mut Reader, path: &std::path::Path) -> Vec<IgnoredKey> {
    reader.mistakes.push(source::Mistake {
        source: Some(Source::Flag("--config")),
        text: format!(
            "`{}` is not read: this program was built without the feature `cli` of milvus-rbac, \
             which reads files; build it with that, or give the settings another way",
            path.display()
        ),
    });
    Vec::new()
}

/// Puts the flags over what the reader was given so far.
fn apply_flags(reader: &mut Reader, flags: &Flags) {
    let listen = (!flags.listen.is_empty()).then(|| flags.listen.join(","));
    let texts = [
        ("rbac.listen", "--listen", &listen),
        ("rbac.store", flags.store_flag.unwrap_or("--store"), &flags.store),
        ("rbac.compat", "--compat", &flags.compat),
        ("rbac.upstream.address", "--upstream", &flags.upstream),
        ("rbac.logFormat", "--log-format", &flags.log_format),
    ];
    for (key, flag, text) in texts {
        if let Some(text) = text {
            let value = Value::Text(Secret::new(text.clone()));
            reader.given.insert(key, Given { value, source: Source::Flag(flag) });
        }
    }
}

fn read_settings(reader: &mut Reader, flags: &Flags) -> Settings {
    // First, since other defaults depend on it.
    reader.compat = reader.word("rbac.compat", Compat::default());
    reader.checked("proxy.resolveAliasForPrivilege", |text| reader::switch(text).is_ok());
    let names = NameSettings::read(reader);
    let (store, etcd) = etcd::read(reader);
    let is_shared = matches!(store, StoreSetting::Etcd { .. });
    Settings {
        compat: reader.compat,
        listen: read_listen(reader),
        store,
        etcd,
        accept_data_loss: flags.accept_data_loss,
        log_format: reader.word("rbac.logFormat", LogFormat::default()),
        security: SecuritySettings::read(
            reader,
            flags.insecure_no_authorization,
            flags.insecure_default_root_password,
        ),
        tls: tls::read(reader),
        roles: RoleSettings::read(reader, &names),
        names,
        passwords: PasswordSettings::read(reader),
        limits: LimitSettings::read(reader),
        transport: TransportSettings::read(reader, is_shared),
        browsers: Browsers::read(reader),
        upstream: upstream::read(reader),
        privilege_lists: PrivilegeListSettings::read(reader),
    }
}

/// The addresses to listen on. Milvus's `proxy.port` only changes the port of the default.
fn read_listen(reader: &mut Reader) -> Vec<ListenAddress> {
    const KEY: &str = "rbac.listen";
    let port = reader.number("proxy.port", address::DEFAULT_PORT, 0..=u16::MAX);
    let texts = reader.list(KEY);
    if texts.as_ref().is_some_and(Vec::is_empty) {
        reader.mistake(KEY, "names no address; write one, or leave it out");
    }
    let mut addresses: Vec<ListenAddress> = Vec::new();
    for text in texts.iter().flatten() {
        match address::parse(text) {
            Ok(parsed) => {
                for listen in parsed {
                    // The same address twice would be refused by the system as in use.
                    if addresses.iter().all(|known| known.address != listen.address) {
                        addresses.push(listen);
                    }
                }
            }
            Err(error) => reader.mistake(KEY, &error),
        }
    }
    if texts.is_none() {
        addresses = address::loopback(port);
    }
    let shown = texts.map_or_else(|| format!("localhost:{port}"), |texts| texts.join(","));
    reader.show(KEY, Some(shown));
    addresses
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::key::Kind;
    use super::*;

    fn read_everything(compat: Compat) -> Reader {
        let mut reader = Reader::default();
        let mut give = |key, text: &str| {
            let value = Value::Text(Secret::new(text.to_owned()));
            reader.given.insert(key, Given { value, source: Source::Flag("--test") });
        };
        // Shown only when given.
        for key in key::ALL.iter().filter(|key| key.name.contains("rivileges")) {
            give(key.name, "Search");
        }
        for key in key::ALL.iter().filter(|key| key.name.contains("overrideBuiltIn")) {
            give(key.name, "true");
        }
        give("rbac.compat", &compat.to_string());
        read_settings(&mut reader, &Flags::default());
        assert_eq!(reader.mistakes, []);
        reader
    }

    #[test]
    fn the_table_of_keys_and_what_is_read_are_the_same() {
        let reader = read_everything(Compat::Documented);
        let mut read: Vec<_> = reader.entries.iter().map(|entry| entry.key).collect();
        read.sort_unstable();
        let settings = key::ALL.iter().filter(|key| key.kind != Kind::Accepted);
        assert_eq!(read, settings.map(|key| key.name).collect::<Vec<_>>());
    }

    #[test]
    fn exactly_the_keys_so_marked_have_a_default_in_each_mode() {
        let values = |compat| -> BTreeMap<_, _> {
            let entries = read_everything(compat).entries.into_iter();
            entries.map(|entry| (entry.key, entry.value)).collect()
        };
        let (documented, milvus) = (values(Compat::Documented), values(Compat::Milvus));
        for key in key::ALL.iter().filter(|key| key.name != "rbac.compat") {
            let differ = documented.get(key.name) != milvus.get(key.name);
            assert_eq!(differ, key.kind == Kind::ByCompat, "{}", key.name);
        }
    }
}
