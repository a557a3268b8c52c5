//! A true server on a port of its own, and a client for each API.

mod grpc;
mod process;
mod rest;
mod server;
pub(crate) mod state;

pub(crate) use grpc::{Grpc, basic, encoded};
pub(crate) use process::{Process, binary};
pub(crate) use rest::{Rest, RestAnswer};
pub(crate) use server::{ROOT, TestServer, settings};
