//! `copy`: from one store to another, for whoever moves to a fleet, or from one.

use std::io::Write as _;
use std::path::Path;

use anyhow::anyhow;
use milvus_rbac::config::cli::CopyFlags;
use milvus_rbac::config::{Settings, StoreSetting};
use milvus_rbac::copy::{Copied, Existing, Original, Progress};
use milvus_rbac::deployment::open_store;
use milvus_rbac::telemetry;

use super::{Failure, configuration_of_two};

pub(super) fn run(flags: &CopyFlags) -> Result<(), Failure> {
    let (source, target) = configuration_of_two(&flags.source(), &flags.target())?;
    telemetry::init(source.settings.log_format).map_err(Failure::configuration)?;
    let (source, target) = (&source.settings, &target.settings);
    check(&source.store, &target.store)?;
    // Read to its end before the target is opened, so that none is made for nothing.
    let original = read(source)?;
    let existing = if flags.merge { Existing::Merge } else { Existing::Refuse };
    let copied = write(original, target, existing)?;
    for (records, what) in [
        (copied.deleted, "of the target were deleted, and only the source has these now"),
        (copied.leftovers, "of the source were left out, and only the target has these now"),
    ] {
        if records > 0 {
            tracing::info!("{records} leftovers of users, roles and groups {what}");
        }
    }
    let (from, to) = (&source.store, &target.store);
    writeln!(std::io::stdout(), "{} from={from} to={to}", counted(&copied))?;
    Ok(())
}

/// Refuses stores between which nothing can be copied, before anything is opened.
fn check(from: &StoreSetting, to: &StoreSetting) -> Result<(), Failure> {
    for (flag, store) in [("--from", from), ("--to", to)] {
        if *store == StoreSetting::Memory {
            return Err(Failure::configuration(anyhow!(
                "{flag}: `memory:` keeps nothing between runs; name a store with sled:PATH or \
                 etcd://host:port/rootPath"
            )));
        }
    }
    if is_same(from, to) {
        return Err(Failure::configuration(anyhow!("--from and --to are the same store")));
    }
    match from {
        // Opening would create it.
        StoreSetting::Sled(path) if !path.join("db").is_file() => {
            Err(anyhow!("--from: {} is no data directory", path.display()).into())
        }
        _ => Ok(()),
    }
}

/// Whether both are one store, as far as can be told from their names.
fn is_same(from: &StoreSetting, to: &StoreSetting) -> bool {
    match (from, to) {
        (StoreSetting::Sled(from), StoreSetting::Sled(to)) => {
            let place = |path: &Path| path.canonicalize().ok();
            from == to || (place(from).is_some() && place(from) == place(to))
        }
        (
            StoreSetting::Etcd { endpoints: from, root: source },
            StoreSetting::Etcd { endpoints: to, root: target },
        ) => source == target && from.iter().any(|endpoint| to.contains(endpoint)),
        _ => false,
    }
}

fn read(settings: &Settings) -> Result<Original, Failure> {
    let mut store = open_store(settings)?;
    let original = Original::read(&mut *store, &mut tell);
    store.close()?;
    Ok(original?)
}

fn write(original: Original, settings: &Settings, existing: Existing) -> Result<Copied, Failure> {
    let mut store = open_store(settings)?;
    let copied = original.copy_into(&mut *store, existing, &mut tell);
    let closed = store.close();
    let copied = copied?;
    closed?;
    Ok(copied)
}

/// Progress is a part of the log, so that it has its form.
fn tell(progress: Progress) {
    match progress {
        Progress::Read(side, records) => tracing::info!("{records} records of the {side} read"),
        Progress::Writing(records) => tracing::info!("writing {records} records"),
        Progress::Verifying => tracing::info!("verifying"),
    }
}

fn counted(copied: &Copied) -> String {
    let counts = &copied.counts;
    format!(
        "copied users={} roles={} bindings={} grants={} groups={} unknown={} written={} \
         deleted={} leftovers={} left_out={}",
        counts.users,
        counts.roles,
        counts.bindings,
        counts.grants,
        counts.groups,
        counts.unknown,
        copied.written,
        copied.deleted,
        copied.leftovers,
        copied.left_out,
    )
}
