//! Room for one remembered login beside a user's hash.
//!
//! What stands in it is a keyed digest that only `credential/` can make or judge. It lives with
//! the user's entry, so it is gone as soon as the hash changes or the user is dropped, and a
//! reader needs no lock and no second look-up.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// A slot that is filled once, shared by all snapshots that hold the same credential.
#[derive(Clone, Default)]
pub struct LoginMemo(Arc<OnceLock<[u8; 32]>>);

impl LoginMemo {
    /// The digest, once a login has succeeded.
    #[must_use]
    pub fn get(&self) -> Option<&[u8; 32]> {
        self.0.get()
    }

    /// Remembers a digest; the first one stays.
    pub fn remember(&self, digest: [u8; 32]) {
        // A second writer brings an equally good digest, so losing the race loses nothing.
        let _ = self.0.set(digest);
    }
}

impl fmt::Debug for LoginMemo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginMemo(..)")
    }
}
