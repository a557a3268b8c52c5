//! A write of more keys than one batch of sled takes is made all or none, whatever happens on the
//! way.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use milvus_rbac::model::Revision;
use milvus_rbac::store::{Commit, SledOptions, SledStore, Store, SyncFile, Writes};

use crate::support::{Pairs, copy_directory, pairs_of};

/// `fdatasync`, which keeps a copy of the directory as it is before each once it has been told to,
/// and may fail once.
#[derive(Debug)]
struct Camera {
    data: PathBuf,
    album: PathBuf,
    film: Mutex<Film>,
}

#[derive(Debug, Default)]
struct Film {
    runs: bool,
    taken: Vec<PathBuf>,
    fails_at: Option<usize>,
}

impl Camera {
    fn start(&self) {
        self.film.lock().unwrap().runs = true;
    }

    /// The sync of this number from now on fails.
    fn fail_at(&self, sync: usize) {
        self.film.lock().unwrap().fails_at = Some(sync);
        self.start();
    }
}

impl SyncFile for Camera {
    fn sync_data(&self, file: &File, _: &Path) -> io::Result<()> {
        let mut roll = self.film.lock().unwrap();
        if roll.runs {
            let copy = self.album.join(roll.taken.len().to_string());
            copy_directory(&self.data, &copy);
            roll.taken.push(copy);
            if roll.fails_at == Some(roll.taken.len() - 1) {
                return Err(io::Error::from_raw_os_error(5));
            }
        }
        file.sync_data()
    }
}

/// A directory with a store in one state, and the state that many writes bring it to.
struct Studio {
    home: tempfile::TempDir,
    before: Pairs,
    after: Pairs,
    revision: Revision,
}

impl Studio {
    /// Some keys stay, some get another value, some go, and many are new.
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut store = SledStore::open(&home.path().join("data"), SledOptions::default()).unwrap();
        let key = |number: usize| format!("root-coord/credential/roles/r{number}").into_bytes();
        let before: Pairs = (0..300).map(|number| (key(number), b"before".to_vec())).collect();
        let first = store.write(Revision(0), Writes::of_pairs(before.clone()));
        let Commit::Committed(revision) = first else { panic!("{first:?}") };
        store.close().unwrap();
        let mut after: Pairs = (100..1_100).map(|n| (key(n), b"after".to_vec())).collect();
        after.insert(key(0), b"before".to_vec());
        Self { home, before, after, revision }
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn writes(&self) -> Writes {
        let gone = self.before.keys().filter(|key| !self.after.contains_key(*key)).cloned();
        Writes::of_pairs(self.after.clone()).without(gone)
    }

    /// Opens the store with a camera.
    fn open(&self) -> (SledStore, Arc<Camera>) {
        let album = self.home.path().join("album");
        fs::create_dir(&album).unwrap();
        let camera = Arc::new(Camera { data: self.data(), album, film: Mutex::default() });
        let options = SledOptions::default();
        let store = SledStore::open_with_sync(&self.data(), options, camera.clone()).unwrap();
        (store, camera)
    }
}

#[test]
fn it_is_all_there_when_it_is_acknowledged_and_whoever_is_killed_meanwhile_has_all_or_nothing() {
    let studio = Studio::new();
    let (mut store, camera) = studio.open();
    camera.start();
    let written = store.write(studio.revision, studio.writes());
    let Commit::Committed(revision) = written else { panic!("{written:?}") };
    assert_eq!(pairs_of(&mut store).unwrap(), (revision, studio.after.clone()));
    store.reopen().unwrap();
    assert_eq!(pairs_of(&mut store).unwrap(), (revision, studio.after.clone()));
    drop(store);

    let taken = std::mem::take(&mut camera.film.lock().unwrap().taken);
    let mut seen = Vec::new();
    for copy in taken {
        let mut store = SledStore::open(&copy, SledOptions::default()).unwrap();
        let found = pairs_of(&mut store).unwrap();
        let whole = found == (revision, studio.after.clone());
        assert!(whole || found == (studio.revision, studio.before.clone()), "{}", found.1.len());
        // It goes on from there, also over what it has just cleaned up.
        if !whole {
            let again = store.write(studio.revision, studio.writes());
            assert!(matches!(again, Commit::Committed(_)), "{again:?}");
        }
        assert_eq!(pairs_of(&mut store).unwrap(), (revision, studio.after.clone()));
        seen.push(whole);
    }
    assert!(seen.contains(&false) && seen.contains(&true), "{seen:?}");
}

#[test]
fn one_whose_sync_fails_is_refused_while_it_counts_for_nothing_and_unknown_from_then_on() {
    let mut ends = Vec::new();
    for sync in 0.. {
        let studio = Studio::new();
        let (mut store, camera) = studio.open();
        camera.fail_at(sync);
        let written = store.write(studio.revision, studio.writes());
        assert!(store.scan(&mut |_, _| {}).is_err() || matches!(written, Commit::Committed(_)));
        drop(store);
        let mut store = SledStore::open(&studio.data(), SledOptions::default()).unwrap();
        let (revision, found) = pairs_of(&mut store).unwrap();
        let whole = revision > studio.revision;
        assert_eq!(found, if whole { studio.after.clone() } else { studio.before.clone() });
        match written {
            Commit::Refused(_) => assert!(!whole, "it was said to be refused"),
            Commit::Committed(_) => assert!(whole, "it was acknowledged"),
            Commit::Unknown(_) => {}
            Commit::Conflict => panic!("nobody else was there"),
        }
        ends.push(format!("{written:?}").split('(').next().unwrap_or_default().to_owned());
        if matches!(written, Commit::Committed(_)) {
            break;
        }
    }
    // One sync a piece on the way into the journal, then one with which it counts, and so on.
    let unknown = ends.iter().position(|end| end == "Unknown").unwrap();
    assert!(unknown >= 4 && ends.len() >= 2 * unknown, "{ends:?}");
    assert!(ends[..unknown].iter().all(|end| end == "Refused"), "{ends:?}");
    assert!(ends[unknown..ends.len() - 1].iter().all(|end| end == "Unknown"), "{ends:?}");
}

#[test]
fn a_record_that_sled_would_not_keep_safe_is_refused_and_the_store_goes_on() {
    let studio = Studio::new();
    let (mut store, _) = studio.open();
    let record = |bytes: usize| [(b"root-coord/credential/roles/big".to_vec(), vec![b'x'; bytes])];
    let key = b"root-coord/credential/roles/big".len();
    let refused = store.write(studio.revision, Writes::of_pairs(record(6_601 - key)));
    let Commit::Refused(error) = refused else { panic!("{refused:?}") };
    let text = "the record under `root-coord/credential/roles/big` has 6601 bytes, and the store \
                takes 6600 at most";
    assert_eq!(error.to_string(), text);
    assert!(error.is_of_the_change());
    let written = store.write(studio.revision, Writes::of_pairs(record(6_600 - key)));
    assert!(matches!(written, Commit::Committed(_)), "{written:?}");
}
