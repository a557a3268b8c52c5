//! Data directories as tests treat them: copied, read, and opened without care for the disk; and what
//! says how often and with which luck.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use milvus_rbac::model::Revision;
use milvus_rbac::store::{SledStore, Store as _, StoreError, SyncFile};
use proptest::test_runner::{RngAlgorithm, TestRng};

/// Keys and values of a store.
pub(crate) type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// For what need not last.
#[derive(Debug)]
pub(crate) struct NoSync;

impl SyncFile for NoSync {
    fn sync_data(&self, _: &File, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// Copies a directory with all that is in it, and its mode.
pub(crate) fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// All that a store holds.
pub(crate) fn pairs_of(store: &mut SledStore) -> Result<(Revision, Pairs), StoreError> {
    let mut pairs = Pairs::new();
    let scanned = store.scan(&mut |key, value| {
        pairs.insert(key.to_vec(), value.to_vec());
    })?;
    Ok((scanned.revision, pairs))
}

/// A number that the environment gives to a test.
pub(crate) fn number_of(variable: &str) -> Option<u64> {
    std::env::var_os(variable).map(|text| text.to_str().unwrap().parse().unwrap())
}

/// Dice that fall alike for the same numbers.
pub(crate) fn dice_of(seed: [u64; 4]) -> TestRng {
    let mut bytes = [0; 32];
    for (part, value) in bytes.chunks_exact_mut(8).zip(seed) {
        part.copy_from_slice(&value.to_le_bytes());
    }
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}
