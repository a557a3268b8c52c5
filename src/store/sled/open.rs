//! Taking a directory into use, step by step.
//!
//! Nothing in it is changed before its lock is ours, and sled does not see it before everything
//! that sled stumbles over is out of the way.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::conf::{self, SEGMENT_SIZE};
use super::durable::{Blobs, SyncFile, sync_directory};
use super::lock::{LockFile, wait_for_data_lock};
use super::mark::{self, MarkFile};
use super::meta::Meta;
use super::opened::Opened;
use super::watch::Watch;
use super::{SledOptions, StoreError, attempt, io_error, permissions, readable};

/// Bytes of pages that sled keeps in memory, besides what it needs to find them. Only a commit
/// reads any, and only those it changes.
const CACHE: u64 = 8 * 1024 * 1024;

/// Opens a directory with all checks.
pub(super) fn open(
    path: &Path,
    options: &SledOptions,
    sync: &dyn SyncFile,
) -> Result<Opened, StoreError> {
    permissions::prepare_directory(path)?;
    let lock = LockFile::take(path)?;
    permissions::check_files(path)?;
    remove_leftovers(path).map_err(io_error("clean up", path))?;
    conf::ensure(path)?;
    let data = make_files(path).map_err(io_error("create files in", path))?;
    wait_for_data_lock(path, &data)?;
    readable::check(path)?;
    let db = attempt("open", path, || engine_config(path).open()).map_err(with_way_out)?;
    permissions::tighten(path).map_err(io_error("set the modes in", path))?;
    let found = Meta::read(&db, path)?;
    mark::check(path, found.as_ref(), options.accept_data_loss)?;
    let watch = Watch::start(&db).map_err(io_error("start a thread for", path))?;
    let mut opened = Opened {
        watch,
        db,
        data,
        blobs: Blobs::new(path.join("blobs")),
        mark: None,
        meta: found.unwrap_or_default(),
        lock,
    };
    if found.is_none() {
        let first = Meta::first_batch(options.created_unix_ms);
        attempt("write to", path, || opened.db.apply_batch(first))?;
    }
    // Also when nothing was written: sled cuts off what was torn and may have rewritten a page.
    opened.make_durable(path, sync)?;
    sync_directory(path).map_err(io_error("sync", path))?;
    opened.finish_journal(path, sync)?;
    // INVARIANT: there is no mark, not even an empty one, before what it speaks of is on the disk.
    opened.mark = Some(MarkFile::open(path)?);
    opened.move_mark();
    Ok(opened)
}

/// Says what can be done when sled refuses its files. Without a snapshot it reads the whole log,
/// and what it then finds is held against mark and digest.
fn with_way_out(error: StoreError) -> StoreError {
    match error {
        StoreError::Engine { action, path, detail } => StoreError::Engine {
            action,
            path,
            detail: format!(
                "{detail}; move its snap.* files away and try again, or restore a copy of the \
                 directory"
            ),
        },
        other => other,
    }
}

/// sled's settings. None of those that stand in `conf` may ever change.
pub(super) fn engine_config(path: &Path) -> sled::Config {
    sled::Config::new()
        .path(path)
        .cache_capacity(CACHE)
        .mode(sled::Mode::HighThroughput)
        .use_compression(false)
        .segment_size(SEGMENT_SIZE)
        // A thread that syncs on a timer would swallow what goes wrong.
        .flush_every_ms(None)
}

/// sled does not open a directory in which it was interrupted while writing a snapshot. The
/// snapshot only saves reading the log again.
fn remove_leftovers(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::warn!(
                path = %entry.path().display(),
                "removing what an interrupted start left behind"
            );
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes what sled would make with looser modes. Returns our own handle on the data file.
fn make_files(path: &Path) -> io::Result<File> {
    let blobs = path.join("blobs");
    match DirBuilder::new().mode(0o700).create(&blobs) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path.join("db"))
}
