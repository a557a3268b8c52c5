//! What a fleet is made of, for tests: a cluster of true etcd processes, replicas as processes of
//! their own, and a relay between the two that fails as networks do.
//!
//! All of it is on loopback, waits only where it must, and is over when its handle is dropped. Its
//! calls block; a test that runs them beside clients of its own needs a runtime of two threads.

mod admin;
mod cluster;
mod port;
mod relay;
mod replica;

pub(crate) use cluster::Cluster;
pub(crate) use relay::{Mode, Relay};
pub(crate) use replica::Replica;
