//! An authority, a certificate for the servers of this machine and one for a client, as files.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;

/// PEM files, gone when dropped. No two authorities know each other's certificates.
pub(crate) struct Certificates {
    _home: TempDir,
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
        let issuer = Issuer::new(params, key);
        let mut params = named("etcd", &["127.0.0.1", "localhost"]);
        // etcd is a client of its own, for its JSON gateway.
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let (server, server_key) = issue(&issuer, home.path(), "server", &params);
        let mut params = named("milvus-rbac", &[]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (client, client_key) = issue(&issuer, home.path(), "client", &params);
        Self { _home: home, ca, server, server_key, client, client_key }
    }

    /// What lets etcdctl in.
    pub(super) fn etcdctl_flags(&self) -> [String; 3] {
        [("cacert", &self.ca), ("cert", &self.client), ("key", &self.client_key)]
            .map(|(flag, path)| format!("--{flag}={}", path.display()))
    }
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
) -> (PathBuf, PathBuf) {
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
