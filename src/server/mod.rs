//! The transport of the service: one port that speaks gRPC over HTTP/2 and REST over HTTP/1.1
//! or HTTP/2, with every limit that keeps a hostile peer from holding on to it.
//!
//! It knows nothing of users and roles: it hands requests to a [`tower::Service`] and leaves
//! dispatching by path and content type, authentication and the size of bodies to that. What it
//! decides itself is only what must be decided before a request can be trusted to be one.

mod body;
mod chunked;
mod connection;
mod frames;
mod framing;
mod head;
mod http1;
mod http2;
pub(crate) mod kind;
mod limits;
mod listener;
mod panic;
mod refusal;
mod request;
mod response;
mod shutdown;
mod sniff;
mod stall;

pub use body::{BodyDeadline, BodyError, RequestBody};
pub use limits::Limits;
pub use listener::{Accept, bind};
pub use request::PeerAddr;
pub use response::{BoxError, Endless, ResponseBody};
pub use shutdown::run;
