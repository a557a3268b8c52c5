//! sled's file `conf`: three settings and a checksum, written once and never synced by sled.
//!
//! A torn one makes every later open fail, though it says nothing that we do not know. So we
//! write it ourselves, whole and durable, before sled looks for it, and replace a torn one.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::durable::sync_directory;
use super::{StoreError, io_error};

/// sled's own default. It can never change: the file is divided by it.
pub(super) const SEGMENT_SIZE: usize = 512 * 1024;

/// The settings as sled 0.34 writes them. A test holds them against sled's own file.
const SETTINGS: &str = "segment_size: 524288\nuse_compression: false\nversion: 0.34\n";

/// Sees to it that there is a `conf` that sled can read.
pub(super) fn ensure(directory: &Path) -> Result<(), StoreError> {
    let path = directory.join("conf");
    match fs::read(&path) {
        Ok(found) if found == expected() => return Ok(()),
        // Whole, but not ours: sled says what is different, and refuses.
        Ok(found) if is_whole(&found) => return Ok(()),
        Ok(_) => set_aside(directory, &path).map_err(io_error("set aside", &path))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if fs::metadata(directory.join("db")).is_ok_and(|data| data.len() > 0) {
                tracing::warn!(path = %path.display(), "the file was missing and has been rewritten");
            }
        }
        Err(error) => return Err(io_error("read", &path)(error)),
    }
    write(directory, &path).map_err(io_error("write", &path))
}

fn expected() -> Vec<u8> {
    let mut bytes = SETTINGS.as_bytes().to_vec();
    bytes.extend_from_slice(&crc32(SETTINGS.as_bytes()).to_le_bytes());
    bytes
}

/// Whether the checksum at the end is that of what stands before it.
fn is_whole(bytes: &[u8]) -> bool {
    bytes.split_last_chunk::<4>().is_some_and(|(settings, sum)| {
        !settings.is_empty() && crc32(settings) == u32::from_le_bytes(*sum)
    })
}

fn set_aside(directory: &Path, path: &Path) -> io::Result<()> {
    let free = (1..=u32::MAX)
        .map(|number| directory.join(format!("conf.torn-{number}")))
        .find(|aside| !aside.exists())
        .ok_or(io::ErrorKind::AlreadyExists)?;
    tracing::warn!(
        path = %path.display(),
        aside = %free.display(),
        "the file was torn; it has been set aside and rewritten from the fixed settings"
    );
    fs::rename(path, free)
}

/// Writes it under another name first, so that a power cut leaves a whole one or none.
fn write(directory: &Path, path: &Path) -> io::Result<()> {
    let new = directory.join("conf.new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&expected())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_directory(directory)
}

/// The checksum that sled uses (IEEE 802.3), a bit at a time: it covers sixty bytes.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xEDB8_8320;
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn the_settings_are_those_that_sled_writes() {
        let home = tempfile::tempdir().unwrap();
        let db = super::super::open::engine_config(home.path()).open().unwrap();
        drop(db);
        assert_eq!(fs::read(home.path().join("conf")).unwrap(), expected());
    }

    #[test]
    fn what_is_whole_is_told_from_what_is_torn() {
        let whole = expected();
        assert!(is_whole(&whole));
        for length in 0..whole.len() {
            assert!(!is_whole(&whole[..length]), "cut at {length}");
        }
    }
}
