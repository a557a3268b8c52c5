//! The transport of the service: one port that speaks gRPC over HTTP/2 and REST over HTTP/1.1
//! or HTTP/2, in plain text or TLS, with every limit that keeps a hostile peer from holding on to it.
//!
//! Two halves. The transport, from `listener.rs` to `response.rs`, knows nothing of users and
//! roles: it hands requests to a [`tower::Service`] and decides itself only what must be decided
//! before a request can be trusted to be one. The assembly, `start.rs`, `renewal.rs`, `front.rs`,
//! `rpcs.rs` and `health.rs`, opens what the settings name and puts the guard and the two APIs behind that
//! service.

mod body;
mod chunked;
mod connection;
mod flood;
mod frames;
mod framing;
mod front;
mod handshake;
mod head;
mod health;
mod http1;
mod http2;
mod http_api;
mod limits;
mod listener;
mod panic;
mod refusal;
mod renewal;
mod request;
mod response;
mod rpcs;
mod seats;
mod shutdown;
mod sniff;
mod stall;
mod start;
mod unread;
mod upstream;

pub use body::{BodyDeadline, BodyError, RequestBody};
pub use front::Front;
pub use limits::Limits;
pub use listener::{Accept, bind_all};
pub use request::PeerAddr;
pub use response::{BoxError, Endless, ResponseBody};
pub use shutdown::run;
pub use start::{Server, StartError};
