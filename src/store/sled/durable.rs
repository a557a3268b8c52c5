//! Bringing files to the disk, where sled leaves them in the page cache.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::permissions;

/// How file contents reach the disk. There is one real way; a test may have a failing one.
pub trait SyncFile: Debug + Send + Sync {
    /// Returns when everything written to the file so far survives a power cut.
    ///
    /// # Errors
    /// If that cannot be said.
    fn sync_data(&self, file: &File, path: &Path) -> io::Result<()>;
}

/// `fdatasync`.
#[derive(Debug, Clone, Copy)]
pub(super) struct DataSync;

impl SyncFile for DataSync {
    fn sync_data(&self, file: &File, _: &Path) -> io::Result<()> {
        file.sync_data()
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Lets the system forget what it has in memory of a file. After a failed sync, pages that never
/// reached the disk count as clean; who reads the file again must see the disk and not them.
pub(super) fn forget_cached_pages(file: &File) {
    #[cfg(target_os = "linux")]
    // Advice only: where it cannot be given, reading is as it was.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}

/// The files into which sled puts what does not fit into its log: pages above an eighth of a
/// mebibyte. sled writes each once, under a new name, and never syncs it.
pub(super) struct Blobs {
    directory: PathBuf,
    synced: HashSet<OsString>,
}

impl Blobs {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, synced: HashSet::new() }
    }

    /// Syncs the blobs that are new since the last time, and their names. Nearly always there is
    /// none, and this is one look into an empty directory.
    pub(super) fn sync_new(&mut self, sync: &dyn SyncFile) -> io::Result<()> {
        let mut present = HashSet::new();
        let mut is_new = false;
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if !self.synced.contains(&entry.file_name()) {
                match Self::sync_blob(&entry.path(), sync) {
                    // sled removes blobs that nothing points to any more.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    synced => synced?,
                }
                is_new = true;
            }
            present.insert(entry.file_name());
        }
        if is_new {
            sync_directory(&self.directory)?;
        }
        self.synced = present;
        Ok(())
    }

    fn sync_blob(path: &Path, sync: &dyn SyncFile) -> io::Result<()> {
        permissions::tighten_file(path)?;
        sync.sync_data(&File::open(path)?, path)
    }
}
