//! One process per directory.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{StoreError, io_error};

/// How often, and how long in between, sled's lock is tried once ours is held.
const TRIES: u32 = 400;
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// The lock on a directory, held until it is dropped or the process ends.
#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
}

impl Drop for LockFile {
    // Closing is not enough: a process that some other thread is just starting has a copy of the
    // descriptor until it runs its own program, and with it the lock.
    fn drop(&mut self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

impl LockFile {
    /// Takes the lock, or says at once that somebody has it.
    pub(super) fn take(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io_error("open", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { file }),
            Err(Errno::WOULDBLOCK) => Err(StoreError::Locked { path: directory.to_owned() }),
            Err(errno) => Err(io_error("lock", &path)(errno.into())),
        }
    }
}

/// Waits until sled could lock its data file. We hold the directory's lock, so if somebody has
/// sled's, it is most likely a thread of our own earlier sled that is just ending.
pub(super) fn wait_for_data_lock(directory: &Path, data: &File) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        match flock(data, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                return flock(data, FlockOperation::Unlock)
                    .map_err(|errno| io_error("unlock", directory)(errno.into()));
            }
            Err(Errno::WOULDBLOCK) => thread::sleep(BETWEEN_TRIES),
            Err(errno) => return Err(io_error("lock", directory)(errno.into())),
        }
    }
    Err(StoreError::Locked { path: directory.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_free_once_it_is_dropped_whoever_has_a_copy_of_the_descriptor() {
        let home = tempfile::tempdir().unwrap();
        let lock = LockFile::take(home.path()).unwrap();
        let copy = lock.file.try_clone().unwrap();
        assert!(matches!(LockFile::take(home.path()), Err(StoreError::Locked { .. })));
        drop(lock);
        LockFile::take(home.path()).unwrap();
        drop(copy);
    }
}
