//! How old the state may be that decisions rest on.
//!
//! A store that several processes share may have changed since this one last heard of it. So the
//! moment is kept of which it is known that the state was the newest one, and whoever decides asks
//! whether that is too long ago. It is on a clock that counts while the process is stopped or the
//! machine suspended: who wakes up late has an old state, and must know. Who makes sure that the
//! state is young again is the store; who refuses when it is not, the authorizer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, SystemClock, Uptime};

/// Stands for a state that nobody else can change, which never becomes old.
const ALWAYS: u64 = u64::MAX;

/// The age of the state, and the most that it may be. Read by every decision, without a lock.
#[derive(Debug)]
pub struct Freshness {
    clock: Arc<dyn Clock>,
    max: Duration,
    /// Nanoseconds since boot.
    as_of: AtomicU64,
}

impl Default for Freshness {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock), Duration::MAX)
    }
}

impl Freshness {
    /// A state that is never old, until [`Freshness::confirm`] says from when it is.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, max: Duration) -> Self {
        Self { clock, max, as_of: AtomicU64::new(ALWAYS) }
    }

    /// Says that the published state was the newest one at this moment. To be called once the
    /// state is published, never before. An earlier moment than the last changes nothing.
    pub fn confirm(&self, as_of: Uptime) {
        let nanos = u64::try_from(as_of.since_boot().as_nanos()).unwrap_or(ALWAYS - 1);
        let later = |old| (old == ALWAYS || old < nanos).then_some(nanos);
        // It fails when the moment is an earlier one.
        let _ = self.as_of.fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
    }

    /// How long ago the state is known to have been the newest; `None` if it always is.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        match self.as_of.load(Ordering::Acquire) {
            ALWAYS => None,
            nanos => {
                let as_of = Uptime::after_boot(Duration::from_nanos(nanos));
                Some(self.clock.uptime().since(as_of))
            }
        }
    }

    /// Whether nothing may be decided on the state. Asked before the state is read.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.age().is_some_and(|age| age > self.max)
    }

    /// The most that the age may be.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_state_is_stale_once_it_is_older_than_it_may_be_and_young_again_when_confirmed() {
        let clock = Arc::new(ManualClock::at(0));
        let freshness = Freshness::new(clock.clone(), seconds(10));
        assert!(freshness.age().is_none() && !freshness.is_stale());
        freshness.confirm(clock.uptime());
        clock.advance(10_000);
        assert_eq!(freshness.age(), Some(seconds(10)));
        assert!(!freshness.is_stale());
        clock.advance(1);
        assert!(freshness.is_stale());
        freshness.confirm(clock.uptime());
        assert!(!freshness.is_stale());
    }

    #[test]
    fn a_confirmation_that_comes_late_does_not_make_the_state_older() {
        let clock = Arc::new(ManualClock::at(0));
        let freshness = Freshness::new(clock.clone(), seconds(10));
        let before = clock.uptime();
        clock.advance(5_000);
        freshness.confirm(clock.uptime());
        freshness.confirm(before);
        assert_eq!(freshness.age(), Some(Duration::ZERO));
    }
}
