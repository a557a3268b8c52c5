//! Nobody but the owner reads or writes the directory: it holds password hashes.
//!
//! What is looser than that when we come is refused, because we cannot know who has read or
//! changed it meanwhile; what sled makes with the process's umask is tightened by us.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use super::durable::sync_directory;
use super::{StoreError, io_error};

/// Bits that give something to the group or to others.
const OTHERS: u32 = 0o077;

/// Files that we make with mode 0600 ourselves, so that a looser one was made so by somebody.
const CHECKED: [&str; 4] = ["lock", "db", "conf", "high-water"];

/// Makes the directory, if there is none, or checks that it is closed to others.
pub(super) fn prepare_directory(path: &Path) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Ok(found) => {
            if !found.is_dir() {
                return Err(io_error("use", path)(io::ErrorKind::NotADirectory.into()));
            }
            refuse_if_loose(path, &found, "700")
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_directory(path).map_err(io_error("create", path))
        }
        Err(error) => Err(io_error("look at", path)(error)),
    }
}

fn make_directory(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists())
        .collect();
    fs::create_dir_all(parent_of(path))?;
    DirBuilder::new().mode(0o700).create(path)?;
    // A power cut must not take the way to what is acknowledged inside.
    missing.into_iter().try_for_each(|made| sync_directory(parent_of(made)))
}

fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Refuses files that others may read or write.
pub(super) fn check_files(directory: &Path) -> Result<(), StoreError> {
    for name in CHECKED {
        let path = directory.join(name);
        match fs::metadata(&path) {
            Ok(found) => refuse_if_loose(&path, &found, "600")?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error("look at", &path)(error)),
        }
    }
    Ok(())
}

fn refuse_if_loose(path: &Path, found: &fs::Metadata, wanted: &str) -> Result<(), StoreError> {
    let mode = found.permissions().mode() & 0o777;
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let command = format!("chmod {wanted} {}", quote(path));
    Err(StoreError::Permissions { path: path.to_owned(), mode, command })
}

/// A path as a shell takes it.
fn quote(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        return text;
    }
    let start = if text.starts_with('-') { "./" } else { "" };
    format!("'{start}{}'", text.replace('\'', "'\\''"))
}

/// Closes our own and sled's files to others. What else lies there is not ours to change, such as
/// `lost+found` at the root of a file system.
pub(super) fn tighten(directory: &Path) -> io::Result<()> {
    let blobs = directory.join("blobs");
    fs::set_permissions(&blobs, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(directory)?.chain(fs::read_dir(blobs)?) {
        let entry = entry?;
        if entry.file_type()?.is_file() && is_ours(&entry.file_name().to_string_lossy()) {
            tighten_file(&entry.path())?;
        }
    }
    Ok(())
}

/// Blobs are named by a number.
fn is_ours(name: &str) -> bool {
    CHECKED.contains(&name)
        || name.starts_with("snap.")
        || name.starts_with("conf.")
        || name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Closes a file to others, if it is not.
pub(super) fn tighten_file(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.permissions().mode() & 0o777 == 0o600 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(0o600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_one_that_a_shell_takes() {
        for (path, quoted) in [
            ("/var/lib/milvus-rbac", "/var/lib/milvus-rbac"),
            ("./data", "./data"),
            ("/my data/x", "'/my data/x'"),
            ("/it's", "'/it'\\''s'"),
            ("-rf", "'./-rf'"),
        ] {
            assert_eq!(quote(Path::new(path)), quoted);
        }
    }

    #[test]
    fn parents_are_made_as_usual_and_the_directory_itself_is_closed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/data");
        prepare_directory(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        prepare_directory(&path).unwrap();
    }

    #[test]
    fn what_is_not_ours_keeps_its_mode() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("blobs")).unwrap();
        for (name, wanted) in
            [("db", 0o600), ("snap.0", 0o600), ("blobs/17", 0o600), ("notes.txt", 0o644)]
        {
            let path = home.path().join(name);
            fs::write(&path, "x").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
            tighten(home.path()).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, wanted, "{name}");
        }
    }

    #[test]
    fn a_file_in_place_of_the_directory_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data");
        fs::write(&path, "x").unwrap();
        assert!(matches!(prepare_directory(&path), Err(StoreError::Io { .. })));
    }
}
