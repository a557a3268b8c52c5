//! TLS: the one place that reads PEM files and makes configurations of rustls from them.
//!
//! [`ClientTls`] is how we speak to others, [`ServerTls`] how others speak to us, with files that
//! are read again when they change. Who is connected to, and what listens, is left to those who
//! ask. Both block while they read.
//!
//! What is spoken is TLS 1.3 and, unless it is refused, 1.2, by ring, with suites that encrypt and
//! authenticate at once and keys made for each connection. Older versions, other suites,
//! renegotiation and early data do not exist in rustls or are not switched on.

mod client;
mod error;
mod pem;
mod server;

pub use client::{ClientTls, Identity};
pub use error::TlsError;
pub use server::{Refreshed, ServerFiles, ServerTls};
