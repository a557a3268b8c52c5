//! How others speak TLS to us, from files that may be replaced while we run.
//!
//! Who asks again, and how often, is left to the server. There is no look at the times of files: a
//! file may be replaced within a second of its writing, or by turning a symbolic link, and the
//! files are small enough to be read.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::TlsError;
use super::pem::{PemFile, certified};

/// The files that a server speaks TLS by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    /// PEM file of the server's certificate, with its chain.
    pub certificate: PathBuf,
    /// PEM file of its private key, not encrypted.
    pub key: PathBuf,
    /// PEM file of the authorities that clients must have a certificate of; `None` asks clients
    /// for none.
    pub client_ca: Option<PathBuf>,
}

/// What has become of the files since they were read last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// Nothing has changed.
    Same,
    /// New files are in force for handshakes from now on.
    Renewed,
    /// New files cannot be used; those before them stay in force. Told once for each change.
    Refused(TlsError),
}

/// A configuration that follows its files.
#[derive(Debug)]
pub struct ServerTls {
    files: ServerFiles,
    current: ArcSwap<ServerConfig>,
    seen: Mutex<Seen>,
}

/// What was in the files: a hash, since the key is to be nowhere that it is not needed; or why
/// they could not be read.
type Seen = Result<[u8; 32], TlsError>;

/// The files as they were read, all at about the same time.
struct Contents {
    certificate: PemFile,
    key: PemFile,
    client_ca: Option<PemFile>,
}

impl ServerTls {
    /// Reads the files, at most 1 MiB each. Blocks.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn open(files: ServerFiles) -> Result<Self, TlsError> {
        let contents = Contents::read(&files)?;
        let current = ArcSwap::new(contents.configure()?);
        Ok(Self { files, current, seen: Mutex::new(Ok(contents.digest())) })
    }

    /// Whether clients must show a certificate.
    pub fn is_mutual(&self) -> bool {
        self.files.client_ca.is_some()
    }

    /// The configuration for the next handshake.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// Looks at the files again, and takes them over if they have changed and can be used. Blocks.
    /// Connections that are open stay as they are.
    pub fn refresh(&self) -> Refreshed {
        let contents = Contents::read(&self.files);
        let now = contents.as_ref().map(Contents::digest).map_err(Clone::clone);
        // The lock guards one value, which a panic leaves as it was.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return Refreshed::Same;
        }
        *seen = now;
        match contents.and_then(|contents| contents.configure()) {
            Ok(config) => {
                self.current.store(config);
                Refreshed::Renewed
            }
            Err(error) => Refreshed::Refused(error),
        }
    }
}

impl Contents {
    fn read(files: &ServerFiles) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: PemFile::read(&files.certificate)?,
            key: PemFile::read(&files.key)?,
            client_ca: files.client_ca.as_deref().map(PemFile::read).transpose()?,
        })
    }

    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for file in [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()] {
            let bytes = file.map(PemFile::bytes).unwrap_or_default();
            hash.update(bytes.len().to_be_bytes());
            hash.update(bytes);
        }
        hash.finalize().into()
    }

    fn configure(&self) -> Result<Arc<ServerConfig>, TlsError> {
        if self.key.is_open_to_others() {
            tracing::warn!(
                file = %self.key.path().display(),
                "others than its owner may read this private key; `chmod 600` keeps it to him"
            );
        }
        let ours = certified(&self.certificate, &self.key)?;
        // Milvus speaks nothing older than 1.3 where clients need a certificate.
        let versions = if self.client_ca.is_some() { &[&TLS13][..] } else { &[&TLS13, &TLS12] };
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(|error| TlsError::unsupported(&error))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let roots = Arc::new(ca.roots()?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier = verifier.build().map_err(TlsError::of(ca.path()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(ours)));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if self.client_ca.is_some() {
            // A resumed session rests on a certificate that was good once; it is to be good now.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Arc::new(config))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    /// Writes a certificate and its key to these files.
    fn write(files: &ServerFiles) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&files.certificate, cert.pem()).unwrap();
        fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    }

    fn files(home: &tempfile::TempDir) -> ServerFiles {
        let at = |name| home.path().join(name);
        ServerFiles { certificate: at("server.pem"), key: at("key.pem"), client_ca: None }
    }

    #[test]
    fn each_change_of_the_files_is_told_once() {
        let home = tempfile::tempdir().unwrap();
        let files = files(&home);
        write(&files);
        let tls = ServerTls::open(files.clone()).unwrap();
        let first = tls.current();
        assert_eq!(tls.refresh(), Refreshed::Same);

        let before = fs::read(&files.certificate).unwrap();
        fs::write(&files.certificate, &before[..before.len() / 2]).unwrap();
        let refused = tls.refresh();
        assert!(
            matches!(&refused, Refreshed::Refused(error) if error.path() == Some(&files.certificate))
        );
        assert_eq!(tls.refresh(), Refreshed::Same);
        fs::remove_file(&files.certificate).unwrap();
        assert!(matches!(tls.refresh(), Refreshed::Refused(_)));
        assert_eq!(tls.refresh(), Refreshed::Same);
        assert!(Arc::ptr_eq(&first, &tls.current()), "what was there is in force");

        // Back to what is in force: nothing has gone wrong, and that is told, too.
        fs::write(&files.certificate, &before).unwrap();
        assert_eq!(tls.refresh(), Refreshed::Renewed);
        write(&files);
        assert_eq!(tls.refresh(), Refreshed::Renewed);
        assert_eq!(tls.refresh(), Refreshed::Same);
        assert!(!Arc::ptr_eq(&first, &tls.current()));
    }

    #[test]
    fn where_clients_need_a_certificate_no_session_is_taken_up_again() {
        let home = tempfile::tempdir().unwrap();
        let mut files = files(&home);
        write(&files);
        let open = ServerTls::open(files.clone()).unwrap();
        assert!(!open.is_mutual() && open.current().session_storage.can_cache());
        assert_eq!(open.current().max_early_data_size, 0);
        files.client_ca = Some(files.certificate.clone());
        let mutual = ServerTls::open(files).unwrap();
        assert!(mutual.is_mutual() && !mutual.current().session_storage.can_cache());
        assert_eq!(mutual.current().send_tls13_tickets, 0);
    }
}
