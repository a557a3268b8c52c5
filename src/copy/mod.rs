//! Taking users, roles, grants and groups from one store to another.
//!
//! # What is copied
//! Every pair below `root-coord/credential/` and `root-coord/privilege-group/`, byte for byte,
//! those of unknown kind included. What stands elsewhere belongs to others; it is left where it is,
//! and counted if the store shows it (etcd's is never asked for it). The source is read at one revision. The target gets all of it or nothing, in one
//! write, and is read back and compared pair by pair.
//!
//! # Into a store that holds something
//! Only with [`Existing::Merge`], and then:
//!
//! 1. What only the target holds stays, but for leftovers (6).
//! 2. A user, a role, a group or a record of unknown kind that both have takes the source's value.
//!    A group that cannot be read is none.
//! 3. Memberships are united.
//! 4. Grants are united object by object: a row that both have keeps the target's id, and what
//!    stands under the source's id goes under that one. A row that is new comes with its id,
//!    unless something stands under that id in the target, or another row there has it; then it
//!    gets one of its own.
//! 5. No row gets what another was granted: one that shares its id in the target moves to an id of
//!    its own before anything is added. Privileges that no row of the source leads to give
//!    nothing; they are left out, because a row of the target may lead to them.
//!
//! 6. No right comes back by a name. A store may still have memberships of a user or of a role, rows
//!    of a role with their privileges, and grants of a group, that it does not have any more. If the
//!    source has that user, role or group, these leftovers of the target are deleted, in the same
//!    write; if the target has it, those of the source are left out. Privileges under an id stay as
//!    long as a row that stays leads to it. What is left over of whom neither has stays as it is.
//!
//! So a membership, or a grant of a role, decides in the target after a merge if it decided in one
//! of both stores before, and no other does. A grant of a group is a grant: by rule 2 it is worth
//! what the source says of the group.
//!
//! How stores are opened is left to the caller, and what is stored in which form to the stores.

mod counts;
mod error;
mod grants;
mod leftovers;
mod merge;

pub use counts::Counts;
pub use error::CopyError;

use std::collections::BTreeMap;
use std::fmt;

use crate::model::Revision;
use crate::store::{Commit, Store, StoreError, Writes};

/// What the keys begin with that are copied.
const KEPT: [&[u8]; 2] = [b"root-coord/credential/", b"root-coord/privilege-group/"];

/// After how many records read there is word of it.
const STEP: usize = 100_000;

/// Stored pairs by key.
type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// One of the two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Where it comes from.
    Source,
    /// Where it goes to.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many records have been read.
    Read(Side, usize),
    /// So many records are written now, or deleted.
    Writing(usize),
    /// The target is read back.
    Verifying,
}

/// What to do about a target that holds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse.
    Refuse,
    /// Unite both, as the module says.
    Merge,
}

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// What the source holds.
    pub counts: Counts,
    /// How many records of the target were made or changed.
    pub written: usize,
    /// How many records of the target were deleted by a merge: what it still had of users, roles
    /// and groups that only the source has.
    pub deleted: usize,
    /// How many records of the source a merge has left out for the same reason: it still had them
    /// of users, roles and groups that only the target has.
    pub leftovers: usize,
    /// How many other keys of the source were left out: those of others, and in a merge privileges
    /// that no row leads to.
    pub left_out: usize,
}

/// What a store holds, as it was read.
pub struct Original {
    pairs: Pairs,
    counts: Counts,
    left_out: usize,
}

// Values hold password hashes, so they are not printed.
impl fmt::Debug for Original {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Original")
            .field("counts", &self.counts)
            .field("left_out", &self.left_out)
            .finish_non_exhaustive()
    }
}

impl Original {
    /// Reads the source.
    ///
    /// # Errors
    /// It cannot be read, or there is nothing to copy in it.
    pub fn read(
        source: &mut dyn Store,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, CopyError> {
        let Found { pairs, left_out, .. } = read(source, Side::Source, progress)?;
        if pairs.is_empty() {
            return Err(CopyError::Empty { left_out });
        }
        let counts = Counts::of(&pairs);
        Ok(Self { pairs, counts, left_out })
    }

    /// Writes it into the target, all or nothing, and compares what the target then holds.
    ///
    /// # Errors
    /// The target holds something and must not, or it was not written, or not as it should be.
    pub fn copy_into(
        self,
        target: &mut dyn Store,
        existing: Existing,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Copied, CopyError> {
        let found = read(target, Side::Target, progress)?;
        if existing == Existing::Refuse && !found.pairs.is_empty() {
            return Err(CopyError::NotEmpty { records: found.pairs.len() });
        }
        let Self { pairs, counts, mut left_out } = self;
        let mut expected = found.pairs;
        let (puts, gone, leftovers) = if expected.is_empty() {
            expected.clone_from(&pairs);
            (pairs, Vec::new(), 0)
        } else {
            let merged = merge::merge(pairs, &mut expected);
            left_out += merged.orphans;
            (merged.puts, merged.deletes, merged.leftovers)
        };
        let (written, deleted) = (puts.len(), gone.len());
        if written + deleted > 0 {
            progress(Progress::Writing(written + deleted));
        }
        // Of a store that others share not every write of an earlier change need be made: one that
        // was killed, perhaps. A commit of ours, empty or not, is none before they are.
        if written + deleted > 0 || target.is_shared() {
            write(target, found.revision, Writes::of_pairs(puts).without(gone))?;
        }
        progress(Progress::Verifying);
        verify(target, &expected)?;
        Ok(Copied { counts, written, deleted, leftovers, left_out })
    }
}

/// What a store was found to hold.
struct Found {
    revision: Revision,
    pairs: Pairs,
    /// How many keys are none of ours.
    left_out: usize,
}

fn is_kept(key: &[u8]) -> bool {
    KEPT.iter().any(|prefix| key.starts_with(prefix))
}

fn read(
    store: &mut dyn Store,
    side: Side,
    progress: &mut dyn FnMut(Progress),
) -> Result<Found, CopyError> {
    let mut pairs = Pairs::new();
    let (mut seen, mut left_out) = (0_usize, 0);
    let scanned = store.scan(&mut |key, value| {
        if is_kept(key) {
            pairs.insert(key.to_vec(), value.to_vec());
        } else {
            left_out += 1;
        }
        seen += 1;
        if seen.is_multiple_of(STEP) {
            progress(Progress::Read(side, seen));
        }
    });
    let scanned = scanned.map_err(|source| CopyError::Read { side, source })?;
    if !seen.is_multiple_of(STEP) {
        progress(Progress::Read(side, seen));
    }
    Ok(Found { revision: scanned.revision, pairs, left_out })
}

fn write(target: &mut dyn Store, base: Revision, writes: Writes) -> Result<(), CopyError> {
    match target.write(base, writes) {
        Commit::Committed(_) => Ok(()),
        Commit::Refused(error) => Err(CopyError::Refused(error)),
        Commit::Conflict => Err(CopyError::Conflict),
        Commit::Unknown(error) => Err(CopyError::Unknown(error)),
    }
}

/// Compares what the target holds with what it should, pair by pair.
fn verify(target: &mut dyn Store, expected: &Pairs) -> Result<(), CopyError> {
    let (mut same, mut unexpected) = (0_usize, 0_usize);
    let scanned: Result<_, StoreError> = target.scan(&mut |key, value| {
        if is_kept(key) {
            match expected.get(key) {
                Some(expected) => same += usize::from(expected == value),
                None => unexpected += 1,
            }
        }
    });
    scanned.map_err(CopyError::NotReadBack)?;
    let records = unexpected + expected.len().saturating_sub(same);
    if records > 0 { Err(CopyError::Differs { records }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
