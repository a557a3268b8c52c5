//! Log lines that clients can cause: kept few and short, so that a flood cannot fill a disk.

mod clipped;
mod pace;

pub(crate) use clipped::{Clipped, clip};
pub(crate) use pace::LogPace;
