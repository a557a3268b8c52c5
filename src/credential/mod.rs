//! Who is calling: from a header to a [`Caller`], and everything that touches a password.
//!
//! The rules of this module:
//! 1. Only a check made here makes an authenticated [`Caller`], and what was checked is the hash
//!    in the current snapshot, never an earlier one.
//! 2. bcrypt runs only on the threads of the verifier, in a bounded queue that peers share
//!    fairly; a login that was verified before needs neither bcrypt nor a lock.
//! 3. Every refusal of a name and password costs at least one bcrypt at the configured cost and
//!    says the same, so that nobody learns which users exist. Two answers come without: to the very
//!    login that has just been refused, and to any for a name, known or not, that has failed too
//!    often (`refused.rs`, `throttle.rs`).
//! 4. Passwords are wiped when they are dropped and print as nothing.
//!
//! Headers are read here as bytes; finding them in a request, status codes and log lines are the
//! caller's, and so is every write to a store.

mod base64;
mod caller;
mod error;
mod flight;
mod hash;
mod header;
mod password;
mod pool;
mod refused;
mod throttle;
mod verifier;

pub use base64::Base64Error;
pub(crate) use caller::share_of;
pub use caller::{Caller, Peer};
pub use error::{CredentialError, RefusedWhy, StartError};
pub use hash::{LongPasswords, is_usable_hash};
pub use header::{HeaderError, Login, RestHeader, grpc, rest};
pub use password::Password;
pub use throttle::FailedLogins;
pub use verifier::{Authenticated, RaiseCost, Verifier, VerifierOptions};
