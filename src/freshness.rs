//! How old the state may be that decisions rest on.
//!
//! A store that several processes share may have changed since this one last heard of it. So the
//! moment is kept of which it is known that the state was the newest one, and whoever decides asks
//! whether that is too long ago. It is on a clock that counts while the process is stopped or the
//! machine suspended: who wakes up late has an old state, and must know. Who makes sure that the
//! state is young again is the store; who refuses when it is not, the authorizer.

use std::future::{Future as _, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use crate::clock::{Clock, SystemClock, Uptime};

/// Stands for a state that nobody else can change, which never becomes old.
const ALWAYS: u64 = u64::MAX;

/// What is left to a state as old as it may be: it is too old only once it is older.
const LAST: Duration = Duration::from_millis(1);

/// Longest time after which a state that is not too old is looked at again. The timers that wait
/// do not count the time in which the machine is suspended; the age does.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// How often a state that is too old is looked at again.
const STALE_PAUSE: Duration = Duration::from_millis(50);

/// The age of the state, and the most that it may be. Read by every decision, without a lock.
#[derive(Debug)]
pub struct Freshness {
    clock: Arc<dyn Clock>,
    max: Duration,
    /// Nanoseconds since boot.
    as_of: AtomicU64,
    /// Whether the log has been told that it is too old. Whoever notices it first tells: there may
    /// be no thread that has the time to watch.
    told: AtomicBool,
    /// Which state it is, for the log.
    store: OnceLock<String>,
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
        Self {
            clock,
            max,
            as_of: AtomicU64::new(ALWAYS),
            told: AtomicBool::new(false),
            store: OnceLock::new(),
        }
    }

    /// Says what store the state comes from, for the log. The first word counts.
    pub fn name_store(&self, store: &str) {
        self.store.get_or_init(|| store.to_owned());
    }

    fn store(&self) -> &str {
        self.store.get().map_or("", String::as_str)
    }

    /// Says that the published state was the newest one at this moment. To be called once the
    /// state is published, never before. An earlier moment than the last changes nothing.
    pub fn confirm(&self, as_of: Uptime) {
        let nanos = u64::try_from(as_of.since_boot().as_nanos()).unwrap_or(ALWAYS - 1);
        let later = |old| (old == ALWAYS || old < nanos).then_some(nanos);
        // It fails when the moment is an earlier one.
        let _ = self.as_of.fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
        if self.told.load(Ordering::Relaxed) {
            let age = self.age().unwrap_or_default();
            if age <= self.max && self.told.swap(false, Ordering::Relaxed) {
                tracing::info!(store = %self.store(), ?age, "the state is confirmed; requests are answered again");
            }
        }
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
        let Some(age) = self.age().filter(|age| *age > self.max) else { return false };
        if !self.told.load(Ordering::Relaxed) && !self.told.swap(true, Ordering::Relaxed) {
            tracing::error!(
                store = %self.store(), ?age, max = ?self.max,
                "the state is older than it may be; every request is refused until it is confirmed"
            );
        }
        true
    }

    /// The most that the age may be.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.max
    }

    /// After how long nothing may be decided on the state any more, unless it is confirmed before
    /// then: zero if that is so already, `None` if it never will be.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        let rest = self.max.checked_sub(self.age()?);
        Some(rest.map_or(Duration::ZERO, |rest| rest.saturating_add(LAST)))
    }

    /// Waits until nothing may be decided on the state. Each time that this is polled the age is
    /// compared, so nothing that is polled after it rests on a state that is too old. Takes no
    /// timer where nobody else can change the state.
    pub async fn becomes_stale(&self) {
        let mut timer = pin!(self.run_out());
        poll_fn(
            |context| {
                if self.is_stale() { Poll::Ready(()) } else { timer.as_mut().poll(context) }
            },
        )
        .await;
    }

    /// Waits until the state may be decided on again.
    pub async fn becomes_fresh(&self) {
        while self.is_stale() {
            tokio::time::sleep(STALE_PAUSE).await;
        }
    }

    /// Sleeps for as long as there is time left.
    async fn run_out(&self) {
        while let Some(rest) = self.time_left() {
            if rest.is_zero() {
                return;
            }
            tokio::time::sleep(rest.min(MAX_PAUSE)).await;
        }
        pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

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
    fn the_time_that_is_left_ends_once_the_state_is_stale() {
        let clock = Arc::new(ManualClock::at(0));
        let freshness = Freshness::new(clock.clone(), seconds(10));
        assert_eq!(freshness.time_left(), None);
        freshness.confirm(clock.uptime());
        for (advance, left) in [(0, 10_001), (9_000, 1_001), (1_000, 1), (1, 0), (5_000, 0)] {
            clock.advance(advance);
            assert_eq!(freshness.time_left(), Some(Duration::from_millis(left)));
            assert_eq!(freshness.is_stale(), left == 0);
        }
        let endless = Freshness::new(clock.clone(), Duration::MAX);
        endless.confirm(clock.uptime());
        assert_eq!(endless.time_left(), Some(Duration::MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_hears_of_each_turn() {
        let clock = Arc::new(ManualClock::at(0));
        let freshness = Freshness::new(clock.clone(), seconds(10));
        let hour = seconds(3600);
        assert!(tokio::time::timeout(hour, freshness.becomes_stale()).await.is_err());
        freshness.becomes_fresh().await;
        freshness.confirm(clock.uptime());
        assert!(tokio::time::timeout(hour, freshness.becomes_stale()).await.is_err());

        let mut stale = pin!(freshness.becomes_stale());
        assert!((&mut stale).now_or_never().is_none());
        clock.advance(10_001);
        assert!((&mut stale).now_or_never().is_some(), "looked at also before the timer");
        tokio::time::timeout(hour, freshness.becomes_stale()).await.unwrap();
        assert!(tokio::time::timeout(hour, freshness.becomes_fresh()).await.is_err());
        freshness.confirm(clock.uptime());
        tokio::time::timeout(hour, freshness.becomes_fresh()).await.unwrap();
    }

    #[test]
    fn a_state_that_nobody_else_changes_is_waited_for_without_a_timer() {
        // There is no runtime here to give one.
        let freshness = Freshness::default();
        assert!(freshness.becomes_stale().now_or_never().is_none());
        assert!(freshness.becomes_fresh().now_or_never().is_some());
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
