//! Watches the frame headers of an HTTP/2 connection go by, to tell when the peer has begun
//! something that it must finish soon: its first SETTINGS, a frame, a header block in several
//! frames; and to have its frames counted (`flood.rs`). Without opinion on correctness, which h2
//! has; DATA is left to the deadline of the request body.

use super::flood::{Flood, FloodWatch, Kind};
use super::sniff::PREFACE;

const HEAD_LEN: usize = 9;
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const CONTINUATION: u8 = 0x9;
const END_HEADERS: u8 = 0x4;

/// Position in the stream of frames.
#[derive(Debug)]
pub(crate) struct FrameWatch {
    preface_left: usize,
    head: [u8; HEAD_LEN],
    head_len: usize,
    payload_left: usize,
    settings_seen: bool,
    in_block: bool,
    finished: u64,
    floods: FloodWatch,
}

impl FrameWatch {
    pub(crate) fn new(floods: FloodWatch) -> Self {
        Self {
            preface_left: PREFACE.len(),
            head: [0; HEAD_LEN],
            head_len: 0,
            payload_left: 0,
            settings_seen: false,
            in_block: false,
            finished: 0,
            floods,
        }
    }

    /// The number of the thing that the peer has begun and not finished, if any. A new number is
    /// a new thing, with a deadline of its own.
    pub(crate) fn unfinished(&self) -> Option<u64> {
        let in_frame = self.head_len > 0 && (self.head_len < HEAD_LEN || self.kind() != DATA);
        (!self.settings_seen || self.in_block || in_frame).then_some(self.finished)
    }

    /// Counts bytes that have been written to the peer.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.floods.passed(bytes);
    }

    /// Follows the next bytes of the connection. The error says that there are too many frames of
    /// a kind, and how many bytes are left behind the first of them.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), (Flood, usize)> {
        let preface = self.preface_left.min(bytes.len());
        self.preface_left -= preface;
        bytes = bytes.get(preface..).unwrap_or_default();
        while !bytes.is_empty() {
            if self.head_len < HEAD_LEN {
                let (Some(slot), Some((&byte, rest))) =
                    (self.head.get_mut(self.head_len), bytes.split_first())
                else {
                    return Ok(());
                };
                *slot = byte;
                self.head_len += 1;
                bytes = rest;
                if self.head_len == HEAD_LEN {
                    self.payload_left = self.payload_len();
                }
            } else {
                let count = self.payload_left.min(bytes.len());
                self.payload_left -= count;
                bytes = bytes.get(count..).unwrap_or_default();
            }
            if self.head_len == HEAD_LEN && self.payload_left == 0 {
                self.frame_over().map_err(|flood| (flood, bytes.len()))?;
            }
        }
        Ok(())
    }

    fn payload_len(&self) -> usize {
        let [a, b, c, ..] = self.head;
        u32::from_be_bytes([0, a, b, c]) as usize
    }

    fn kind(&self) -> u8 {
        let [_, _, _, kind, ..] = self.head;
        kind
    }

    fn frame_over(&mut self) -> Result<(), Flood> {
        let [_, _, _, kind, flags, stream @ ..] = self.head;
        self.head_len = 0;
        match kind {
            SETTINGS => self.settings_seen = true,
            HEADERS | CONTINUATION => self.in_block = flags & END_HEADERS == 0,
            _ => {}
        }
        // Frames of one block share a number, and so do all up to the first SETTINGS.
        if self.settings_seen && !self.in_block {
            self.finished += 1;
        }
        self.floods.frame(match kind {
            HEADERS => Kind::Headers(u32::from_be_bytes(stream)),
            DATA => Kind::Data(self.payload_len()),
            RST_STREAM => Kind::Reset,
            _ => Kind::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::server::Limits;

    fn new() -> FrameWatch {
        FrameWatch::new(FloodWatch::new(&Limits::default(), Instant::now()))
    }

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let mut frame = vec![0, 0, u8::try_from(payload).unwrap(), kind, flags, 0, 0, 0, 1];
        frame.resize(HEAD_LEN + payload, 0);
        frame
    }

    fn after(parts: &[Vec<u8>]) -> FrameWatch {
        let mut watch = new();
        watch.feed(PREFACE).unwrap();
        for part in parts {
            watch.feed(part).unwrap();
        }
        watch
    }

    #[test]
    fn a_connection_without_settings_is_unfinished() {
        assert_eq!(after(&[]).unfinished(), Some(0));
        assert_eq!(after(&[frame(SETTINGS, 0, 6)[..10].to_vec()]).unfinished(), Some(0));
        assert_eq!(after(&[frame(SETTINGS, 0, 6)]).unfinished(), None);
    }

    #[test]
    fn a_header_block_is_unfinished_until_its_last_frame() {
        let start = [frame(SETTINGS, 0, 0), frame(HEADERS, 0, 3)];
        let mut watch = after(&start);
        let number = watch.unfinished().unwrap();
        watch.feed(&frame(CONTINUATION, 0, 5)).unwrap();
        assert_eq!(watch.unfinished(), Some(number));
        watch.feed(&frame(CONTINUATION, END_HEADERS, 5)[..HEAD_LEN + 4]).unwrap();
        assert_eq!(watch.unfinished(), Some(number));
        watch.feed(&[0]).unwrap();
        assert_eq!(watch.unfinished(), None);
    }

    #[test]
    fn each_frame_has_its_own_number_and_data_has_none() {
        let mut watch = after(&[frame(SETTINGS, 0, 0)]);
        let mut all = [frame(0x6, 0, 8), frame(0x6, 0, 8)].concat();
        let tail = all.split_off(HEAD_LEN + 4);
        watch.feed(&all).unwrap();
        let first = watch.unfinished().unwrap();
        watch.feed(&tail[..tail.len() - 1]).unwrap();
        assert_ne!(watch.unfinished().unwrap(), first);
        watch.feed(&tail[tail.len() - 1..]).unwrap();
        watch.feed(&frame(DATA, 0, 9)[..12]).unwrap();
        assert_eq!(watch.unfinished(), None);
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_are_cut() {
        let all = [frame(SETTINGS, 0, 6), frame(HEADERS, END_HEADERS, 9), frame(DATA, 1, 0)];
        let mut watch = after(&[]);
        for byte in all.concat() {
            watch.feed(&[byte]).unwrap();
        }
        assert_eq!(watch.unfinished(), None);
        assert_eq!(watch.finished, after(&all).finished);
    }

    #[test]
    fn too_many_frames_are_told_at_the_end_of_the_first_of_them() {
        let limits = Limits { h2_spare_frames: 3, ..Limits::default() };
        let limits = Limits { h2_spare_frames_per_second: 0, ..limits };
        let mut watch = FrameWatch::new(FloodWatch::new(&limits, Instant::now()));
        watch.feed(PREFACE).unwrap();
        let all = [frame(SETTINGS, 0, 0), frame(0x6, 0, 8), frame(0x6, 0, 8)].concat();
        watch.feed(&all).unwrap();
        let more = [frame(0x6, 0, 8), frame(0x6, 0, 8)].concat();
        assert_eq!(watch.feed(&more), Err((Flood::Frames, HEAD_LEN + 8)));
    }
}
