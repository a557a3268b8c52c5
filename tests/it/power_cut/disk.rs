//! What a disk may hold after a power cut.
//!
//! What a sync has covered that returned before the cut is there. Of what was written since, each
//! sector of 512 bytes is there or not, in any order, and the length of a file is what it was, or what
//! it was going to be, with zeros. Names in a directory change in their order, and are sure from a
//! sync of the directory on; a sync of the file is not taken for one of its name.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use proptest::prelude::Rng as _;
use proptest::test_runner::TestRng;

use super::trace::{DIRECTORY, Deed, Entry, FileId};

const SECTOR: usize = 512;

/// What becomes of the writes that no sync covers.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Lost,
    Kept,
    /// Each write is lost or kept.
    Reordered,
    /// Each sector is.
    Torn,
}

/// That a name stands for a file from now on, or for none.
type Change<'a> = (&'a Entry, PathBuf, Option<FileId>);

/// A log, cut off at a moment.
pub(super) struct Disk<'a> {
    log: &'a [Entry],
    cut: usize,
}

impl<'a> Disk<'a> {
    pub(super) fn new(log: &'a [Entry], cut: usize) -> Self {
        Self { log, cut }
    }

    /// The newest revision that had been acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        let begun = self.log.iter().filter(|entry| entry.begun < self.cut);
        let acknowledged = begun.filter_map(|entry| match entry.deed {
            Deed::Acknowledged(revision) => Some(revision),
            _ => None,
        });
        acknowledged.max().unwrap_or(0)
    }

    /// Makes the directory as this disk may hold it, chosen at random.
    pub(super) fn make(&self, target: &Path, dice: &mut TestRng) {
        let fate = match dice.next_u32() % 5 {
            0 => Fate::Lost,
            1 => Fate::Kept,
            2 => Fate::Reordered,
            _ => Fate::Torn,
        };
        let private = |path: &Path| fs::DirBuilder::new().mode(0o700).create(path).unwrap();
        private(target);
        for (path, file) in self.names(dice) {
            let path = target.join(path);
            if file == DIRECTORY {
                private(&path);
                continue;
            }
            // A name may be there and its directory not.
            if path.parent().is_some_and(Path::exists) {
                let mut options = fs::OpenOptions::new();
                let file_on_disk = options.write(true).create_new(true).mode(0o600).open(path);
                file_on_disk.unwrap().write_all(&self.content(file, fate, dice)).unwrap();
            }
        }
    }

    /// The end of the last sync of this kind that returned before the cut, as its beginning: what
    /// had ended by then is durable.
    fn sure_until(&self, is: impl Fn(&Deed) -> bool) -> usize {
        let syncs = self.log.iter().filter(|entry| entry.ended < self.cut && is(&entry.deed));
        syncs.map(|entry| entry.begun).max().unwrap_or(0)
    }

    fn names(&self, dice: &mut TestRng) -> BTreeMap<PathBuf, FileId> {
        let mut directories: BTreeMap<&Path, Vec<Change<'_>>> = BTreeMap::new();
        for entry in self.log.iter().filter(|entry| entry.begun < self.cut) {
            if let Deed::Name { directory, name, file } = &entry.deed {
                let change = (entry, directory.join(name), *file);
                directories.entry(directory).or_default().push(change);
            }
        }
        let mut names = BTreeMap::new();
        for (directory, changes) in directories {
            let sure = self.sure_until(|deed| {
                matches!(deed, Deed::SyncDirectory(path) if path.ends_with(directory)
                    && (directory != Path::new("") || !path.ends_with("blobs")))
            });
            let sure = changes.iter().take_while(|(entry, ..)| entry.ended < sure).count();
            let more = dice.next_u32() as usize % (changes.len() - sure + 1);
            for (_, path, file) in changes.into_iter().take(sure + more) {
                match file {
                    Some(file) => names.insert(path, file),
                    None => names.remove(&path),
                };
            }
        }
        names
    }

    fn content(&self, file: FileId, fate: Fate, dice: &mut TestRng) -> Vec<u8> {
        let sure =
            self.sure_until(|deed| matches!(deed, Deed::SyncFile(synced) if *synced == file));
        let mut content = Vec::new();
        let mut longest = 0;
        for entry in self.log.iter().filter(|entry| entry.begun < self.cut) {
            let is_sure = entry.ended < sure;
            match &entry.deed {
                Deed::Write { file: written, offset, bytes } if *written == file => {
                    longest = longest.max(offset + bytes.len());
                    let whole = is_sure
                        || match fate {
                            Fate::Lost => false,
                            Fate::Kept => true,
                            Fate::Reordered => dice.next_u32().is_multiple_of(2),
                            Fate::Torn => {
                                for (at, sector) in sectors(*offset, bytes) {
                                    if dice.next_u32().is_multiple_of(2) {
                                        put(&mut content, at, sector);
                                    }
                                }
                                false
                            }
                        };
                    if whole {
                        put(&mut content, *offset, bytes);
                    }
                }
                Deed::Truncate { file: cut, length }
                    if *cut == file
                        && (is_sure
                            || !matches!(fate, Fate::Lost)
                                && dice.next_u32().is_multiple_of(2)) =>
                {
                    content.resize(*length, 0);
                }
                _ => {}
            }
        }
        if content.len() < longest && dice.next_u32().is_multiple_of(2) {
            content.resize(longest, 0);
        }
        content
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if content.len() < offset + bytes.len() {
        content.resize(offset + bytes.len(), 0);
    }
    content[offset..offset + bytes.len()].copy_from_slice(bytes);
}

/// The parts of a write by the sectors of the disk that they fall into.
fn sectors(offset: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let length = (SECTOR - (offset + at) % SECTOR).min(rest.len());
        let part = (offset + at, &rest[..length]);
        at += length;
        Some(part)
    })
}
