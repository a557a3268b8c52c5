//! The guard: the only place where requests are authenticated and authorized.
//!
//! For every gRPC request, in this order (`json.rs` does the same for Milvus's REST API):
//!
//! 1. authenticate from the headers alone (16);
//! 2. an RPC without a row in the requirement table is UNIMPLEMENTED (12), for everybody;
//! 3. metadata that is read and given twice is refused (3);
//! 4. read the one message of a request (compressed: 12; too large: 8; cut off, or more than one:
//!    13) and from it what the row names (undecodable: 13);
//! 5. decide (7);
//! 6. pass the request on, with the [`Caller`](crate::credential::Caller) and what was decided
//!    ([`Admitted`]) in its extensions.
//!
//! Of a large message, 4 to 6 overlap (`admission.rs`): it is passed on while it comes, and its last
//! byte only once all of it has been read and allowed.
//!
//! While the state is older than it may be, steps 1 and 5 refuse every request (14) but those that
//! need no login.
//!
//! Calls with many messages are decided before the first one is read. All calls that stream are
//! decided again at each new revision, and when the state becomes too old, for as long as they
//! last. REST uses the same [`Guard`], around its own body: authenticate, parse, decide.

mod acquaintance;
mod admission;
mod budget;
mod guard;
mod held;
mod intake;
mod json;
mod judged;
pub(crate) mod kind;
mod messages;
mod rejection;
mod scanner;
mod service;
mod stream;
mod target;
mod wire;

pub(crate) use acquaintance::OnKnown;
pub use guard::{Denied, Guard, GuardLimits};
pub use scanner::{Scanner, scan};
pub use service::{Admitted, Rbac, RbacLayer, ResponseFuture};
pub use target::Target;
pub use wire::ScanError;
