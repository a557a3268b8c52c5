//! The gateway: sends what the guard has let through, and what is not ours to answer, to a server
//! that speaks Milvus's protocol, and its answer back.
//!
//! The way of a call, in `service.rs`: metadata by an allow-list, so that the upstream hears nothing
//! that was not decided on, and never the caller's login (`metadata.rs`); over one of a few
//! connections that are kept and made anew, and never twice if it may have been sent (`pool.rs`); and
//! its answer back, as it comes (`answer.rs`). Bytes pass with the backpressure of HTTP/2. Nothing is
//! buffered but small answers, those that are filtered (`filter.rs`), and the requests that grants
//! follow: these are tasks that nobody can abandon (`follow_up.rs`), which ask the upstream what it
//! has done where its answer does not say (`aftermath.rs`). Whether it is there, `keeper.rs` knows.

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
