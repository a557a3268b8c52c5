//! Log lines that clients can cause: kept few and short, so that a flood cannot fill a disk.

#[cfg(any(feature = "etcd", feature = "gateway"))]
mod causes;
mod clipped;
mod pace;

#[cfg(any(feature = "etcd", feature = "gateway"))]
pub(crate) use causes::with_causes;
pub(crate) use clipped::{Clipped, clip};
pub(crate) use pace::LogPace;
