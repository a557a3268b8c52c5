//! The library behind the `milvus-rbac` command; its front page is the README.
//!
#![doc = include_str!("../README.md")]

// In reading order: from what things are to who puts them together.
pub mod clock;
pub mod freshness;
mod log;
pub mod model;
pub mod snapshot;

pub mod policy;

pub mod credential;

pub mod copy;
pub mod store;
#[cfg(feature = "tls")]
pub mod tls;
pub mod writer;

pub mod admin;
pub mod authorizer;

pub mod api;
#[cfg(feature = "gateway")]
pub mod gateway;
#[cfg(any(feature = "gateway", feature = "server"))]
mod gather;
#[cfg(feature = "server")]
pub mod grpc;
pub mod layer;
pub mod proto;
#[cfg(feature = "rest")]
pub mod rest;

pub mod config;
pub mod deployment;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "cli")]
pub mod telemetry;
