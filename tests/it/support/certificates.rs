//! An authority, a certificate for the servers of this machine and one for a client, as files.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

/// A certificate and its key.
pub(crate) type Pair = (PathBuf, PathBuf);

/// PEM files, gone when dropped. No two authorities know each other's certificates.
pub(crate) struct Certificates {
    home: TempDir,
    authority: Issuer<'static, KeyPair>,
    pub(crate) ca: PathBuf,
    pub(crate) server: PathBuf,
    pub(crate) server_key: PathBuf,
    pub(crate) client: PathBuf,
    pub(crate) client_key: PathBuf,
}

impl Certificates {
    /// Makes all of them. The server's names are `127.0.0.1` and `localhost`; the client's is
    /// `milvus-rbac`, which etcd takes for its user if it has users and no other login is given.
    pub(crate) fn make() -> Self {
        let home = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = named("an authority for tests", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca = write(home.path(), "ca.pem", &params.self_signed(&key).unwrap().pem());
        let authority = Issuer::new(params, key);
        let (server, server_key) = issue(&authority, home.path(), "server", &for_servers());
        let (client, client_key) = issue(&authority, home.path(), "client", &for_clients());
        Self { home, authority, ca, server, server_key, client, client_key }
    }

    /// A directory for more files.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Another certificate for the same servers, in files of this name.
    pub(crate) fn another_server(&self, name: &str) -> Pair {
        issue(&self.authority, self.home(), name, &for_servers())
    }

    /// The certificate of a client whose time is over.
    pub(crate) fn expired_client(&self) -> Pair {
        let mut params = for_clients();
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        issue(&self.authority, self.home(), "expired", &params)
    }

    /// A certificate that its authority gave for servers only.
    pub(crate) fn no_client(&self) -> Pair {
        let mut params = for_servers();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        issue(&self.authority, self.home(), "no-client", &params)
    }

    /// What lets etcdctl in.
    pub(super) fn etcdctl_flags(&self) -> [String; 3] {
        [("cacert", &self.ca), ("cert", &self.client), ("key", &self.client_key)]
            .map(|(flag, path)| format!("--{flag}={}", path.display()))
    }
}

fn for_servers() -> CertificateParams {
    let mut params = named("a server", &["127.0.0.1", "localhost"]);
    // etcd is a client of its own, for its JSON gateway.
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn for_clients() -> CertificateParams {
    let mut params = named("milvus-rbac", &[]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn named(name: &str, addresses: &[&str]) -> CertificateParams {
    let addresses: Vec<String> = addresses.iter().map(|&address| address.to_owned()).collect();
    let mut params = CertificateParams::new(addresses).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn issue(
    issuer: &Issuer<'_, KeyPair>,
    home: &Path,
    name: &str,
    params: &CertificateParams,
) -> Pair {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap().pem();
    let certificate = write(home, &format!("{name}.pem"), &certificate);
    (certificate, write(home, &format!("{name}-key.pem"), &key.serialize_pem()))
}

fn write(home: &Path, name: &str, text: &str) -> PathBuf {
    let path = home.join(name);
    fs::write(&path, text).unwrap();
    path
}
