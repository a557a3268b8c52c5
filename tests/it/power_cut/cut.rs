//! Cuts the power at a moment, and looks at what is found then.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use milvus_rbac::model::Revision;
use milvus_rbac::store::{Commit, SledOptions, SledStore, Store as _, Writes};
use proptest::prelude::Rng as _;
use proptest::test_runner::TestRng;

use super::disk::Disk;
use super::trace::{Deed, Entry};
use crate::support::{NoSync, Pairs, pairs_of};

/// Threads that cut: each waits for its disk half of the time.
const THREADS: usize = 3;

/// Where to cut, from a moment on: anywhere, or just where something is made durable or has been
/// acknowledged.
pub(super) fn moment(log: &[Entry], from: usize, moments: usize, dice: &mut TestRng) -> usize {
    let any = dice.next_u64();
    let near: Vec<usize> = log
        .iter()
        .filter(|entry| {
            matches!(entry.deed, Deed::Acknowledged(_) | Deed::SyncFile(_) | Deed::SyncDirectory(_))
        })
        .map(|entry| entry.ended)
        .filter(|moment| *moment >= from)
        .collect();
    let pick = |count: usize| usize::try_from(any >> 2).unwrap() % count;
    match any % 4 {
        0 | 1 => from + 1 + pick(moments - from),
        2 => near[pick(near.len())],
        _ => near[pick(near.len())] + 1,
    }
}

/// Opens what the disk may hold, and says what is wrong with it: it must not be older than what was
/// acknowledged, and must be a state that was reached.
pub(super) fn look(
    disk: &Disk<'_>,
    acknowledged: u64,
    is_state: impl Fn(Revision, &Pairs) -> bool,
    dice: &mut TestRng,
) -> Result<(), String> {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    disk.make(&data, dice);
    let open = || SledStore::open_with_sync(&data, SledOptions::default(), Arc::new(NoSync));
    let mut store = open().map_err(|error| format!("it does not open: {error}"))?;
    let read = |store: &mut SledStore| {
        pairs_of(store).map_err(|error| format!("it cannot be read: {error}"))
    };
    let (revision, found) = read(&mut store)?;
    if revision.0 < acknowledged {
        return Err(format!("it is at {revision}"));
    }
    if !is_state(revision, &found) {
        return Err(format!("what it holds is not the state {revision}"));
    }
    // What has been repaired can be gone on with.
    let more = [(b"root-coord/credential/roles/more".to_vec(), b"more".to_vec())];
    let written = store.write(revision, Writes::of_pairs(more));
    let Commit::Committed(next) = written else { return Err(format!("{written:?}")) };
    drop(store);
    let mut store = open().map_err(|error| format!("it does not open again: {error}"))?;
    let (now, again) = read(&mut store)?;
    if now != next || again.len() != found.len() + 1 {
        return Err(format!("after another write it is at {now}"));
    }
    Ok(())
}

/// Does something for each seed from the first on, on several threads, and gathers what is wrong.
pub(super) fn for_each_seed(
    first: u64,
    count: u64,
    cut: impl Fn(u64) -> Result<(), String> + Sync,
) -> Vec<String> {
    let (next, failures) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        break;
                    }
                    let seed = first + at;
                    if let Err(what) = cut(seed) {
                        failures.lock().unwrap().push(format!("POWER_CUT_SEED={seed}: {what}"));
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap()
}
