//! The file `high-water`: the last state that was acknowledged.
//!
//! sled takes a damaged log for a shorter one and opens an older state, in which revoked rights
//! are back. The mark gives that away. It is not synced, so after a power cut it may be older
//! than the store, or torn; it is never newer than what was durable.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::meta::{Digest, Meta};
use super::{StoreError, io_error};
use crate::model::Revision;

/// First bytes of the file; the last one is the version of its form.
const MAGIC: [u8; 8] = *b"mrbacHW\x01";

/// Magic, revision, digest.
const BODY: usize = 8 + 8 + 32;

/// With the SHA-256 of the body behind it.
const LENGTH: usize = BODY + 32;

/// The mark, open for writing.
#[derive(Debug)]
pub(super) struct MarkFile {
    file: File,
    path: PathBuf,
}

impl MarkFile {
    /// Opens the file, and makes it if there is none.
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join("high-water");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io_error("open", &path))?;
        Ok(Self { file, path })
    }

    /// Moves the mark. Where that fails the mark stays behind, which costs a part of the
    /// protection but no truth, so the commit stands.
    pub(super) fn write(&self, meta: &Meta) {
        if let Err(error) = self.file.write_all_at(&encode(meta), 0) {
            tracing::warn!(
                path = %self.path.display(), %error,
                "cannot move the high-water mark; a loss of data might go unnoticed"
            );
        }
    }
}

/// Refuses a store that is behind its mark; with `accept_data_loss` it only warns.
///
/// `found` is what the store says of itself, `None` if it is empty.
pub(super) fn check(
    directory: &Path,
    found: Option<&Meta>,
    accept_data_loss: bool,
) -> Result<(), StoreError> {
    let path = directory.join("high-water");
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error("read", &path)(error)),
    };
    let behind = match (decode(&bytes), found) {
        (Some(marked), found) => is_behind(found, &marked).then(|| StoreError::BehindMark {
            path: directory.to_owned(),
            found: found.map_or(0, |found| found.revision.0),
            marked: marked.revision.0,
        }),
        (None, Some(_)) => {
            tracing::warn!(
                path = %path.display(),
                "the high-water mark is unreadable; whether changes were lost cannot be told"
            );
            None
        }
        // The mark is made after the store has been made durable, so this one has lost all.
        (None, None) => Some(StoreError::Damaged {
            path: directory.to_owned(),
            detail: "it is empty, and its high-water mark says that it has been in use".to_owned(),
        }),
    };
    match behind {
        None => Ok(()),
        Some(error) if accept_data_loss => {
            tracing::warn!(%error, "going on with what is there, as told");
            Ok(())
        }
        Some(error) => Err(error),
    }
}

fn is_behind(found: Option<&Meta>, marked: &Meta) -> bool {
    let found = found.copied().unwrap_or_default();
    found.revision < marked.revision
        || (found.revision == marked.revision && found.digest != marked.digest)
}

fn encode(meta: &Meta) -> [u8; LENGTH] {
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&meta.revision.0.to_be_bytes());
    bytes.extend_from_slice(&meta.digest.0);
    let sum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&sum);
    let mut record = [0; LENGTH];
    for (to, from) in record.iter_mut().zip(bytes) {
        *to = from;
    }
    record
}

fn decode(bytes: &[u8]) -> Option<Meta> {
    let record = bytes.get(..LENGTH)?;
    let (body, sum) = record.split_at_checked(BODY)?;
    if Sha256::digest(body).as_slice() != sum {
        return None;
    }
    let (magic, rest) = body.split_first_chunk::<8>()?;
    let (revision, digest) = rest.split_first_chunk::<8>()?;
    (*magic == MAGIC).then_some(())?;
    Some(Meta {
        revision: Revision(u64::from_be_bytes(*revision)),
        digest: Digest(digest.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(revision: u64, digest: u8) -> Meta {
        Meta { revision: Revision(revision), digest: Digest([digest; 32]) }
    }

    #[test]
    fn a_mark_survives_being_written_and_read() {
        assert_eq!(decode(&encode(&meta(7, 9))), Some(meta(7, 9)));
    }

    #[test]
    fn no_changed_or_missing_byte_goes_unnoticed() {
        let whole = encode(&meta(7, 9));
        for at in 0..LENGTH {
            let mut changed = whole;
            changed[at] ^= 0x10;
            assert_eq!(decode(&changed), None, "changed at {at}");
            assert_eq!(decode(&whole[..at]), None, "cut at {at}");
        }
        assert_eq!(decode(&[0; LENGTH]), None);
    }

    #[test]
    fn behind_is_a_lower_revision_or_another_state_of_the_same() {
        assert!(is_behind(Some(&meta(6, 9)), &meta(7, 9)));
        assert!(is_behind(Some(&meta(7, 8)), &meta(7, 9)));
        assert!(is_behind(None, &meta(7, 9)));
        assert!(!is_behind(Some(&meta(7, 9)), &meta(7, 9)));
        assert!(!is_behind(Some(&meta(8, 1)), &meta(7, 9)), "the mark is not synced");
        assert!(!is_behind(None, &Meta::default()));
    }
}
