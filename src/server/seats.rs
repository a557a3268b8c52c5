//! How many connections there may be, and who gives way when there are more: a connection over
//! which nobody has ever authenticated, the oldest of the address that has most of them. Whoever
//! has logged in keeps his place, so that a crowd of idle strangers shuts nobody out.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::credential::share_of;
use crate::layer::OnKnown;
use crate::log::LogPace;

/// All places. Cloning shares them.
#[derive(Debug, Clone)]
pub(crate) struct Seats(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    taken: Mutex<Taken>,
    pace: LogPace,
}

/// INVARIANT: no map in `strangers` is empty, and `count` is the number of places that are
/// neither free nor taken away.
#[derive(Debug, Default)]
struct Taken {
    count: usize,
    next: u64,
    strangers: HashMap<IpAddr, BTreeMap<u64, CancellationToken>>,
}

impl Seats {
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Shared { most, taken: Mutex::default(), pace: LogPace::default() }))
    }

    /// A place for one more connection, if need be that of a stranger; `None` where all are taken
    /// by callers who are known. Says in the log that there are too many.
    pub(crate) fn take(&self, peer: IpAddr) -> Option<Arc<Seat>> {
        let share = share_of(peer);
        let closed = CancellationToken::new();
        let mut taken = self.0.lock();
        let full = taken.count >= self.0.most;
        if full && !taken.take_away() {
            drop(taken);
            self.0.tell("all of them have carried somebody's call; refusing new ones");
            return None;
        }
        taken.count += 1;
        taken.next += 1;
        let number = taken.next;
        taken.strangers.entry(share).or_default().insert(number, closed.clone());
        drop(taken);
        if full {
            self.0.tell("closing the oldest of those over which nobody has logged in");
        }
        let is_known = AtomicBool::new(false);
        Some(Arc::new(Seat { seats: Arc::clone(&self.0), share, number, closed, is_known }))
    }
}

impl Shared {
    /// Nothing under this lock can panic half-way, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, what: &str) {
        if let Some(suppressed) = self.pace.admit() {
            tracing::warn!(
                connections = self.most,
                suppressed,
                "as many connections as there may be (rbac.maxConnections): {what}"
            );
        }
    }
}

impl Taken {
    /// Ends one connection of a stranger; false if there is none.
    fn take_away(&mut self) -> bool {
        let crowd = self.strangers.iter().max_by_key(|(_, places)| places.len());
        let Some((share, &number)) =
            crowd.and_then(|(share, places)| Some((*share, places.keys().next()?)))
        else {
            return false;
        };
        let Some(closed) = self.remove(share, number) else { return false };
        self.count -= 1;
        closed.cancel();
        true
    }

    fn remove(&mut self, share: IpAddr, number: u64) -> Option<CancellationToken> {
        let places = self.strangers.get_mut(&share)?;
        let closed = places.remove(&number);
        if places.is_empty() {
            self.strangers.remove(&share);
        }
        closed
    }
}

/// The place of one connection, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Shared>,
    share: IpAddr,
    number: u64,
    closed: CancellationToken,
    is_known: AtomicBool,
}

impl Seat {
    /// Ready when the connection has to give way.
    pub(crate) fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    /// For the extensions of a request, until somebody's call has come over the connection.
    pub(crate) fn introduction(self: &Arc<Self>) -> Option<OnKnown> {
        (!self.is_known.load(Ordering::Relaxed)).then(|| {
            let seat = Arc::downgrade(self);
            OnKnown::new(move || {
                if let Some(seat) = seat.upgrade() {
                    seat.keep();
                }
            })
        })
    }

    /// From now on nobody takes it away.
    fn keep(&self) {
        // Under the lock, so that it is either taken away or kept.
        let mut taken = self.seats.lock();
        if taken.remove(self.share, self.number).is_some() {
            self.is_known.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        let was_stranger = taken.remove(self.share, self.number).is_some();
        // One that has been taken away is counted no longer.
        if was_stranger || *self.is_known.get_mut() {
            taken.count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn tell(seat: &Arc<Seat>) {
        let mut extensions = http::Extensions::new();
        extensions.insert(seat.introduction().unwrap());
        OnKnown::tell(&extensions);
    }

    #[test]
    fn the_oldest_stranger_of_the_largest_crowd_gives_way() {
        let seats = Seats::new(4);
        let alone = seats.take(ip(1)).unwrap();
        let crowd: Vec<_> = (0..3).map(|_| seats.take(ip(2)).unwrap()).collect();
        let newcomer = seats.take(ip(3)).unwrap();
        let closed: Vec<bool> = crowd.iter().map(|seat| seat.closed().is_cancelled()).collect();
        assert_eq!(closed, [true, false, false]);
        assert!(!alone.closed().is_cancelled() && !newcomer.closed().is_cancelled());
    }

    #[test]
    fn whoever_has_logged_in_is_never_sent_away() {
        let seats = Seats::new(2);
        let known = [seats.take(ip(1)).unwrap(), seats.take(ip(1)).unwrap()];
        known.iter().for_each(tell);
        assert!(known.iter().all(|seat| seat.introduction().is_none()));
        assert!(seats.take(ip(2)).is_none());
        drop(known);
        assert!(seats.take(ip(2)).is_some());
    }

    #[test]
    fn each_place_is_counted_once_however_it_becomes_free() {
        let seats = Seats::new(2);
        for round in 0..10 {
            let first = seats.take(ip(1)).unwrap();
            let second = seats.take(ip(1)).unwrap();
            // Takes the place of the first, which is told too late that it is known.
            let third = seats.take(ip(2)).unwrap();
            tell(&first);
            assert!(first.closed().is_cancelled() && first.introduction().is_some());
            tell(&second);
            tell(&third);
            assert_eq!(seats.0.lock().count, 2, "{round}");
            assert!(seats.take(ip(3)).is_none());
        }
        let taken = seats.0.lock();
        assert_eq!((taken.count, taken.strangers.len()), (0, 0));
    }
}
