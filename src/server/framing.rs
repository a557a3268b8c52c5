//! Cuts the bytes of an HTTP/1 connection into heads and bodies, so that every head is judged
//! before the parser behind us sees it, the second and later ones of a connection too. Pure:
//! reading, timing and answering are left to `http1.rs`.

use http::StatusCode;

use super::chunked::{Chunked, Followed};
use super::head::{self, BodyFraming, HeadScan, Scanned};

/// What is to be done with the bytes shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// More bytes are needed to tell.
    NeedMore,
    /// The first so many may go on.
    Pass(usize),
    /// The first so many mean nothing and are left out.
    Skip(usize),
    /// Instead of a request: answer this status and close.
    Refuse(StatusCode),
    /// The body is broken; its request has already gone on.
    Broken,
}

/// Where in the stream of requests we are.
#[derive(Debug)]
pub(crate) struct Framer {
    max_head: usize,
    state: State,
    heads: u64,
    leading_lines: bool,
}

#[derive(Debug)]
enum State {
    Head(HeadScan),
    Length(u64),
    Chunked(Chunked),
}

impl Framer {
    pub(crate) fn new(max_head: usize) -> Self {
        Self { max_head, state: State::Head(HeadScan::default()), heads: 0, leading_lines: false }
    }

    /// True between requests and inside a head, false inside a body.
    pub(crate) fn in_head(&self) -> bool {
        matches!(self.state, State::Head(_))
    }

    /// Heads passed on so far.
    pub(crate) fn heads(&self) -> u64 {
        self.heads
    }

    /// Inside a body of known length: the bytes that are left, which need no look.
    pub(crate) fn plain_left(&self) -> Option<u64> {
        match self.state {
            State::Length(left) => Some(left),
            _ => None,
        }
    }

    /// So many bytes of such a body went on without being shown to [`Framer::step`].
    pub(crate) fn passed_plain(&mut self, count: u64) {
        if let State::Length(left) = self.state {
            self.state = after_length(left.saturating_sub(count));
        }
    }

    /// Looks at the bytes not yet passed on.
    pub(crate) fn step(&mut self, bytes: &[u8]) -> Step {
        if bytes.is_empty() {
            return Step::NeedMore;
        }
        match &mut self.state {
            State::Head(scan) => match scan.scan(bytes, self.max_head) {
                Scanned::Incomplete => Step::NeedMore,
                Scanned::Refused(status) => Step::Refuse(status),
                Scanned::LeadingLine(length) => self.leading_line(length),
                Scanned::End(end) => self.head_over(bytes, end),
            },
            State::Length(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                self.passed_plain(count as u64);
                Step::Pass(count)
            }
            State::Chunked(chunked) => match chunked.follow(bytes) {
                Followed::All => Step::Pass(bytes.len()),
                Followed::End(end) => {
                    self.state = State::Head(HeadScan::default());
                    Step::Pass(end)
                }
                Followed::Broken => Step::Broken,
            },
        }
    }

    /// One empty line before a request is skipped, as old clients send it; more is garbage.
    fn leading_line(&mut self, length: usize) -> Step {
        if std::mem::replace(&mut self.leading_lines, true) {
            return Step::Refuse(StatusCode::BAD_REQUEST);
        }
        self.state = State::Head(HeadScan::default());
        Step::Skip(length)
    }

    fn head_over(&mut self, bytes: &[u8], end: usize) -> Step {
        match head::judge(bytes.get(..end).unwrap_or_default()) {
            Err(status) => Step::Refuse(status),
            Ok(framing) => {
                self.state = match framing {
                    BodyFraming::Length(length) => after_length(length),
                    BodyFraming::Chunked => State::Chunked(Chunked::new(self.max_head)),
                };
                self.heads += 1;
                self.leading_lines = false;
                Step::Pass(end)
            }
        }
    }
}

fn after_length(left: u64) -> State {
    if left == 0 { State::Head(HeadScan::default()) } else { State::Length(left) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pipelined_requests_are_cut_where_they_end() {
        let parts = [
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n",
            "abc",
            "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
            "1\r\na\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        ];
        let all = parts.concat();
        let mut rest = all.as_bytes();
        let mut framer = Framer::new(1024);
        for part in parts {
            assert_eq!(framer.step(rest), Step::Pass(part.len()), "{part:?}");
            rest = &rest[part.len()..];
        }
        assert_eq!(framer.step(rest), Step::NeedMore);
        assert_eq!(framer.heads(), 3);
    }

    #[test]
    fn one_empty_line_before_a_request_is_skipped() {
        let mut framer = Framer::new(1024);
        assert_eq!(framer.step(b"\r\n\r\n"), Step::Skip(2));
        assert_eq!(framer.step(b"\r\n"), Step::Refuse(StatusCode::BAD_REQUEST));
    }

    #[test]
    fn a_bad_second_head_and_a_bad_chunk_stop_the_stream() {
        let mut framer = Framer::new(1024);
        let first = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        assert_eq!(framer.step(first), Step::Pass(first.len()));
        assert_eq!(framer.step(b"GET / HTTP/1.1\n"), Step::Refuse(StatusCode::BAD_REQUEST));

        let mut framer = Framer::new(1024);
        let head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(framer.step(head), Step::Pass(head.len()));
        assert_eq!(framer.step(b"zz"), Step::Broken);
    }

    /// What goes on, and how it ends, when the bytes arrive in pieces of these lengths.
    fn framed(bytes: &[u8], pieces: &[usize]) -> (Vec<u8>, Option<Step>) {
        let mut framer = Framer::new(64);
        let (mut held, mut passed, mut rest) = (Vec::new(), Vec::new(), bytes);
        let mut pieces = pieces.iter().cycle();
        loop {
            match framer.step(&held) {
                Step::Pass(count) => passed.extend(held.drain(..count)),
                Step::Skip(count) => drop(held.drain(..count)),
                Step::NeedMore if rest.is_empty() => return (passed, None),
                Step::NeedMore => {
                    let (piece, after) = rest.split_at((*pieces.next().unwrap()).min(rest.len()));
                    held.extend_from_slice(piece);
                    rest = after;
                }
                over => return (passed, Some(over)),
            }
        }
    }

    /// Pieces of requests, good and bad, in any order.
    fn wire() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            prop::sample::select(
                &[
                    "GET / HTTP/1.1\r\n",
                    "POST /a HTTP/1.1\r\n",
                    "host: x\r\n",
                    "\r\n",
                    "\n",
                    "0\r\n",
                    "content-length: 3\r\n",
                    "transfer-encoding: chunked\r\n",
                    "3\r\nabc\r\n",
                    "abc",
                    "0\r\n\r\n",
                    "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
                    "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
                ][..]
            )
            .prop_map(|text| text.as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_changes_nothing(
            bytes in wire(),
            pieces in prop::collection::vec(1_usize..9, 1..5),
        ) {
            let (whole, whole_end) = framed(&bytes, &[usize::MAX]);
            let (cut, cut_end) = framed(&bytes, &pieces);
            // A broken body may show its good part first or not; nothing else may differ.
            if whole_end == Some(Step::Broken) {
                prop_assert!(cut.starts_with(&whole));
            } else {
                prop_assert_eq!(whole, cut);
            }
            prop_assert_eq!(whole_end, cut_end);
        }
    }
}
