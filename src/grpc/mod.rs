//! tonic adapters.
pub mod codec;
