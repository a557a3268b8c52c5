//! Log lines that clients can cause, kept so few that a flood of them cannot fill a disk.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most lines in a second; what is above is counted and told with the next line.
const LINES_PER_SECOND: u32 = 20;

/// Counts lines, second by second, on the monotonic clock: setting the time changes nothing.
#[derive(Debug, Default)]
pub(crate) struct LogPace {
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    begun: Option<Instant>,
    lines: u32,
    suppressed: u64,
}

impl LogPace {
    /// Whether a line may be written now and, if so, how many were not since the last one.
    pub(crate) fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        // The lock guards three numbers; after a panic they are as good as before.
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let second = Duration::from_secs(1);
        if window.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= second) {
            window.begun = Some(now);
            window.lines = 0;
        }
        if window.lines >= LINES_PER_SECOND {
            window.suppressed += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_told_in_the_next_second() {
        let now = Instant::now();
        let pace = LogPace::default();
        let written = (0..50).filter(|_| pace.admit_at(now).is_some()).count();
        assert_eq!(written, 20);
        let later = now + Duration::from_secs(1);
        assert_eq!(pace.admit_at(later), Some(30));
        assert_eq!(pace.admit_at(later), Some(0));
    }
}
