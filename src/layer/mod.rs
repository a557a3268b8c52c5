//! The guard: the only place where requests are authenticated and authorized.
//!
//! For every gRPC request, in this order:
//!
//! 1. authenticate from the headers alone (16);
//! 2. an RPC without a row in the requirement table is UNIMPLEMENTED (12), for everybody;
//! 3. read the one message of a unary request (compressed: 12; too large: 8; cut off: 13) and from
//!    it what the row names (undecodable: 13);
//! 4. decide (7);
//! 5. an RPC that is known and not answered here is UNIMPLEMENTED (12), with a text that names it;
//! 6. pass the request on, with the [`Caller`](crate::credential::Caller) in its extensions.
//!
//! While the state is older than it may be, steps 1 and 4 refuse every request (14) but those that
//! need no login.
//!
//! Streaming requests are decided before their first message is read, and again at each new
//! revision, and when the state becomes too old, for as long as they last. REST uses the same
//! [`Guard`], around its own body: authenticate, parse, decide.

mod guard;
mod message;
mod rejection;
mod service;
mod stream;
mod target;
mod wire;

pub use guard::{Denied, Guard, GuardLimits};
pub use service::{Rbac, RbacLayer, ResponseFuture};
pub use target::{Target, scan};
pub use wire::ScanError;
