//! The gateway: sends what the guard has let through, and what is not ours to answer, to a server
//! that speaks Milvus's protocol, and its answer back.
//!
//! Bytes of messages pass as they come, in both directions, with the backpressure of HTTP/2; nothing
//! is buffered but an answer that is filtered and a request that grants follow (`follow_up.rs`).
//! Metadata is an allow-list (`metadata.rs`): the upstream hears nothing that was not decided on, and
//! never the caller's login. Connections are kept and made anew (`pool.rs`); a request that may have
//! been sent is never sent again.

mod aftermath;
mod answer;
mod connect;
mod credential;
mod deadline;
mod error;
mod exposure;
mod filter;
mod follow_up;
mod keeper;
mod link;
mod lists;
mod metadata;
mod pool;
mod service;
mod trace;
mod whole;

pub use credential::Credential;
pub use error::UpstreamError;
pub use exposure::Exposure;
pub use service::{Gateway, UpstreamOptions};
