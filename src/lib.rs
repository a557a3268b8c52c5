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
pub mod tls;
pub mod writer;

pub mod admin;
pub mod authorizer;

pub mod api;
pub mod gateway;
pub mod grpc;
pub mod layer;
pub mod proto;
pub mod rest;

pub mod config;
pub mod deployment;
pub mod server;
pub mod telemetry;
