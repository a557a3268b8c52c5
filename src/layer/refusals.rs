//! Log lines of refused logins and decisions, so few that a flood cannot fill a disk.

use std::sync::Mutex;

use crate::clock::Clock;

/// Most lines in a second; what is above is counted and told with the next line.
const LINES_PER_SECOND: u32 = 20;

/// Counts lines, second by second.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    second: u64,
    lines: u32,
    suppressed: u64,
}

impl Refusals {
    /// Whether a line may be written now and, if so, how many were not since the last one.
    pub(super) fn admit(&self, clock: &dyn Clock) -> Option<u64> {
        let second = clock.unix_millis() / 1000;
        // The lock guards three numbers; after a panic they are as good as before.
        let mut window = self.window.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if window.second != second {
            window.second = second;
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
    use crate::clock::ManualClock;

    #[test]
    fn a_flood_is_counted_and_told_in_the_next_second() {
        let clock = ManualClock::at(5_000);
        let refusals = Refusals::default();
        let written = (0..50).filter(|_| refusals.admit(&clock).is_some()).count();
        assert_eq!(written, 20);
        clock.advance(1000);
        assert_eq!(refusals.admit(&clock), Some(30));
        assert_eq!(refusals.admit(&clock), Some(0));
    }
}
