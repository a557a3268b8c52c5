//! Files of a data directory are damaged at random. It opens in the very state that was acknowledged,
//! or it is refused, and refused again: never another state, and never one from before.
//!
//! `BIT_FLIPS` and `BIT_FLIP_SEED` in the environment damage more often, or again.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use milvus_rbac::model::Revision;
use milvus_rbac::store::{Commit, SledOptions, SledStore, Store as _, StoreError, Writes};
use proptest::prelude::Rng as _;
use proptest::test_runner::TestRng;

use crate::support::{NoSync, Pairs, copy_directory, dice_of, number_of, pairs_of};

/// An opening that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory after so many commits: one that was closed and opened in between, and closed or left
/// as a killed process leaves it.
fn make(home: &Path, closed: bool) -> (PathBuf, Revision, Pairs) {
    let data = home.join(if closed { "closed" } else { "killed" });
    let original = home.join("original");
    let (mut state, mut revision) = (Pairs::new(), Revision(0));
    for part in 0..2_usize {
        let mut store = SledStore::open(&original, SledOptions::default()).unwrap();
        for number in part * 60..part * 60 + 60 {
            let key = |n: usize| format!("root-coord/credential/roles/r{}", n % 37).into_bytes();
            let put = (key(number * 7), format!("value {number}").repeat(number % 9).into_bytes());
            let gone = key(number * 5 + 1);
            state.insert(put.0.clone(), put.1.clone());
            let gone = (gone != put.0 && state.remove(&gone).is_some()).then_some(gone);
            let written = store.write(revision, Writes::of_pairs([put]).without(gone));
            let Commit::Committed(next) = written else { panic!("{written:?}") };
            revision = next;
        }
        if part == 1 && !closed {
            copy_directory(&original, &data);
        }
        store.close().unwrap();
    }
    if closed {
        copy_directory(&original, &data);
    }
    fs::remove_dir_all(original).unwrap();
    (data, revision, state)
}

/// Damages one file, and says how.
fn damage(data: &Path, dice: &mut TestRng) -> String {
    let files = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| fs::metadata(path).is_ok_and(|it| it.is_file() && it.len() > 0))
        .collect();
    files.sort();
    // Mostly the largest one, which holds the records.
    let largest = files.iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let path = match dice.next_u32() % 2 {
        0 => largest.clone(),
        _ => files[dice.next_u32() as usize % files.len()].clone(),
    };
    let bytes = fs::read(&path).unwrap();
    // Behind what sled has written there are only zeros, where there is little to damage.
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
    let at = dice.next_u32() as usize % used;
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let what = match dice.next_u32() % 10 {
        0 => {
            file.set_len(0).unwrap();
            "emptied".to_owned()
        }
        1 => {
            file.set_len(u64::try_from(at).unwrap()).unwrap();
            format!("cut off at {at}")
        }
        2 => {
            let start = at / 512 * 512;
            let end = bytes.len().min(start + 512);
            file.write_all_at(&vec![0; end - start], u64::try_from(start).unwrap()).unwrap();
            format!("zeroed from {start} to {end}")
        }
        _ => {
            let bit = dice.next_u32() % 8;
            file.write_all_at(&[bytes[at] ^ 1 << bit], u64::try_from(at).unwrap()).unwrap();
            format!("bit {bit} of {at} flipped")
        }
    };
    format!("{} {what}", path.file_name().unwrap().display())
}

/// Opens a directory and reads it; `None` if it was refused because of what is in it.
fn open(data: &Path) -> Option<(Revision, Pairs)> {
    let opened = SledStore::open_with_sync(data, SledOptions::default(), Arc::new(NoSync));
    let found = opened.and_then(|mut store| pairs_of(&mut store));
    match found {
        Ok(found) => Some(found),
        Err(
            StoreError::BehindMark { .. }
            | StoreError::Damaged { .. }
            | StoreError::Format { .. }
            | StoreError::Engine { .. },
        ) => None,
        Err(error) => panic!("that is not what is wrong with it: {error}"),
    }
}

/// Damages and opens, and says whether it opened.
fn try_once(original: &Path, expected: &(Revision, Pairs), seed: u64) -> Result<bool, String> {
    let mut dice = dice_of([seed, 0, 0, 0]);
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    copy_directory(original, &data);
    let what = damage(&data, &mut dice);
    let (sender, opened) = mpsc::channel();
    let path = data.clone();
    std::thread::spawn(move || {
        // What stands in the way of the first opening must still do so at the second.
        for _ in 0..2 {
            let _ = sender.send(open(&path));
        }
    });
    let mut opens = false;
    for time in ["first", "second"] {
        match opened.recv_timeout(PATIENCE) {
            Err(_) => return Err(format!("{what}: the {time} opening does not end")),
            Ok(Some(found)) if found != *expected => {
                let (revision, pairs) = found;
                let wrong = format!("{revision} with {} records", pairs.len());
                return Err(format!("{what}: the {time} opening found another state, {wrong}"));
            }
            Ok(found) => opens = found.is_some(),
        }
    }
    Ok(opens)
}

#[test]
fn a_damaged_directory_opens_in_the_state_acknowledged_or_not_at_all() {
    let first = number_of("BIT_FLIP_SEED");
    let times = number_of("BIT_FLIPS").unwrap_or(if first.is_some() { 1 } else { 400 });
    let first = first.unwrap_or(u64::from(std::process::id()) << 32);
    let home = tempfile::tempdir().unwrap();
    for closed in [true, false] {
        let (data, revision, state) = make(home.path(), closed);
        let expected = (revision, state);
        assert_eq!(open_copy(&data, home.path()).as_ref(), Some(&expected));
        let (mut opened, mut failures) = (0, Vec::new());
        for seed in first..first + times {
            match try_once(&data, &expected, seed) {
                Ok(opens) => opened += u64::from(opens),
                Err(what) => failures.push(format!("BIT_FLIP_SEED={seed}: {what}")),
            }
        }
        assert!(failures.is_empty(), "closed: {closed}\n{}", failures.join("\n"));
        println!("closed: {closed}; of {times}, {opened} opened, the others were refused");
        assert!(times < 100 || (opened > 0 && opened < times));
    }
}

fn open_copy(data: &Path, home: &Path) -> Option<(Revision, Pairs)> {
    let whole = home.join("whole");
    copy_directory(data, &whole);
    let found = open(&whole);
    fs::remove_dir_all(whole).unwrap();
    found
}
