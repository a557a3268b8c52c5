//! Where the time comes from. Nothing else in the crate reads a clock, so that tests can set it.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of wall-clock time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Milliseconds since the Unix epoch; 0 if the system clock stands before it.
    fn unix_millis(&self) -> u64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn unix_millis(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn at(unix_millis: i64) -> Self {
        Self(AtomicI64::new(unix_millis))
    }

    /// Moves the clock, backwards if negative.
    pub fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn unix_millis(&self) -> u64 {
        u64::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(0)
    }
}

/// Milvus's hybrid timestamps: milliseconds shifted left by 18 bits, plus a counter.
#[derive(Debug, Default)]
pub struct HybridClock {
    last: AtomicU64,
}

/// Bits of the counter in a hybrid timestamp.
const LOGICAL_BITS: u32 = 18;

impl HybridClock {
    /// A timestamp above all earlier ones, also when the wall clock goes backwards.
    pub fn next(&self, clock: &dyn Clock) -> u64 {
        let now = clock.unix_millis() << LOGICAL_BITS;
        let later = |last: u64| Some(now.max(last + 1));
        // The closure never returns `None`, so the update cannot fail.
        let last = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, later)
            .unwrap_or_else(|last| last);
        now.max(last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_rise_when_the_clock_stands_still_or_goes_back() {
        let clock = ManualClock::at(1_000_000);
        let hybrid = HybridClock::default();
        let first = hybrid.next(&clock);
        let second = hybrid.next(&clock);
        clock.advance(-500_000);
        let third = hybrid.next(&clock);
        assert_eq!(first, 1_000_000 << 18);
        assert!(first < second && second < third);
    }
}
