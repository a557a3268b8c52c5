//! The gateway from outside: the real server in front of an upstream that records what reaches it,
//! and clients that send what no proper one would.

mod call;
mod client;
mod exposure;
mod flow;
mod follow;
mod forwarding;
mod frames;
mod hostile;
mod large;
mod lists;
mod message;
mod metadata;
mod neighbours;
mod paths;
mod pressure;
mod random;
mod rest;
mod seen;
mod streams;
mod tls;
mod trouble;
pub(crate) mod upstream;
mod world;

pub(crate) use world::gateway_settings;
