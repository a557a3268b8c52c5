//! How much memory all requests together may take while they wait for what would allow them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most bytes of all requests together that are held because nothing has allowed them yet. Who
/// sends such requests names what they are about behind a lot of other things, which no client
/// does.
const MOST_BYTES: usize = 64 << 20;

/// The memory of one guard. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget(Arc<AtomicUsize>);

/// What one request has taken of it; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    pub(super) fn share(&self) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }
}

impl Share {
    /// Takes as much as the request holds now, or says that there is not so much left.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let total = &self.budget.0;
        if bytes == self.bytes {
            // As nearly always: the counter is everybody's.
            return true;
        }
        if bytes < self.bytes {
            total.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
            self.bytes = bytes;
            return true;
        }
        let more = bytes - self.bytes;
        let taken = total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(more).filter(|used| *used <= MOST_BYTES)
        });
        if taken.is_ok() {
            self.bytes = bytes;
        }
        taken.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.take(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let budget = Budget::default();
        let (mut one, mut other) = (budget.share(), budget.share());
        assert!(one.take(MOST_BYTES - 10));
        assert!(other.take(10));
        assert!(!other.take(11));
        assert!(one.take(0));
        assert!(other.take(11));
        drop(other);
        assert!(one.take(MOST_BYTES));
        drop(one);
        assert_eq!(budget.0.load(Ordering::Relaxed), 0);
    }
}
