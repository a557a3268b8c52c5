//! Logins that have just been refused: trying the very same again is no new guess.
//!
//! A program with a wrong password tries it again and again. That takes bcrypt once in a while, and
//! no token each time, so that it does not lock out its user. What is remembered is a keyed digest of
//! name, hash and password, so another password, or another hash of the user, is checked at once.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Uptime};

/// For how long a refusal is remembered.
const KEPT: Duration = Duration::from_secs(5);

/// How many are remembered, more than processors refuse within that time; the oldest goes first.
const MOST: usize = 8_192;

/// The refusals of the last seconds.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    clock: Arc<dyn Clock>,
    list: Arc<Mutex<List>>,
}

#[derive(Debug, Default)]
struct List {
    keys: HashSet<[u8; 32]>,
    /// The same, oldest first, with the time of the refusal.
    order: VecDeque<([u8; 32], Uptime)>,
}

impl Refused {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, list: Arc::default() }
    }

    /// Whether this login has just been refused.
    pub(super) fn contains(&self, key: &[u8; 32]) -> bool {
        self.with(|list| list.keys.contains(key))
    }

    /// Remembers that it has been.
    pub(super) fn remember(&self, key: [u8; 32]) {
        let now = self.clock.uptime();
        self.with(|list| {
            if list.order.len() >= MOST {
                list.forget_oldest();
            }
            if list.keys.insert(key) {
                list.order.push_back((key, now));
            }
        });
    }

    fn with<T>(&self, action: impl FnOnce(&mut List) -> T) -> T {
        let now = self.clock.uptime();
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        while list.order.front().is_some_and(|(_, since)| now.since(*since) >= KEPT) {
            list.forget_oldest();
        }
        action(&mut list)
    }
}

impl List {
    fn forget_oldest(&mut self) {
        if let Some((key, _)) = self.order.pop_front() {
            self.keys.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_refusal_is_remembered_for_five_seconds_from_the_first_time() {
        let clock = Arc::new(ManualClock::at(0));
        let refused = Refused::new(clock.clone());
        assert!(!refused.contains(&[1; 32]));
        refused.remember([1; 32]);
        clock.advance(4_999);
        refused.remember([1; 32]);
        assert!(refused.contains(&[1; 32]) && !refused.contains(&[2; 32]));
        clock.advance(1);
        assert!(!refused.contains(&[1; 32]));
    }

    #[test]
    fn its_room_is_bounded_and_the_oldest_goes_first() {
        let refused = Refused::new(Arc::new(ManualClock::at(0)));
        let key = |number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            key
        };
        for number in 0..=MOST {
            refused.remember(key(number));
        }
        assert!(!refused.contains(&key(0)) && refused.contains(&key(1)));
        assert_eq!(refused.list.lock().unwrap().keys.len(), MOST);
    }
}
