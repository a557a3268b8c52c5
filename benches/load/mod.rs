//! What benches over real sockets share: a client that loads a server in a closed loop, processes of
//! their own for whoever is measured, and rounds in which the sides take turns, so that whatever else
//! the machine does hits all of them alike.
//!
//! A bench that uses this starts itself again for each part that has to be a process: see
//! [`part::main`].

#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod call;
pub(crate) mod changes;
pub(crate) mod client;
pub(crate) mod crowd;
pub(crate) mod dice;
pub(crate) mod handler;
pub(crate) mod nginx;
pub(crate) mod options;
pub(crate) mod part;
pub(crate) mod process;
pub(crate) mod product;
pub(crate) mod relay;
pub(crate) mod rounds;
pub(crate) mod sample;
pub(crate) mod state;
pub(crate) mod upstream;
