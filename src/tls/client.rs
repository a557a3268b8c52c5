//! How we speak TLS to others: whom we trust, and who we say we are.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::TlsError;
use super::pem::{PemFile, certified};

/// How to speak TLS to a server. The default trusts whom the machine trusts and shows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// PEM file of the authorities that the server's certificate may come from, and no others;
    /// `None` stands for those that the machine trusts.
    pub ca: Option<PathBuf>,
    /// Our own certificate, if the server asks for one.
    pub identity: Option<Identity>,
    /// Whether TLS 1.2 is refused.
    pub only_tls13: bool,
}

/// A certificate of our own, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// PEM file of the certificate, with its chain.
    pub certificate: PathBuf,
    /// PEM file of its private key, not encrypted.
    pub key: PathBuf,
}

impl ClientTls {
    /// Reads the files, at most 1 MiB each, and makes the configuration from them, for HTTP/2
    /// (ALPN `h2`). Blocks. What changes in the files later counts when it is called again.
    ///
    /// # Errors
    /// The first file that cannot be used; or there is none to trust.
    pub fn load(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let versions = if self.only_tls13 { &[&TLS13][..] } else { &[&TLS13, &TLS12] };
        let roots = match &self.ca {
            Some(ca) => PemFile::read(ca)?.roots()?,
            None => system_roots()?,
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .map_err(|error| TlsError::unsupported(&error))?
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(Identity { certificate, key }) => {
                let ours = certified(&PemFile::read(certificate)?, &PemFile::read(key)?)?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(ours)))
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }
}

/// Whom the machine trusts. Some of its certificates may be of a kind that we cannot read; they
/// are left out, as they could never match.
fn system_roots() -> Result<RootCertStore, TlsError> {
    let mut found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(std::mem::take(&mut found.certs));
    tracing::debug!(added, ignored, errors = ?found.errors, "the machine's authorities are read");
    if added == 0 {
        let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        let detail =
            if errors.is_empty() { "none were found".to_owned() } else { errors.join("; ") };
        return Err(TlsError::NoSystemRoots { detail });
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn write(home: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn files_that_are_no_certificates_are_named() {
        let home = tempfile::tempdir().unwrap();
        let ca = home.path().join("ca.pem");
        for (content, text) in [(None, "No such file"), (Some("nothing"), "no certificate")] {
            if let Some(content) = content {
                std::fs::write(&ca, content).unwrap();
            }
            let tls = ClientTls { ca: Some(ca.clone()), ..ClientTls::default() };
            let error = tls.load().map(drop).unwrap_err();
            assert_eq!(error.path(), Some(&*ca));
            assert!(error.to_string().contains(text), "{error}");
        }
        let tls = ClientTls { ca: Some(home.path().to_owned()), ..ClientTls::default() };
        assert!(tls.load().unwrap_err().to_string().ends_with("no regular file"));
    }

    #[test]
    fn a_certificate_of_our_own_needs_its_own_key() {
        let home = tempfile::tempdir().unwrap();
        let pair = || generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let CertifiedKey { cert, signing_key } = pair();
        let ca = write(&home, "ca.pem", &cert.pem());
        let key = write(&home, "key.pem", &signing_key.serialize_pem());
        let foreign = write(&home, "foreign.pem", &pair().signing_key.serialize_pem());
        let with = |key: &PathBuf| ClientTls {
            ca: Some(ca.clone()),
            identity: Some(Identity { certificate: ca.clone(), key: key.clone() }),
            only_tls13: true,
        };
        assert_eq!(with(&key).load().unwrap().alpn_protocols, [b"h2"]);
        let error = with(&foreign).load().unwrap_err().to_string();
        assert!(error.contains("foreign.pem") && error.contains("not the key of"), "{error}");
        let error = with(&ca).load().unwrap_err().to_string();
        assert!(error.contains("no private key"), "{error}");
    }
}
