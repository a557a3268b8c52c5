//! The power is cut at random moments of a run of writes, and the disk holds what it may hold then.
//! The store opens, and is in a state that was reached, no older than the last one acknowledged. The
//! same holds when the power is cut again while it opens.
//!
//! `strace` records what a process does to the files of its directory; without it there is nothing to
//! see here. `POWER_CUTS` in the environment cuts more often; a failure says which `POWER_CUT_HOME` and
//! `POWER_CUT_SEED` do it again.

mod cut;
mod disk;
mod record;
mod trace;
mod workload;

use std::path::{Path, PathBuf};

use self::disk::Disk;
use self::record::Home;
use self::trace::{Deed, Entry};
use crate::support::{dice_of, has_strace, number_of};

/// Where there are recordings already.
const HOME: &str = "POWER_CUT_HOME";

/// A segment of sled's log.
const SEGMENT: usize = 512 << 10;

/// The power is cut while a directory is opened once for so many cuts of the first kind, ...
const CUTS_OF_AN_OPENING: u64 = 100;
/// ... and so often each time.
const CUTS_WHILE_OPENING: u64 = 40;

#[test]
#[ignore = "a part of the next tests, which run it by themselves"]
fn the_writes() {
    let (data, notes) = record::places();
    workload::run(&data, &notes);
}

#[test]
#[ignore = "a part of the last test, which runs it by itself"]
fn the_opening() {
    let (data, notes) = record::places();
    workload::open_and_write(&data, &notes);
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

/// Runs a test in a directory that stays when something is wrong, with the first seed and how many.
fn with_home(kind: &str, test: impl FnOnce(&Path, u64, u64) -> Vec<String>) {
    if !has_strace(&["-f"]) {
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let given = std::env::var_os(HOME).map(PathBuf::from);
    let home = given.as_deref().unwrap_or(temporary.path());
    let seed = number_of("POWER_CUT_SEED");
    let cuts = number_of("POWER_CUTS").unwrap_or(if seed.is_some() { 1 } else { 1_000 });
    let first = seed.unwrap_or(u64::from(std::process::id()) << 32);
    let failures = test(&home.join(kind), first, cuts);
    if !failures.is_empty() {
        let home = given.unwrap_or_else(|| temporary.keep());
        let (home, all) = (home.display(), failures.join("\n"));
        panic!("{} wrong, with {HOME}={home}:\n{all}", failures.len());
    }
}

#[test]
fn whatever_a_power_cut_leaves_on_the_disk_holds_every_acknowledged_write_and_no_half_one() {
    with_home("writes", |home, first, cuts| {
        let (log, moments) = Home::new(home.to_owned()).record("the_writes");
        let most = most_between_syncs(&log);
        assert!(most < SEGMENT, "{most} bytes between two syncs, too many for sled");
        let states = workload::states();
        let acknowledged = Disk::new(&log, moments).acknowledged();
        assert_eq!(usize::try_from(acknowledged).unwrap(), states.len() - 1);
        let writes = states.len() - 1;
        println!("{cuts} cuts in {moments} moments, {writes} writes, {most} bytes between syncs");
        cut::for_each_seed(first, cuts, |seed| {
            let mut dice = dice_of([seed, 0, 0, 0]);
            let moment = cut::moment(&log, 0, moments, &mut dice);
            let disk = Disk::new(&log, moment);
            let acknowledged = disk.acknowledged();
            cut::look(
                &disk,
                acknowledged,
                |revision, found| workload::at(&states, revision) == Some(found),
                &mut dice,
            )
            .map_err(|what| format!("moment {moment}, {acknowledged} acknowledged: {what}"))
        })
    });
}

#[test]
fn a_second_power_cut_while_the_store_opens_takes_nothing_away_either() {
    with_home("openings", |home, first, cuts| {
        let (log, moments) = Home::new(home.join("writes")).record("the_writes");
        let states = workload::states();
        let openings = cuts.div_ceil(CUTS_OF_AN_OPENING);
        println!("{openings} openings, the power cut {CUTS_WHILE_OPENING} times in each");
        cut::for_each_seed(first, openings, |seed| {
            let mut dice = dice_of([seed, 1, 0, 0]);
            let disk = Disk::new(&log, cut::moment(&log, 0, moments, &mut dice));
            let opening = Home::new(home.join(seed.to_string()));
            if !opening.before().exists() {
                disk.make(&opening.before(), &mut dice);
            }
            let (log, moments) = opening.record("the_opening");
            let end = Disk::new(&log, moments).acknowledged();
            let with_more = workload::with_more(&states, end);
            for at in 0..CUTS_WHILE_OPENING {
                let mut dice = dice_of([seed, 2, at, 0]);
                let moment = cut::moment(&log, trace::BEGIN, moments, &mut dice);
                let again = Disk::new(&log, moment);
                let acknowledged = disk.acknowledged().max(again.acknowledged());
                cut::look(
                    &again,
                    acknowledged,
                    |revision, found| {
                        workload::at(&states, revision) == Some(found)
                            || revision.0 == end && *found == with_more
                    },
                    &mut dice,
                )
                .map_err(|what| {
                    format!("cut {at}, moment {moment}, {acknowledged} acknowledged: {what}")
                })?;
            }
            Ok(())
        })
    });
}
