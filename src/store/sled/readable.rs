//! Whether the disk can read what is there, asked before sled is.
//!
//! sled takes what it cannot read for the end of its log, and fills the rest of its file with
//! zeros: one failed read, and every record was gone. Read before, the files are also still in
//! the page cache when sled reads them, so that this costs little.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::{StoreError, io_error};

/// Bytes that are read at once.
const PIECE: usize = 1024 * 1024;

/// Reads each file in a store's directory to its end.
///
/// # Errors
/// If one of them cannot be read. Nothing has been changed then.
pub(super) fn check(directory: &Path) -> Result<(), StoreError> {
    let mut piece = vec![0; PIECE];
    for directory in [directory, &directory.join("blobs")] {
        let entries = fs::read_dir(directory).map_err(io_error("read", directory))?;
        for entry in entries {
            let entry = entry.map_err(io_error("read", directory))?;
            let path = entry.path();
            if entry.file_type().map_err(io_error("read", &path))?.is_file() {
                read_through(&path, &mut piece).map_err(io_error("read", &path))?;
            }
        }
    }
    Ok(())
}

fn read_through(path: &Path, piece: &mut [u8]) -> io::Result<()> {
    let file = File::open(path)?;
    let mut at = 0;
    loop {
        match file.read_at(piece, at) {
            Ok(0) => return Ok(()),
            Ok(read) => at += u64::try_from(read).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
