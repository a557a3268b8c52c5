//! One PEM file, read whole, and what is in it. The bytes of private keys are wiped.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring::sign::any_supported_type;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys, RootCertStore};
use zeroize::{Zeroize as _, Zeroizing};

use super::TlsError;

/// Most bytes of a file: all authorities that a system trusts take a quarter of it.
const MOST_BYTES: u64 = 1 << 20;

/// A file as it was when it was read. No `Debug`: it may hold a key.
pub(super) struct PemFile {
    path: PathBuf,
    bytes: Zeroizing<Vec<u8>>,
    mode: u32,
}

impl PemFile {
    pub(super) fn read(path: &Path) -> Result<Self, TlsError> {
        // A pipe would be waited for when it is opened, so it is asked before.
        if !path.metadata().map_err(TlsError::of(path))?.is_file() {
            return Err(TlsError::of(path)("it is no regular file"));
        }
        let file = File::open(path).map_err(TlsError::of(path))?;
        let metadata = file.metadata().map_err(TlsError::of(path))?;
        // As large as needed from the start: growing would leave a copy behind.
        let size = usize::try_from(metadata.len().min(MOST_BYTES)).unwrap_or_default() + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(size));
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(TlsError::of(path))?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(TlsError::of(path)("it is larger than 1 MiB"));
        }
        Ok(Self { path: path.to_owned(), bytes, mode: metadata.mode() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether others than its owner may read it.
    pub(super) fn is_open_to_others(&self) -> bool {
        self.mode & 0o077 != 0
    }

    /// All certificates, at least one.
    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let found: Vec<_> = CertificateDer::pem_slice_iter(&self.bytes)
            .collect::<Result<_, _>>()
            .map_err(TlsError::of(&self.path))?;
        if found.is_empty() {
            return Err(TlsError::of(&self.path)("there is no certificate in it"));
        }
        Ok(found)
    }

    /// Its certificates as authorities.
    pub(super) fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates()? {
            roots.add(certificate).map_err(TlsError::of(&self.path))?;
        }
        Ok(roots)
    }
}

/// A certificate with its chain and the private key that belongs to it.
pub(super) fn certified(
    certificate: &PemFile,
    key: &PemFile,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = certificate.certificates()?;
    let mut secret = PrivateKeyDer::from_pem_slice(&key.bytes).map_err(|_| {
        TlsError::of(&key.path)("there is no private key in it that can be read without a password")
    })?;
    let signing = any_supported_type(&secret).map_err(TlsError::of(&key.path));
    secret.zeroize();
    let certified = CertifiedKey::new(chain, signing?);
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Arc::new(certified)),
        Err(Error::InconsistentKeys(_)) => {
            let whose = format!("it is not the key of {}", certificate.path.display());
            Err(TlsError::of(&key.path)(whose))
        }
        Err(error) => Err(TlsError::of(&certificate.path)(error)),
    }
}
