//! A true server on a port of its own, and a client for each API; below `etcd`, true clusters.

mod certificates;
mod directory;
pub(crate) mod etcd;
mod grpc;
mod log;
mod process;
mod rest;
mod server;
mod shared;
pub(crate) mod state;
mod status;
mod wire;

pub(crate) use certificates::{Certificates, Pair};
pub(crate) use directory::{NoSync, Pairs, copy_directory, dice_of, number_of, pairs_of};
pub(crate) use grpc::{Grpc, basic, encoded};
pub(crate) use log::Log;
pub(crate) use process::{
    Ended, Process, binary, has_strace, pause, resume, run, serve, serve_on, unconfigured,
};
pub(crate) use rest::{Rest, RestAnswer};
pub(crate) use server::{ROOT, TestServer, settings};
pub(crate) use shared::{Contact, Shared};
pub(crate) use status::{failure, input_error, success};
pub(crate) use wire::{Wire, WireAnswer, framed, milvus_path};
