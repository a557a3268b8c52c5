//! How often a name may be tried: a bucket of tokens for each, known or not.
//!
//! A check takes a token before bcrypt and keeps it only if the password was wrong, so that
//! thousands of guesses under way at once do not pass the burst. Names stand here as keyed digests,
//! and only while their bucket is not full.
//!
//! A bucket is one moment: when it will be full again. Each token taken moves that moment on by the
//! time one takes to come back, each given back moves it back. So there is nothing that has to be
//! filled up by a timer, and a clock that jumps gives at most a full bucket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::CredentialError;
use crate::clock::Clock;

/// How many failed logins a name may have. See the settings `rbac.failedLogins.*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedLogins {
    /// How many in a row, after a time without any; 0 means that nothing is throttled.
    pub burst: u32,
    /// How many a minute from then on; 0 stands for 1.
    pub per_minute: u32,
}

impl Default for FailedLogins {
    fn default() -> Self {
        Self { burst: 100, per_minute: 10 }
    }
}

/// Names of which there are buckets at most: some six megabytes. Whoever wants more has to have
/// failed with that many names within as long as their buckets take to be full again.
const MOST_NAMES: usize = 1 << 16;

const MINUTE: Duration = Duration::from_secs(60);

/// A name, as the verifier makes it.
pub(super) type NameDigest = [u8; 32];

/// The buckets of all names.
#[derive(Debug, Clone)]
pub(super) struct Throttle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// `None` if nothing is throttled.
    rate: Option<Rate>,
    most_names: usize,
    clock: Arc<dyn Clock>,
    /// When the bucket of a name is full again, as time since boot.
    full: Mutex<HashMap<NameDigest, Duration>>,
}

#[derive(Debug, Clone, Copy)]
struct Rate {
    /// The time in which a token comes back.
    token: Duration,
    /// The time in which an empty bucket is full again.
    bucket: Duration,
}

impl Throttle {
    pub(super) fn new(options: FailedLogins, clock: Arc<dyn Clock>) -> Self {
        Self::with_room(options, clock, MOST_NAMES)
    }

    fn with_room(options: FailedLogins, clock: Arc<dyn Clock>, most_names: usize) -> Self {
        let FailedLogins { burst, per_minute } = options;
        let token = MINUTE / per_minute.max(1);
        let rate = (burst > 0).then(|| Rate { token, bucket: token.saturating_mul(burst) });
        Self(Arc::new(Shared { rate, most_names, clock, full: Mutex::default() }))
    }

    /// Takes a token for a check of this name.
    ///
    /// # Errors
    /// [`CredentialError::Throttled`] if there is none.
    pub(super) fn reserve(&self, name: NameDigest) -> Result<Token, CredentialError> {
        let Some(rate) = self.0.rate else {
            return Ok(Token { name, throttle: None });
        };
        let now = self.0.clock.uptime().since_boot();
        let mut full = self.0.lock();
        let before = full.get(&name).copied().unwrap_or(now).max(now);
        let after = before
            .checked_add(rate.token)
            .filter(|after| after.saturating_sub(now) <= rate.bucket)
            .ok_or(CredentialError::Throttled)?;
        if full.len() >= self.0.most_names && !full.contains_key(&name) {
            make_room(&mut full, now);
        }
        full.insert(name, after);
        Ok(Token { name, throttle: Some(self.clone()) })
    }

    fn give_back(&self, name: &NameDigest) {
        let Some(rate) = self.0.rate else { return };
        let now = self.0.clock.uptime().since_boot();
        let mut full = self.0.lock();
        if let Some(moment) = full.get_mut(name) {
            *moment = moment.saturating_sub(rate.token);
            if *moment <= now {
                full.remove(name);
            }
        }
    }
}

impl Shared {
    /// What happens under this lock cannot panic half-way.
    fn lock(&self) -> MutexGuard<'_, HashMap<NameDigest, Duration>> {
        self.full.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets buckets that are full by now, and if those are few, the fullest eighth of the others:
/// nobody who is throttled while there are names that are not. It makes so much room at once that
/// the next name does not need it again.
fn make_room(full: &mut HashMap<NameDigest, Duration>, now: Duration) {
    let eighth = full.len() / 8;
    let enough = full.len() - eighth;
    full.retain(|_, moment| *moment > now);
    if full.len() <= enough {
        return;
    }
    let mut moments: Vec<Duration> = full.values().copied().collect();
    let (_, bound, _) = moments.select_nth_unstable(eighth);
    let bound = *bound;
    let mut left = eighth + 1;
    full.retain(|_, moment| {
        let goes = *moment <= bound && left > 0;
        left -= usize::from(goes);
        !goes
    });
}

/// A token that a check has taken. It goes back when it is dropped, unless it was spent.
#[derive(Debug)]
pub(super) struct Token {
    name: NameDigest,
    throttle: Option<Throttle>,
}

impl Token {
    /// The password was wrong.
    pub(super) fn spend(&mut self) {
        self.throttle = None;
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if let Some(throttle) = self.throttle.take() {
            throttle.give_back(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::{ManualClock, Uptime};

    const ANN: NameDigest = [1; 32];
    const BOB: NameDigest = [2; 32];
    const OPTIONS: FailedLogins = FailedLogins { burst: 100, per_minute: 10 };

    fn throttle() -> (Throttle, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(0));
        (Throttle::new(OPTIONS, clock.clone()), clock)
    }

    /// Fails as often as it may, and returns how often that was.
    fn fail(throttle: &Throttle, name: NameDigest) -> usize {
        let mut failed = 0;
        while let Ok(mut token) = throttle.reserve(name) {
            token.spend();
            failed += 1;
        }
        failed
    }

    #[test]
    fn after_a_hundred_failures_there_are_ten_a_minute_and_others_are_not_touched() {
        let (throttle, clock) = throttle();
        assert_eq!(fail(&throttle, ANN), 100);
        for (millis, more) in [(5_999, 0), (1, 1), (6_000, 1), (60_000, 10), (599_000, 99)] {
            clock.advance(millis);
            assert_eq!(fail(&throttle, ANN), more, "{millis}");
        }
        assert_eq!(fail(&throttle, BOB), 100);
    }

    #[test]
    fn a_token_that_is_not_spent_goes_back() {
        let (throttle, _) = throttle();
        for _ in 0..1_000 {
            drop(throttle.reserve(ANN).unwrap());
        }
        let held: Vec<Token> = (0..100).map(|_| throttle.reserve(ANN).unwrap()).collect();
        assert_eq!(throttle.reserve(ANN).unwrap_err(), CredentialError::Throttled);
        drop(held);
        assert!(throttle.0.lock().is_empty(), "a full bucket needs no room");
        assert_eq!(fail(&throttle, ANN), 100);
    }

    #[test]
    fn a_clock_that_jumps_gives_a_full_bucket_at_most_and_one_that_goes_back_gives_nothing() {
        #[derive(Debug, Default)]
        struct Jumping(Mutex<Duration>);
        impl Clock for Jumping {
            fn unix_millis(&self) -> u64 {
                0
            }
            fn uptime(&self) -> Uptime {
                Uptime::after_boot(*self.0.lock().unwrap())
            }
        }
        let clock = Arc::new(Jumping::default());
        let throttle = Throttle::new(OPTIONS, clock.clone());
        let set = |time| *clock.0.lock().unwrap() = time;
        let year = Duration::from_secs(365 * 86_400);
        set(year);
        assert_eq!(fail(&throttle, ANN), 100);
        let held = throttle.reserve(BOB).unwrap();
        set(Duration::ZERO);
        assert_eq!(fail(&throttle, ANN), 0);
        drop(held);
        set(year * 2);
        assert_eq!(fail(&throttle, ANN), 100);
        // At the end of time no token would ever come back.
        set(Duration::MAX);
        assert_eq!(fail(&throttle, BOB), 0);
    }

    #[test]
    fn nothing_is_throttled_when_that_is_switched_off() {
        let clock = Arc::new(ManualClock::at(0));
        let throttle = Throttle::new(FailedLogins { burst: 0, per_minute: 10 }, clock);
        for _ in 0..10_000 {
            throttle.reserve(ANN).unwrap().spend();
        }
        assert!(throttle.0.lock().is_empty());
    }

    #[test]
    fn many_threads_at_once_do_not_pass_the_burst() {
        let (throttle, _) = throttle();
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| (0..200).filter_map(|_| throttle.reserve(ANN).ok()).collect())
                })
                .collect();
            let held: Vec<Vec<Token>> =
                threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            held.iter().map(Vec::len).sum()
        });
        assert_eq!(taken, 100);
    }

    #[test]
    fn a_flood_of_names_takes_bounded_room_and_frees_nobody_who_is_throttled() {
        let clock = Arc::new(ManualClock::at(0));
        let throttle = Throttle::with_room(OPTIONS, clock, 1_000);
        assert_eq!(fail(&throttle, ANN), 100);
        for number in 0_u64..20_000 {
            let mut name = [0; 32];
            name[..8].copy_from_slice(&number.to_le_bytes());
            name[31] = 9;
            throttle.reserve(name).unwrap().spend();
            assert!(throttle.0.lock().len() <= 1_001);
        }
        assert_eq!(fail(&throttle, ANN), 0);
    }

    /// What a bucket is meant to be: something that fills evenly up to its brim. A token is the
    /// time in which it comes back.
    struct Naive {
        level: Duration,
        token: Duration,
        brim: Duration,
    }

    impl Naive {
        fn fill(&mut self, more: Duration) {
            self.level = (self.level + more).min(self.brim);
        }

        fn take(&mut self) -> bool {
            let enough = self.level >= self.token;
            if enough {
                self.level -= self.token;
            }
            enough
        }
    }

    proptest! {
        #[test]
        fn it_is_a_bucket_of_tokens(
            steps in prop::collection::vec((0_u8..4, 0_i64..20_000), 1..400),
            burst in 1_u32..20,
            per_minute in 1_u32..100,
        ) {
            let clock = Arc::new(ManualClock::at(0));
            let options = FailedLogins { burst, per_minute };
            let throttle = Throttle::new(options, clock.clone());
            let token = MINUTE / per_minute;
            let mut naive = Naive { level: token * burst, token, brim: token * burst };
            let mut held = Vec::new();
            for (step, millis) in steps {
                match step {
                    0 => {
                        clock.advance(millis);
                        naive.fill(Duration::from_millis(millis.unsigned_abs()));
                    }
                    1 if held.pop().is_some() => naive.fill(token),
                    _ => {
                        let taken = throttle.reserve(ANN).ok();
                        prop_assert_eq!(taken.is_some(), naive.take());
                        if let Some(mut token) = taken {
                            if step == 2 {
                                held.push(token);
                            } else {
                                token.spend();
                            }
                        }
                    }
                }
            }
        }
    }
}
