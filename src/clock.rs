//! Where the time comes from. Nothing else in the crate reads a clock, so that tests can set it.
//!
//! Two clocks: the wall clock, for what is written down, and one that counts from boot and goes
//! on while the machine is suspended, for how old something is.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// A moment on the clock that counts from boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uptime(Duration);

impl Uptime {
    /// The moment this long after boot.
    #[must_use]
    pub const fn after_boot(time: Duration) -> Self {
        Self(time)
    }

    /// How long after boot.
    #[must_use]
    pub const fn since_boot(self) -> Duration {
        self.0
    }

    /// How long after an earlier moment; zero if that one is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A source of time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Milliseconds since the Unix epoch; 0 if the system clock stands before it.
    fn unix_millis(&self) -> u64;

    /// Now, on a clock that nobody sets and that counts also while the process is stopped or the
    /// machine is suspended.
    fn uptime(&self) -> Uptime;
}

#[cfg(target_os = "linux")]
const BOOT: ClockId = ClockId::Boottime;
/// Elsewhere the monotonic clock has to do; on some systems it counts suspension, too.
#[cfg(not(target_os = "linux"))]
const BOOT: ClockId = ClockId::Monotonic;

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

    fn uptime(&self) -> Uptime {
        let now = clock_gettime(BOOT);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(now.tv_nsec).unwrap_or(0);
        Uptime(Duration::new(seconds, nanos))
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Default)]
pub struct ManualClock {
    unix_millis: AtomicI64,
    uptime_millis: AtomicU64,
}

impl ManualClock {
    /// A clock that shows this time, just after boot.
    #[must_use]
    pub fn at(unix_millis: i64) -> Self {
        Self { unix_millis: AtomicI64::new(unix_millis), uptime_millis: AtomicU64::new(0) }
    }

    /// Moves the wall clock, backwards if negative. The time since boot follows only forwards: it
    /// is never set back.
    pub fn advance(&self, millis: i64) {
        self.unix_millis.fetch_add(millis, Ordering::Relaxed);
        self.uptime_millis.fetch_add(u64::try_from(millis).unwrap_or(0), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn unix_millis(&self) -> u64 {
        u64::try_from(self.unix_millis.load(Ordering::Relaxed)).unwrap_or(0)
    }

    fn uptime(&self) -> Uptime {
        Uptime(Duration::from_millis(self.uptime_millis.load(Ordering::Relaxed)))
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
    fn the_time_since_boot_rises_and_is_never_set_back() {
        let (first, second) = (SystemClock.uptime(), SystemClock.uptime());
        assert!(first <= second && first.since_boot() > Duration::ZERO);
        assert_eq!(first.since(second), Duration::ZERO);
        let clock = ManualClock::at(1_000_000);
        let before = clock.uptime();
        clock.advance(2_000);
        clock.advance(-500_000);
        assert_eq!(clock.uptime().since(before), Duration::from_secs(2));
    }

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
