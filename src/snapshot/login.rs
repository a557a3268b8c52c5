//! Room for one remembered login beside a user's hash.
//!
//! What stands in it is a keyed digest that only `credential/` can make or judge. It lives with
//! the user's entry, so it is gone as soon as the hash changes or the user is dropped, and a
//! reader needs no lock and no second look-up.

use std::fmt;

use once_cell::race::OnceBox;

/// A slot that is filled once. Most users of a large state never log in at this replica, so an empty
/// one is small. A clone holds what the original held then.
#[derive(Clone, Default)]
pub struct LoginMemo(OnceBox<[u8; 32]>);

impl LoginMemo {
    /// The digest, once a login has succeeded.
    #[must_use]
    pub fn get(&self) -> Option<&[u8; 32]> {
        self.0.get()
    }

    /// Remembers a digest; the first one stays.
    pub fn remember(&self, digest: [u8; 32]) {
        // A second writer brings an equally good digest, so losing the race loses nothing.
        let _ = self.0.set(Box::new(digest));
    }
}

impl fmt::Debug for LoginMemo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginMemo(..)")
    }
}
