//! Users and roles for any Milvus-protocol deployment.

pub mod clock;
pub mod config;
pub mod grpc;
pub mod model;
pub mod proto;
pub mod snapshot;
pub mod store;
pub mod telemetry;
