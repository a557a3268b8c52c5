//! Users and roles for any Milvus-protocol deployment.

pub mod clock;
pub mod grpc;
pub mod model;
pub mod proto;
pub mod server;
pub mod snapshot;
pub mod store;
