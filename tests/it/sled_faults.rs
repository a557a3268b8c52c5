//! What the sled store does when the medium, another process or a person does it wrong.
//!
//! Each test makes a directory, breaks it the way real ones break, and opens it. The answer may
//! be the right state or a refusal with a way out; it is never another state.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};

use milvus_rbac::model::{Change, Revision};
use milvus_rbac::store::{Commit, SledOptions, SledStore, Store, StoreError, SyncFile};

use crate::store_contract::{commit, delete, open_raw, put, role, state, user};
use crate::support::copy_directory;

struct Place {
    home: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn open(&self) -> Result<SledStore, StoreError> {
        SledStore::open(&self.path(), SledOptions::default())
    }

    fn open_accepting_loss(&self) -> Result<SledStore, StoreError> {
        let options = SledOptions { accept_data_loss: true, ..SledOptions::default() };
        SledStore::open(&self.path(), options)
    }

    /// Opens, commits, closes.
    #[track_caller]
    fn commit(&self, changes: &[Change]) {
        let mut store = self.open().unwrap();
        commit(&mut store, changes);
        store.close().unwrap();
    }

    /// A place with a user and a role in it, at revision 2, closed.
    fn with_two_commits() -> Self {
        let place = Self::new();
        place.commit(&[put(user("ann", "h"))]);
        place.commit(&[put(role("reader", "reads"))]);
        place
    }

    /// A copy of all files.
    fn copy(&self) -> Self {
        let copy = Self::new();
        copy_directory(&self.path(), &copy.path());
        copy
    }

    /// Puts sled's files of another place here, and leaves the mark.
    fn take_sled_files_of(&self, other: &Self) {
        let mark = fs::read(self.file("high-water")).unwrap();
        fs::remove_dir_all(self.path()).unwrap();
        copy_directory(&other.path(), &self.path());
        self.write_mark(&mark);
    }

    fn write_mark(&self, bytes: &[u8]) {
        fs::write(self.file("high-water"), bytes).unwrap();
        fs::set_permissions(self.file("high-water"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// sled without us.
    fn raw(&self) -> sled::Db {
        open_raw(&sled::Config::new().path(self.path()))
    }
}

/// What is logged on this thread meanwhile.
fn logged<T>(work: impl FnOnce() -> T) -> (T, String) {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let result = tracing::subscriber::with_default(subscriber, work);
    let bytes = log.0.lock().unwrap().clone();
    (result, String::from_utf8(bytes).unwrap())
}

/// Syncs as it should, unless told otherwise, and keeps what each sync saw.
#[derive(Debug, Default)]
struct FaultySync {
    fails: AtomicBool,
    panics: AtomicBool,
    /// Path of each synced file, and the bytes that it had.
    seen: Mutex<Vec<(PathBuf, Vec<u8>)>>,
}

impl SyncFile for FaultySync {
    fn sync_data(&self, file: &File, path: &Path) -> io::Result<()> {
        self.seen.lock().unwrap().push((path.to_owned(), fs::read(path)?));
        assert!(!self.panics.load(Ordering::Relaxed), "told to panic");
        if self.fails.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(5));
        }
        file.sync_data()
    }
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn a_torn_conf_is_set_aside_and_rewritten() {
    let place = Place::with_two_commits();
    let whole = fs::read(place.file("conf")).unwrap();
    let expected = state(&mut place.open().unwrap());
    let mut torn: Vec<Vec<u8>> =
        [0, 1, 8, 9, 20, 40, whole.len() - 4, whole.len() - 1].map(|n| whole[..n].to_vec()).into();
    torn.push(vec![0; whole.len()]);
    torn.push(vec![0xff; 4096]);
    torn.push(b"segment_size: 1\nuse_compression: maybe\nversion: 9\n\0\0\0\0".to_vec());
    for (number, bytes) in torn.iter().enumerate() {
        fs::write(place.file("conf"), bytes).unwrap();
        let (store, log) = logged(|| place.open());
        let mut store = store.unwrap();
        assert_eq!(state(&mut store), expected, "conf {number}");
        assert!(log.contains("WARN") && log.contains("set aside"), "conf {number}: {log}");
        assert_eq!(fs::read(place.file("conf")).unwrap(), whole);
        let aside = place.file(&format!("conf.torn-{}", number + 1));
        assert_eq!(&fs::read(aside).unwrap(), bytes);
        store.close().unwrap();
    }
}

#[test]
fn a_missing_conf_is_rewritten_with_a_warning() {
    let place = Place::with_two_commits();
    fs::remove_file(place.file("conf")).unwrap();
    let (store, log) = logged(|| place.open());
    assert_eq!(state(&mut store.unwrap()).len(), 2);
    assert!(log.contains("WARN") && log.contains("was missing"), "{log}");
}

#[test]
fn a_whole_conf_with_other_settings_is_refused_and_left_alone() {
    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
    drop(open_raw(&sled::Config::new().path(place.path()).segment_size(1 << 16)));
    for name in ["conf", "db"] {
        fs::set_permissions(place.file(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let conf = fs::read(place.file("conf")).unwrap();
    assert!(matches!(place.open(), Err(StoreError::Engine { .. })));
    assert_eq!(fs::read(place.file("conf")).unwrap(), conf);
}

#[test]
fn a_snapshot_that_was_never_finished_does_not_prevent_a_start() {
    let place = Place::with_two_commits();
    let leftover = place.file("snap.00000000FFFFFFFF.generating");
    fs::write(&leftover, b"half").unwrap();
    let (store, log) = logged(|| place.open());
    assert_eq!(state(&mut store.unwrap()).len(), 2);
    assert!(!leftover.exists());
    assert!(log.contains("WARN") && log.contains(".generating"), "{log}");
}

#[test]
fn without_its_snapshot_a_store_is_read_from_the_log() {
    let place = Place::with_two_commits();
    let names = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().path());
    let snapshot =
        names.into_iter().find(|path| path.to_str().unwrap().contains("/snap.")).unwrap();
    fs::write(&snapshot, b"garbage of more than twelve bytes").unwrap();
    let error = place.open().unwrap_err();
    assert!(error.to_string().contains("move its snap.* files away"), "{error}");
    fs::rename(&snapshot, place.home.path().join("moved")).unwrap();
    assert_eq!(state(&mut place.open().unwrap()).len(), 2);
}

#[test]
fn a_store_behind_its_mark_is_refused_until_the_loss_is_accepted() {
    let place = Place::with_two_commits();
    let old = place.copy();
    place.commit(&[delete(&user("ann", ""))]);
    place.take_sled_files_of(&old);

    for _ in 0..2 {
        let error = place.open().unwrap_err();
        assert!(matches!(error, StoreError::BehindMark { found: 2, marked: 3, .. }), "{error}");
    }
    let (store, log) = logged(|| place.open_accepting_loss());
    assert!(log.contains("WARN") && log.contains("as told"), "{log}");
    let mut store = store.unwrap();
    assert_eq!(state(&mut store).len(), 2, "what the old files hold");
    store.close().unwrap();
    assert_eq!(place.open().unwrap().load().unwrap().revision, Revision(2), "accepted for good");
}

#[test]
fn another_state_of_the_marked_revision_is_refused() {
    let place = Place::with_two_commits();
    let fork = place.copy();
    place.commit(&[put(role("one", ""))]);
    fork.commit(&[put(role("other", ""))]);
    place.take_sled_files_of(&fork);
    let error = place.open().unwrap_err();
    assert!(matches!(error, StoreError::BehindMark { found: 3, marked: 3, .. }), "{error}");
}

#[test]
fn a_store_that_lost_everything_is_refused_whether_its_mark_is_readable_or_not() {
    let place = Place::with_two_commits();
    for entry in fs::read_dir(place.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name == "db" || name.starts_with("snap.") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let error = place.open().unwrap_err();
    assert!(matches!(error, StoreError::BehindMark { found: 0, marked: 2, .. }), "{error}");
    place.write_mark(b"");
    let error = place.open().unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(state(&mut place.open_accepting_loss().unwrap()).is_empty());
    place.open().unwrap();
}

#[test]
fn a_loss_is_accepted_at_the_first_opening_only() {
    let place = Place::with_two_commits();
    let old = place.copy();
    let mut store = place.open_accepting_loss().unwrap();
    commit(&mut store, &[put(role("new", ""))]);
    store.close().unwrap();
    place.take_sled_files_of(&old);
    assert!(matches!(store.reopen(), Err(StoreError::BehindMark { .. })));
    assert!(matches!(store.load(), Err(StoreError::NotOpen)));
}

#[test]
fn a_mark_that_is_older_or_absent_is_no_reason_to_refuse() {
    let place = Place::with_two_commits();
    let old = fs::read(place.file("high-water")).unwrap();
    place.commit(&[put(role("new", ""))]);
    place.write_mark(&old);
    let (store, log) = logged(|| place.open());
    assert_eq!(store.unwrap().load().unwrap().revision, Revision(3));
    fs::remove_file(place.file("high-water")).unwrap();
    assert_eq!(place.open().unwrap().load().unwrap().revision, Revision(3));
    assert!(!log.contains("WARN"), "{log}");
}

#[test]
fn an_unreadable_mark_is_warned_of_and_made_anew() {
    let place = Place::with_two_commits();
    let old = place.copy();
    let whole = fs::read(place.file("high-water")).unwrap();
    let mut flipped = whole.clone();
    flipped[12] ^= 1;
    for bytes in [b"".to_vec(), vec![0; whole.len()], whole[..40].to_vec(), flipped, vec![7; 4096]]
    {
        place.write_mark(&bytes);
        let (store, log) = logged(|| place.open());
        assert_eq!(state(&mut store.unwrap()).len(), 2);
        assert!(log.contains("WARN") && log.contains("mark is unreadable"), "{log}");
    }
    place.commit(&[put(role("new", ""))]);
    place.take_sled_files_of(&old);
    assert!(matches!(place.open(), Err(StoreError::BehindMark { found: 2, marked: 3, .. })));
}

#[test]
fn a_directory_in_use_is_refused_at_once() {
    let place = Place::with_two_commits();
    let mut first = place.open().unwrap();
    let start = Instant::now();
    let error = place.open().unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    commit(&mut first, &[put(role("still", ""))]);
    first.close().unwrap();
    assert_eq!(state(&mut place.open().unwrap()).len(), 3);
}

#[test]
fn a_directory_in_use_by_another_sled_is_refused_with_the_same_words() {
    let place = Place::with_two_commits();
    let other = place.raw();
    let error = place.open().unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    drop(other);
    place.open().unwrap();
}

#[test]
fn a_directory_can_be_opened_again_right_after_it_was_closed_or_dropped() {
    let place = Place::new();
    for round in 0..20 {
        let mut store = place.open().unwrap();
        assert_eq!(state(&mut store).len(), round);
        commit(&mut store, &[put(role(&format!("r{round}"), ""))]);
        if round % 2 == 0 {
            store.close().unwrap();
        }
    }
}

#[test]
fn what_others_may_read_is_refused_with_the_command_that_closes_it() {
    let place = Place::with_two_commits();
    for (name, loose, strict) in [
        ("", 0o750, 0o700),
        ("", 0o701, 0o700),
        ("db", 0o640, 0o600),
        ("conf", 0o604, 0o600),
        ("high-water", 0o622, 0o600),
        ("lock", 0o666, 0o600),
    ] {
        let target = if name.is_empty() { place.path() } else { place.file(name) };
        fs::set_permissions(&target, fs::Permissions::from_mode(loose)).unwrap();
        let error = place.open().unwrap_err();
        let StoreError::Permissions { path, mode, command } = &error else { panic!("{error}") };
        assert_eq!((path, *mode), (&target, loose));
        assert_eq!(*command, format!("chmod {strict:o} {}", target.display()));
        assert!(error.to_string().contains(command.as_str()));
        assert!(Command::new("sh").args(["-c", command]).status().unwrap().success());
        place.open().unwrap();
    }
}

#[test]
fn no_file_is_open_to_others() {
    fn check(directory: &Path) -> usize {
        assert_eq!(fs::metadata(directory).unwrap().permissions().mode() & 0o777, 0o700);
        let mut files = 0;
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files += check(&path);
            } else {
                let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                assert_eq!(mode, 0o600, "{}", path.display());
                files += 1;
            }
        }
        files
    }
    let place = Place::with_two_commits();
    make_blob(&place);
    drop(place.open().unwrap());
    assert!(fs::read_dir(place.file("blobs")).unwrap().next().is_some(), "a blob was made");
    assert!(
        fs::read_dir(place.path())
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_str().unwrap().starts_with("snap.") })
    );
    assert!(check(&place.path()) >= 6);
}

/// A page so large that sled keeps it in a file of its own, as a store without a limit to records may
/// have left it. The key is none of those that are read.
fn make_blob(place: &Place) {
    let db = place.raw();
    db.insert(b"\0milvus-rbac/of a test", vec![7; 300_000]).unwrap();
    db.flush().unwrap();
}

#[test]
fn a_commit_is_all_in_the_data_file_when_it_is_synced_and_the_mark_moves_afterwards() {
    let place = Place::with_two_commits();
    let sync = Arc::new(FaultySync::default());
    let mut store =
        SledStore::open_with_sync(&place.path(), SledOptions::default(), sync.clone()).unwrap();
    let mark = fs::read(place.file("high-water")).unwrap();
    for round in 0..5 {
        sync.seen.lock().unwrap().clear();
        let description = format!("a text that stands nowhere else {round}");
        let revision = commit(&mut store, &[put(role("reader", &description))]);
        let seen = sync.seen.lock().unwrap().clone();
        let [(path, bytes)] = seen.as_slice() else { panic!("{} syncs", seen.len()) };
        assert_eq!(*path, place.file("db"));
        assert!(contains(bytes, &description), "round {round}");

        // What was synced, with the mark of before, is what a power cut now would leave.
        let after = Place::new();
        copy_directory(&place.path(), &after.path());
        fs::write(after.file("db"), bytes).unwrap();
        after.write_mark(&mark);
        let mut found = after.open().unwrap();
        assert_eq!(found.load().unwrap().revision, revision);
        assert_eq!(state(&mut found), state(&mut store));
    }
}

#[test]
fn a_blob_is_synced_before_the_log_that_points_to_it() {
    let place = Place::with_two_commits();
    make_blob(&place);
    let sync = Arc::new(FaultySync::default());
    let mut store =
        SledStore::open_with_sync(&place.path(), SledOptions::default(), sync.clone()).unwrap();
    sync.seen.lock().unwrap().clear();
    // Its page is written anew every few commits.
    let mut alone = 0;
    let mut synced = HashSet::new();
    for number in 0..60 {
        commit(&mut store, &[put(role(&format!("small{number}"), ""))]);
        let seen = std::mem::take(&mut *sync.seen.lock().unwrap());
        let (last, blobs) = seen.split_last().unwrap();
        assert_eq!(last.0, place.file("db"));
        alone += usize::from(blobs.is_empty());
        for (path, _) in blobs {
            assert!(path.starts_with(place.file("blobs")), "{path:?}");
            assert!(synced.insert(path.clone()), "a blob is synced once");
        }
    }
    assert!(alone > 0 && !synced.is_empty(), "{alone} {synced:?}");
}

/// Runs a commit whose sync goes wrong, and what must hold whatever was written.
fn a_commit_goes_wrong(spoil: impl Fn(&FaultySync, bool)) {
    let place = Place::with_two_commits();
    let sync = Arc::new(FaultySync::default());
    let mut store =
        SledStore::open_with_sync(&place.path(), SledOptions::default(), sync.clone()).unwrap();
    let before = state(&mut store);
    let mark = fs::read(place.file("high-water")).unwrap();

    spoil(&sync, true);
    let outcome = store.commit(Revision(2), &[put(role("new", ""))]);
    assert!(matches!(outcome, Commit::Unknown(StoreError::Engine { .. })), "{outcome:?}");
    spoil(&sync, false);

    assert_eq!(fs::read(place.file("high-water")).unwrap(), mark, "nothing was acknowledged");
    assert!(matches!(store.load(), Err(StoreError::NotOpen)));
    let refused = store.commit(Revision(2), &[]);
    assert!(matches!(refused, Commit::Refused(StoreError::NotOpen)), "{refused:?}");
    assert!(matches!(place.open(), Err(StoreError::Locked { .. })), "it is still ours");

    store.reopen().unwrap();
    let revision = store.load().unwrap().revision;
    let now = state(&mut store);
    match revision {
        Revision(2) => assert_eq!(now, before),
        Revision(3) => assert_eq!(now.len(), before.len() + 1),
        other => panic!("{other}"),
    }
    commit(&mut store, &[put(role("after", ""))]);
    store.close().unwrap();
    assert_eq!(state(&mut place.open().unwrap()).len(), now.len() + 1);
}

#[test]
fn a_failed_sync_is_an_unknown_outcome_and_only_a_reopening_helps() {
    a_commit_goes_wrong(|sync, on| sync.fails.store(on, Ordering::Relaxed));
}

#[test]
fn a_panic_in_a_commit_is_an_unknown_outcome_and_the_caller_lives_on() {
    a_commit_goes_wrong(|sync, on| sync.panics.store(on, Ordering::Relaxed));
}

#[test]
fn a_reopening_whose_sync_fails_leaves_the_store_closed() {
    let place = Place::with_two_commits();
    let sync = Arc::new(FaultySync::default());
    let mut store =
        SledStore::open_with_sync(&place.path(), SledOptions::default(), sync.clone()).unwrap();
    sync.fails.store(true, Ordering::Relaxed);
    assert!(matches!(store.reopen(), Err(StoreError::Engine { .. })));
    assert!(matches!(store.load(), Err(StoreError::NotOpen)));
    sync.fails.store(false, Ordering::Relaxed);
    store.reopen().unwrap();
    assert_eq!(state(&mut store).len(), 2);
    sync.fails.store(true, Ordering::Relaxed);
    assert!(store.close().is_err());
    assert!(store.close().is_ok(), "it has let go");
    place.open().unwrap();
}

#[test]
fn a_flipped_bit_is_repaired_or_refused_and_never_believed() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    for round in 0..30 {
        let mut changes = vec![put(user(&format!("u{round}"), &"h".repeat(60)))];
        if round % 3 == 2 {
            changes.push(delete(&user(&format!("u{}", round - 1), "")));
        }
        commit(&mut store, &changes);
    }
    // sled writes its snapshot when it opens, and some log has to follow it.
    store.reopen().unwrap();
    commit(&mut store, &[delete(&user("u0", ""))]);
    let expected = state(&mut store);
    store.close().unwrap();

    let (mut right, mut refused) = (0, 0);
    let names = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let snapshot = names
        .map(|name| name.into_string().unwrap())
        .find(|name| name.starts_with("snap."))
        .unwrap();
    for (name, positions) in [("db", 48), (snapshot.as_str(), 6), ("conf", 6), ("high-water", 6)] {
        let whole = fs::read(place.file(name)).unwrap();
        let used: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] != 0).collect();
        for n in 0..positions {
            let at = used[n * used.len() / positions];
            let broken = place.copy();
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (n % 8);
            fs::write(broken.file(name), bytes).unwrap();
            match broken.open().and_then(|mut store| store.load().map(|_| state(&mut store))) {
                Ok(found) => {
                    assert_eq!(found, expected, "{name} at {at}");
                    right += 1;
                }
                Err(StoreError::Locked { .. } | StoreError::NotOpen) => panic!("{name} at {at}"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(right > 0 && refused > 0, "{right} right, {refused} refused");
}

#[test]
fn a_power_cut_at_any_point_of_a_commit_leaves_the_state_before_or_after_it() {
    let place = Place::with_two_commits();
    let sync = Arc::new(FaultySync::default());
    let mut store =
        SledStore::open_with_sync(&place.path(), SledOptions::default(), sync.clone()).unwrap();
    commit(&mut store, &[put(role("reader", "0"))]);
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut ends = [0, 0];
    for round in 1..=12 {
        let before = state(&mut store);
        let mark = fs::read(place.file("high-water")).unwrap();
        let (_, synced) = sync.seen.lock().unwrap().pop().unwrap();
        let changes: Vec<Change> = (0..=round * 2)
            .map(|n| put(user(&format!("u{round}-{n}"), &"h".repeat(60))))
            .chain([put(role("reader", &round.to_string()))])
            .collect();
        commit(&mut store, &changes);
        let after = state(&mut store);
        let (_, written) = sync.seen.lock().unwrap().last().cloned().unwrap();

        for _ in 0..6 {
            let cut = Place::new();
            copy_directory(&place.path(), &cut.path());
            fs::write(cut.file("db"), tear(&synced, &written, &mut random)).unwrap();
            cut.write_mark(&mark);
            let found = state(&mut cut.open().unwrap());
            assert!(found == before || found == after, "round {round}: {found:?}");
            ends[usize::from(found == after)] += 1;
        }
    }
    assert!(ends[0] > 0, "some cuts lose the commit: {ends:?}");
}

/// What a disk may hold after a power cut: of each sector that was written but not synced, the
/// old or the new bytes.
fn tear(synced: &[u8], written: &[u8], random: &mut TestRng) -> Vec<u8> {
    const SECTOR: usize = 512;
    let mut disk = synced.to_vec();
    if random.next_u32().is_multiple_of(2) {
        disk.resize(written.len(), 0);
    }
    let kept = 1 + random.next_u32() % 3;
    for (old, new) in disk.chunks_mut(SECTOR).zip(written.chunks(SECTOR)) {
        if old.len() == new.len() && random.next_u32() % 4 < kept {
            old.copy_from_slice(new);
        }
    }
    disk
}

#[test]
fn a_record_that_vanished_without_a_trace_is_noticed() {
    let place = Place::with_two_commits();
    let db = place.raw();
    assert!(db.remove("root-coord/credential/users/ann").unwrap().is_some());
    db.flush().unwrap();
    drop(db);
    let mut store = place.open().unwrap();
    let error = store.load().unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(matches!(store.load(), Err(StoreError::NotOpen)));
    assert!(matches!(store.commit(Revision(2), &[]), Commit::Refused(StoreError::NotOpen)));
}

#[test]
fn records_without_our_keys_or_with_unreadable_ones_are_refused() {
    for (key, value) in [
        ("\0milvus-rbac/format", None),
        ("\0milvus-rbac/revision", None),
        ("\0milvus-rbac/digest", None),
        ("\0milvus-rbac/format", Some("one")),
        ("\0milvus-rbac/revision", Some("7")),
        ("\0milvus-rbac/digest", Some("")),
    ] {
        let place = Place::with_two_commits();
        let db = place.raw();
        match value {
            Some(value) => db.insert(key, value).unwrap(),
            None => db.remove(key).unwrap(),
        };
        db.flush().unwrap();
        drop(db);
        let error = place.open().unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{key:?} {value:?}: {error}");
    }
}

#[test]
fn a_format_from_the_future_is_refused() {
    let place = Place::with_two_commits();
    let db = place.raw();
    db.insert("\0milvus-rbac/format", &2_u64.to_be_bytes()).unwrap();
    db.flush().unwrap();
    drop(db);
    let error = place.open().unwrap_err();
    assert!(matches!(error, StoreError::Format { found: 2, supported: 1, .. }), "{error}");
    let error = place.open_accepting_loss().unwrap_err();
    assert!(matches!(error, StoreError::Format { .. }), "{error}");
}

#[test]
fn the_time_of_creation_is_noted_once() {
    let place = Place::new();
    for time in [1_700_000_000_000_u64, 5] {
        let options = SledOptions { created_unix_ms: time, ..SledOptions::default() };
        SledStore::open(&place.path(), options).unwrap().close().unwrap();
    }
    let noted = place.raw().get("\0milvus-rbac/created").unwrap().unwrap();
    assert_eq!(noted, 1_700_000_000_000_u64.to_be_bytes());
}
