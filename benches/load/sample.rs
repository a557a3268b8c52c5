//! What a round has measured, and the numbers that are read off it.

use std::time::Duration;

/// How the calls of one round went.
pub(crate) struct Calls {
    /// In ascending order.
    latencies: Vec<Duration>,
    elapsed: Duration,
}

impl Calls {
    pub(crate) fn new(mut latencies: Vec<Duration>, elapsed: Duration) -> Self {
        latencies.sort_unstable();
        Self { latencies, elapsed }
    }

    pub(crate) fn count(&self) -> usize {
        self.latencies.len()
    }

    /// Calls per second.
    pub(crate) fn rate(&self) -> f64 {
        count(self.count()) / self.elapsed.as_secs_f64()
    }

    /// The latency, in microseconds, that so many of a hundred calls stayed below.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        self.latencies[rank(self.count(), percent)].as_secs_f64() * 1e6
    }
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    f64::midpoint(low, high)
}

/// The least and the greatest.
pub(crate) fn spread(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    (least, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts beyond 2^52 here")]
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}

/// What so many of a hundred stay below.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[rank(values.len(), percent)]
}

/// The place, in ascending order, of what so many of a hundred stay below.
fn rank(count: usize, percent: usize) -> usize {
    (count - 1) * percent / 100
}
