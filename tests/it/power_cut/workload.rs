//! What is written while the disk is watched: the same writes each time, and the state that each of
//! them leads to.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use milvus_rbac::model::Revision;
use milvus_rbac::store::{Commit, SledOptions, SledStore, Store as _, Writes};

use crate::support::{Pairs, pairs_of};

/// Writes of a few keys each.
const SMALL: usize = 160;
/// Every so many, one has a value about as large as the store takes.
const LARGE_EVERY: usize = 4;
const LARGE_VALUE: usize = 6_500;
/// Every so many, the store is closed and opened again.
const REOPEN_EVERY: usize = 60;
/// Keys of a write that takes more than one batch.
const MANY: usize = 1_500;
/// The one that puts them, and the one that removes some of them and puts others.
const PUT_MANY: usize = SMALL;
const REMOVE_MANY: usize = SMALL + 6;
/// All writes.
const STEPS: usize = SMALL + 13;

/// One write: what is put, and which keys are removed.
struct Step {
    puts: Pairs,
    gone: Vec<Vec<u8>>,
}

fn key(number: usize) -> Vec<u8> {
    format!("root-coord/credential/roles/r{number}").into_bytes()
}

/// The write that leads to revision `number + 1`.
fn step(number: usize) -> Step {
    let value = |number: usize| format!("value of {number}").into_bytes();
    let mut puts: Pairs =
        (0..=number % 4).map(|which| (key(number * 7 % 41 + which * 50), value(number))).collect();
    let gone = (0..number % 3).map(|which| key((number * 5 + 1) % 41 + which * 50));
    let mut gone: Vec<_> = gone.filter(|key| !puts.contains_key(key)).collect();
    if number % LARGE_EVERY == LARGE_EVERY - 1 {
        let byte = u8::try_from(number % 251).unwrap();
        puts.insert(key(1_000 + number % 29), vec![byte; LARGE_VALUE]);
    }
    if number == PUT_MANY {
        puts.extend((0..MANY).map(|which| (key(2_000 + which), value(which))));
    }
    if number == REMOVE_MANY {
        gone.extend((0..MANY).filter(|which| which % 3 > 0).map(|which| key(2_000 + which)));
        puts.extend((0..MANY).map(|which| (key(4_000 + which), value(which))));
    }
    Step { puts, gone }
}

/// The state at each revision, from the empty one on.
pub(super) fn states() -> Vec<Pairs> {
    let mut states = vec![Pairs::new()];
    for number in 0..STEPS {
        let mut state = states[number].clone();
        let Step { puts, gone } = step(number);
        state.extend(puts);
        for key in gone {
            state.remove(&key);
        }
        states.push(state);
    }
    states
}

/// The state at a revision, if the writes ever reached it.
pub(super) fn at(states: &[Pairs], revision: Revision) -> Option<&Pairs> {
    states.get(usize::try_from(revision.0).unwrap())
}

/// What is there when an opening has written one pair more, and that was this revision.
pub(super) fn with_more(states: &[Pairs], revision: u64) -> Pairs {
    let mut state = at(states, Revision(revision - 1)).unwrap().clone();
    state.extend([opened()]);
    state
}

fn opened() -> (Vec<u8>, Vec<u8>) {
    (b"root-coord/credential/roles/opened".to_vec(), b"opened".to_vec())
}

/// Opens a directory, notes what it finds as acknowledged, since somebody may have seen it, and
/// writes one pair more.
pub(super) fn open_and_write(data: &Path, acknowledged: &Path) {
    let mut notes = File::create(acknowledged).unwrap();
    let mut store = SledStore::open(data, SledOptions::default()).unwrap();
    let (found, _) = pairs_of(&mut store).unwrap();
    notes.write_all(&found.0.to_be_bytes()).unwrap();
    let written = store.write(found, Writes::of_pairs([opened()]));
    let Commit::Committed(revision) = written else { panic!("{written:?}") };
    notes.write_all(&revision.0.to_be_bytes()).unwrap();
    store.close().unwrap();
}

/// Makes all writes in a directory, and notes in a file which have been acknowledged.
pub(super) fn run(data: &Path, acknowledged: &Path) {
    let open = || SledStore::open(data, SledOptions::default()).unwrap();
    let mut notes = File::create(acknowledged).unwrap();
    let mut store = open();
    for number in 0..STEPS {
        let Step { puts, gone } = step(number);
        let base = Revision(u64::try_from(number).unwrap());
        match store.write(base, Writes::of_pairs(puts).without(gone)) {
            Commit::Committed(revision) => notes.write_all(&revision.0.to_be_bytes()).unwrap(),
            other => panic!("{number}: {other:?}"),
        }
        if number % REOPEN_EVERY == REOPEN_EVERY - 1 {
            store.close().unwrap();
            drop(store);
            store = open();
        }
    }
    // A power cut could take them away from the log that points to them.
    assert_eq!(fs::read_dir(data.join("blobs")).unwrap().count(), 0, "there are blobs");
    store.close().unwrap();
}
