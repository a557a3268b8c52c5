//! `rbac.upstream`: the server behind the gateway, if we are one, and who we are to it.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::{Reader, one};
use super::secret::Secret;
use super::upstream_address::UpstreamAddress;

/// An upstream, and how it is reached.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UpstreamSettings {
    /// Where it is (`rbac.upstream.address`, `--upstream`).
    pub address: UpstreamAddress,
    /// Our login there: `user:password`, or a key (`rbac.upstream.token`, or
    /// `rbac.upstream.username` and `rbac.upstream.password`). Default: none is sent.
    pub token: Option<Secret>,
    /// PEM file of the authorities that its certificate may come from
    /// (`rbac.upstream.caPemPath`). Default: those that the machine trusts.
    pub ca_pem: Option<PathBuf>,
    /// PEM files of our own certificate and its key (`rbac.upstream.clientPemPath`,
    /// `rbac.upstream.clientKeyPath`). Default: none is shown.
    pub client: Option<(PathBuf, PathBuf)>,
    /// How many connections there are (`rbac.upstream.connections`), 1 to 64. Default: 4.
    pub connections: usize,
    /// How long it may take to connect (`rbac.upstream.connectTimeoutMs`), up to a minute.
    /// Default: 5 s.
    pub connect_timeout: Duration,
}

const ADDRESS: &str = "rbac.upstream.address";
const TOKEN: &str = "rbac.upstream.token";
const USER: &str = "rbac.upstream.username";
const PASSWORD: &str = "rbac.upstream.password";
const CLIENT: [&str; 2] = ["rbac.upstream.clientPemPath", "rbac.upstream.clientKeyPath"];

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> Option<UpstreamSettings> {
    let mut given = false;
    let address = reader.read(ADDRESS, |value| {
        one(value, |text| {
            given = !text.is_empty();
            let parsed = given.then(|| text.parse::<UpstreamAddress>()).transpose();
            parsed.map_err(|error| error.to_string())
        })
    });
    let address = address.flatten();
    let shown = address.as_ref().map(ToString::to_string);
    reader.show(ADDRESS, Some(shown.unwrap_or_default()));
    let token = read_token(reader);
    let ca_pem = path(reader, "rbac.upstream.caPemPath");
    let [certificate, key] = CLIENT.map(|name| path(reader, name));
    if certificate.is_some() != key.is_some() {
        let name = if certificate.is_some() { CLIENT[0] } else { CLIENT[1] };
        reader.mistake(name, &format!("{} and {} need each other", CLIENT[0], CLIENT[1]));
    }
    let client = certificate.zip(key);
    let connections = reader.number("rbac.upstream.connections", 4, 1..=64);
    let connect_timeout =
        reader.millis("rbac.upstream.connectTimeoutMs", Duration::from_secs(5), 1..=60_000);
    // What is empty says nothing, wherever it stands.
    let set = [
        (TOKEN, token.is_some()),
        ("rbac.upstream.caPemPath", ca_pem.is_some()),
        (CLIENT[0], client.is_some()),
    ];
    for (name, _) in set.iter().filter(|(_, set)| *set && !given) {
        reader.mistake(name, &format!("has no effect without {ADDRESS}"));
    }
    let address = address?;
    for (name, _) in set.iter().skip(1).filter(|(_, set)| *set && !address.tls) {
        reader.mistake(name, &format!("{ADDRESS} is {address}, which is not https"));
    }
    Some(UpstreamSettings { address, token, ca_pem, client, connections, connect_timeout })
}

/// The login, as one text.
fn read_token(reader: &mut Reader) -> Option<Secret> {
    let token = secret(reader, TOKEN);
    let user = reader.read(USER, |value| one(value, |text| Ok(text.to_owned())));
    let user = user.filter(|user| !user.is_empty());
    reader.show(USER, Some(user.clone().unwrap_or_default()));
    let password = secret(reader, PASSWORD);
    match (token, user, password) {
        (token, None, None) => token,
        (None, Some(user), Some(password)) if !user.contains(':') => {
            let mut whole = zeroize::Zeroizing::new(user);
            whole.push(':');
            whole.push_str(password.expose());
            Some(Secret::new(whole.to_string()))
        }
        (None, Some(user), Some(_)) => {
            reader.mistake(USER, &format!("`{user}` has a colon, which ends a user's name"));
            None
        }
        (Some(_), ..) => {
            reader.mistake(TOKEN, &format!("give it, or {USER} and {PASSWORD}, not both"));
            None
        }
        (None, Some(_), None) => {
            reader.mistake(USER, &format!("needs {PASSWORD}"));
            None
        }
        (None, None, Some(_)) => {
            reader.mistake(PASSWORD, &format!("needs {USER}"));
            None
        }
    }
}

fn secret(reader: &mut Reader, key: &'static str) -> Option<Secret> {
    let text = reader.read(key, |value| one(value, |text| Ok(text.to_owned())));
    reader.show(key, None);
    text.filter(|text| !text.is_empty()).map(Secret::new)
}

/// A path that is shown; an empty one counts as none.
fn path(reader: &mut Reader, key: &'static str) -> Option<PathBuf> {
    let text = reader.read(key, |value| one(value, |text| Ok(text.to_owned())));
    let text = text.filter(|text| !text.is_empty());
    reader.show(key, Some(text.clone().unwrap_or_default()));
    text.map(PathBuf::from)
}
