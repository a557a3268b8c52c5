//! Why a copy was not made, told to the operator.

use super::Side;
use crate::store::StoreError;

/// Why a copy was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// A store could not be read.
    #[error("the {side} cannot be read: {source}; nothing was written")]
    Read {
        /// Which one.
        side: Side,
        /// Why not.
        source: StoreError,
    },
    /// There is nothing to copy.
    #[error(
        "the source holds no users, roles, grants or groups ({left_out} keys of others); nothing \
         was written"
    )]
    Empty {
        /// How many keys of others there are.
        left_out: usize,
    },
    /// The target is in use already.
    #[error(
        "the target holds {records} records already; nothing was written; name an empty one, or \
         pass --merge to unite both"
    )]
    NotEmpty {
        /// How many records it holds.
        records: usize,
    },
    /// The target changed between reading and writing.
    #[error(
        "the target has changed meanwhile, or a large change in it was still being written; nothing \
         was written; try again"
    )]
    Conflict,
    /// The target refused.
    #[error("the target has refused the copy: {0}; nothing was written")]
    Refused(StoreError),
    /// The target failed while it was written.
    #[error(
        "it is not known whether the copy was written: {0}; look what the target holds before it \
         is used, or before another copy"
    )]
    Unknown(StoreError),
    /// The copy was written and could not be verified.
    #[error(
        "the copy was written but the target cannot be read back: {0}; it must not be used before \
         it has been compared"
    )]
    NotReadBack(StoreError),
    /// The target does not hold what it should.
    #[error(
        "the target does not hold what was written: {records} records differ; it must not be \
         used. If somebody else has changed it meanwhile, copy again while nobody does"
    )]
    Differs {
        /// How many records differ, are missing, or should not be there.
        records: usize,
    },
}
