//! What the answers of one connection hold in memory until its peer has read them. A peer that
//! reads nothing is answered nothing more once this is too much, and hung up on once it has been
//! too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// Pieces below this are not counted: all that one connection can be sent at once hold a few
/// megabytes together.
const LEAST: usize = 16 * 1024;

/// The count of a connection. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unread(Arc<AtomicUsize>);

impl Unread {
    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// The same bytes, counted until all of them have been sent or dropped.
    pub(crate) fn hold(&self, bytes: Bytes) -> Bytes {
        if bytes.len() < LEAST {
            return bytes;
        }
        self.0.fetch_add(bytes.len(), Ordering::Relaxed);
        Bytes::from_owner(Held { bytes, unread: self.clone() })
    }
}

struct Held {
    bytes: Bytes,
    unread: Unread,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.unread.0.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_until_the_last_of_them_is_gone() {
        let unread = Unread::default();
        let mut one = unread.hold(Bytes::from(vec![7; LEAST]));
        let two = unread.hold(Bytes::from_static(b"abc"));
        assert_eq!(unread.bytes(), LEAST);
        assert_eq!((&one[..], &two[..]), (&[7; LEAST][..], &b"abc"[..]));
        drop(one.split_to(LEAST - 1));
        assert_eq!(unread.bytes(), LEAST);
        drop(one);
        assert_eq!(unread.bytes(), 0);
    }
}
