//! Users and roles for any Milvus-protocol deployment.

pub mod admin;
pub mod api;
pub mod authorizer;
pub mod clock;
pub mod config;
pub mod credential;
pub mod deployment;
pub mod grpc;
pub mod layer;
pub mod model;
pub mod policy;
pub mod proto;
pub mod rest;
pub mod server;
pub mod snapshot;
pub mod store;
pub mod telemetry;
pub mod writer;
