//! The transport seen from its sockets: what a peer sends, well-meaning or not, and what comes
//! back. The service behind it is a toy; what real requests are answered is tested elsewhere.

mod grpc;
mod http1;
pub(crate) mod http2;
mod stopping;
pub(crate) mod toy;
