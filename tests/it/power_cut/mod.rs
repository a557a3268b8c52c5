//! The power is cut at random moments of a run of writes, and the disk holds what it may hold then.
//! The store opens, and is in a state that was reached, no older than the last one acknowledged.
//!
//! `strace` records what a process does to the files of its directory; without it there is nothing to
//! see here. `POWER_CUTS` in the environment cuts more often; a failure says which `POWER_CUT_HOME` and
//! `POWER_CUT_SEED` do it again.

mod disk;
mod trace;
mod workload;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use milvus_rbac::store::{Commit, SledOptions, SledStore, Store as _, Writes};
use proptest::prelude::Rng as _;
use proptest::test_runner::TestRng;

use self::disk::Disk;
use self::trace::{Deed, Entry, Reader};
use crate::support::{NoSync, Pairs, dice_of, has_strace, number_of, pairs_of};

/// Where there is a trace already, with the data of that run in `data`.
const HOME: &str = "POWER_CUT_HOME";

/// Where the recorded process works.
const DATA: &str = "POWER_CUT_DATA";

/// A segment of sled's log.
const SEGMENT: usize = 512 << 10;

/// Threads that cut: each waits for its disk half of the time.
const THREADS: usize = 3;

#[test]
#[ignore = "a part of the next test, which runs it by itself"]
fn the_writes() {
    let data: PathBuf = std::env::var_os(DATA).expect("nobody says where").into();
    workload::run(&data, &data.with_extension("acknowledged"));
}

/// The log of a run in another process, or `None` where there is no strace.
fn record(home: &Path) -> Option<(Vec<Entry>, usize)> {
    if !has_strace(&["-f"]) {
        return None;
    }
    let (data, trace) = (home.join("data"), home.join("trace"));
    let read = |trace: &Path| {
        let trace = fs::read_to_string(trace).unwrap();
        Reader::new(&data, &data.with_extension("acknowledged")).read(&trace)
    };
    if trace.exists() {
        return Some(read(&trace));
    }
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-xx", "-s", "4000000", "-e", "signal=none", "-e", trace::CALLS]);
    command.arg("-o").arg(&trace).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "power_cut::the_writes", "--ignored"]).env(DATA, &data);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Some(read(&trace))
}

/// The most bytes that were written to a file without a sync. A large write shows how long a batch
/// of sled may be: what it is said to take for written must be on the disk.
fn most_between_syncs(log: &[Entry]) -> usize {
    let mut written = std::collections::HashMap::<usize, usize>::new();
    let mut most = 0;
    for entry in log {
        match &entry.deed {
            // sled fills what it does not use with one byte.
            Deed::Write { file, bytes, .. } if bytes.iter().any(|byte| *byte != bytes[0]) => {
                let sum = written.entry(*file).or_default();
                *sum += bytes.len();
                most = most.max(*sum);
            }
            Deed::SyncFile(file) => drop(written.remove(file)),
            _ => {}
        }
    }
    most
}

/// Where to cut: anywhere, or just where something is made durable or has been acknowledged.
fn moment(log: &[Entry], moments: usize, dice: &mut TestRng) -> usize {
    let any = dice.next_u64();
    let near: Vec<usize> = log
        .iter()
        .filter(|entry| {
            matches!(entry.deed, Deed::Acknowledged(_) | Deed::SyncFile(_) | Deed::SyncDirectory(_))
        })
        .map(|entry| entry.ended)
        .collect();
    let pick = |count: usize| usize::try_from(any >> 2).unwrap() % count;
    match any % 4 {
        0 | 1 => 1 + pick(moments),
        2 => near[pick(near.len())],
        _ => near[pick(near.len())] + 1,
    }
}

/// Cuts once, and says what is wrong with what is found then.
fn cut(log: &[Entry], moments: usize, states: &[Pairs], seed: u64) -> Result<(), String> {
    let mut dice = dice_of([seed, 0, 0, 0]);
    let moment = moment(log, moments, &mut dice);
    let disk = Disk::new(log, moment);
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    disk.make(&data, &mut dice);
    let open = || SledStore::open_with_sync(&data, SledOptions::default(), Arc::new(NoSync));
    let acknowledged = disk.acknowledged();
    let said = |what: String| format!("moment {moment}, {acknowledged} acknowledged: {what}");
    let mut store = open().map_err(|error| said(format!("it does not open: {error}")))?;
    let read = |store: &mut SledStore| {
        pairs_of(store).map_err(|error| said(format!("it cannot be read: {error}")))
    };
    let (revision, found) = read(&mut store)?;
    let reached = usize::try_from(revision.0).unwrap();
    if revision.0 < acknowledged {
        return Err(said(format!("it is at {revision}")));
    }
    if states.get(reached) != Some(&found) {
        return Err(said(format!("what it holds is not the state {revision}")));
    }
    // What has been repaired can be gone on with.
    let more = [(b"root-coord/credential/roles/more".to_vec(), b"more".to_vec())];
    let written = store.write(revision, Writes::of_pairs(more));
    let Commit::Committed(next) = written else { return Err(said(format!("{written:?}"))) };
    drop(store);
    let mut store = open().map_err(|error| said(format!("it does not open again: {error}")))?;
    let (now, again) = read(&mut store)?;
    if now != next || again.len() != found.len() + 1 {
        return Err(said(format!("after another write it is at {now}")));
    }
    Ok(())
}

#[test]
fn whatever_a_power_cut_leaves_on_the_disk_holds_every_acknowledged_write_and_no_half_one() {
    let temporary = tempfile::tempdir().unwrap();
    let given = std::env::var_os(HOME).map(PathBuf::from);
    let home = given.as_deref().unwrap_or(temporary.path());
    let Some((log, moments)) = record(home) else { return };
    let most = most_between_syncs(&log);
    assert!(most < SEGMENT, "{most} bytes between two syncs, too many for sled to find its way");
    let states = workload::states();
    let acknowledged = Disk::new(&log, moments).acknowledged();
    assert_eq!(usize::try_from(acknowledged).unwrap(), states.len() - 1);
    let first = number_of("POWER_CUT_SEED");
    let cuts = number_of("POWER_CUTS").unwrap_or(if first.is_some() { 1 } else { 1_000 });
    let first = first.unwrap_or(u64::from(std::process::id()) << 32);
    let cuts = usize::try_from(cuts).unwrap();
    let (next, failures) = (AtomicUsize::new(0), std::sync::Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= cuts {
                        break;
                    }
                    let seed = first + u64::try_from(at).unwrap();
                    if let Err(what) = cut(&log, moments, &states, seed) {
                        failures.lock().unwrap().push(format!("POWER_CUT_SEED={seed}: {what}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    if !failures.is_empty() {
        let home = given.unwrap_or_else(|| temporary.keep());
        let (home, all) = (home.display(), failures.join("\n"));
        panic!("{} of {cuts} cuts, with {HOME}={home}:\n{all}", failures.len());
    }
    let writes = states.len() - 1;
    println!("{cuts} cuts in {moments} moments, {writes} writes, {most} bytes between syncs");
}
