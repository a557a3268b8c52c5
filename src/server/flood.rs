//! What a peer may send on an HTTP/2 connection that asks for nothing: pings, settings, updates of
//! windows, empty or tiny pieces of bodies, frames of unknown types; and how many of its calls it
//! may give up. h2 bounds what these hold in memory, this bounds the work.
//!
//! Such frames are paid from an allowance. Time adds to it, and so does what they come with in
//! honest use: each call, each piece of a body, each piece of an answer. gRPC clients in Go and
//! Java send a ping for each answer and up to two updates of windows for each of its frames.

use tokio::time::Instant;

use super::Limits;

/// Bytes of a body or an answer that earn one frame.
const BYTES_PER_FRAME: u64 = 512;
/// Frames that the beginning of a call earns.
const FRAMES_PER_CALL: u32 = 8;

/// The allowances of one connection.
#[derive(Debug)]
pub(crate) struct FloodWatch {
    frames: Allowance,
    resets: Allowance,
    last_stream: u32,
    bytes: u64,
}

/// What there was too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flood {
    /// Frames that ask for nothing.
    Frames,
    /// Calls given up.
    Resets,
}

/// What a frame is to the watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// HEADERS of this stream.
    Headers(u32),
    /// A piece of a body.
    Data(usize),
    /// The end of a call that is given up.
    Reset,
    /// Anything else.
    Other,
}

impl FloodWatch {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        let frames = Allowance::new(limits.h2_spare_frames, limits.h2_spare_frames_per_second, now);
        let resets = Allowance::new(limits.h2_resets, limits.h2_resets_per_second, now);
        Self { frames, resets, last_stream: 0, bytes: 0 }
    }

    /// Counts a frame that has come whole.
    pub(crate) fn frame(&mut self, kind: Kind) -> Result<(), Flood> {
        match kind {
            Kind::Headers(stream) if stream > self.last_stream => {
                self.last_stream = stream;
                self.frames.earn(FRAMES_PER_CALL);
                return Ok(());
            }
            Kind::Data(bytes) => self.passed(bytes),
            Kind::Reset if !self.resets.spend() => return Err(Flood::Resets),
            Kind::Headers(_) | Kind::Reset | Kind::Other => {}
        }
        if self.frames.spend() { Ok(()) } else { Err(Flood::Frames) }
    }

    /// Counts bytes of a body that came, or of an answer that went.
    pub(crate) fn passed(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        let earned = self.bytes / BYTES_PER_FRAME;
        self.bytes %= BYTES_PER_FRAME;
        self.frames.earn(u32::try_from(earned).unwrap_or(u32::MAX));
    }
}

/// Something that is used up and comes back with time. The clock is asked only when there is
/// nothing left.
#[derive(Debug)]
struct Allowance {
    left: u32,
    most: u32,
    per_second: u32,
    since: Instant,
}

impl Allowance {
    fn new(most: u32, per_second: u32, now: Instant) -> Self {
        Self { left: most, most, per_second, since: now }
    }

    fn earn(&mut self, count: u32) {
        self.left = self.left.saturating_add(count).min(self.most);
    }

    fn spend(&mut self) -> bool {
        if self.left == 0 {
            self.come_back(Instant::now());
        }
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or_default();
        left.is_some()
    }

    fn come_back(&mut self, now: Instant) {
        let passed = now.duration_since(self.since).as_secs_f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let earned = (passed * f64::from(self.per_second)) as u32;
        if earned > 0 {
            self.since = now;
            self.earn(earned);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn watch(frames: u32, resets: u32) -> FloodWatch {
        let limits = Limits {
            h2_spare_frames: frames,
            h2_spare_frames_per_second: 10,
            h2_resets: resets,
            h2_resets_per_second: 10,
            ..Limits::default()
        };
        FloodWatch::new(&limits, Instant::now())
    }

    /// How many of these frames pass before there are too many.
    fn until_flood(watch: &mut FloodWatch, kind: Kind) -> (usize, Flood) {
        (0..).find_map(|n| watch.frame(kind).err().map(|flood| (n, flood))).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_ask_for_nothing_are_counted_and_come_back_with_time() {
        let mut watch = watch(100, 5);
        assert_eq!(until_flood(&mut watch, Kind::Other), (100, Flood::Frames));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(until_flood(&mut watch, Kind::Data(1)), (20, Flood::Frames));
        // However long nothing comes, there is never more than at first.
        tokio::time::advance(Duration::from_secs(1000)).await;
        assert_eq!(until_flood(&mut watch, Kind::Other), (100, Flood::Frames));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_given_up_have_an_allowance_of_their_own_that_calls_do_not_fill() {
        let mut watch = watch(100, 5);
        for stream in 1..=5 {
            assert_eq!(watch.frame(Kind::Headers(2 * stream + 1)), Ok(()));
            assert_eq!(watch.frame(Kind::Reset), Ok(()));
        }
        assert_eq!(watch.frame(Kind::Headers(13)), Ok(()));
        assert_eq!(watch.frame(Kind::Reset), Err(Flood::Resets));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_and_what_is_said_in_them_pay_for_the_frames_beside_them() {
        let mut watch = watch(100, 5);
        for call in 1..100_000 {
            assert_eq!(watch.frame(Kind::Headers(2 * call + 1)), Ok(()));
            assert_eq!(watch.frame(Kind::Data(60)), Ok(()));
            for _ in 0..4 {
                assert_eq!(watch.frame(Kind::Other), Ok(()), "{call}");
            }
        }
        // 100 MiB there in frames of 16 KiB, and as much back with two updates for each.
        for _ in 0..6400 {
            assert_eq!(watch.frame(Kind::Data(16 << 10)), Ok(()));
            watch.passed(16 << 10);
            assert_eq!(watch.frame(Kind::Other), Ok(()));
            assert_eq!(watch.frame(Kind::Other), Ok(()));
        }
        // The second HEADERS of a stream, its trailers, begins no call.
        assert_eq!(until_flood(&mut watch, Kind::Headers(3)), (98, Flood::Frames));
    }
}
