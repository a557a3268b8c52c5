//! Follows a chunked HTTP/1 body byte by byte to find where it ends, and stops at anything two
//! parsers could read differently. It changes nothing: the bytes go on as they came.

use super::head::is_token;

/// Sixteen hexadecimal digits fill a `u64`.
const MAX_SIZE_DIGITS: usize = 16;
/// Nobody we know sends chunk extensions; this much is ignored rather than refused.
const MAX_EXTENSION: usize = 256;

/// Where in a chunked body we are.
#[derive(Debug)]
pub(crate) struct Chunked {
    state: State,
    trailers_left: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Size { digits: usize, size: u64 },
    Extension { length: usize, size: u64 },
    SizeLf { size: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    Over,
}

/// What one buffer of the body has shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Followed {
    /// All of it belongs to the body, and there is more to come.
    All,
    /// The body ends before this index.
    End(usize),
    /// Not a chunked body.
    Broken,
}

impl Chunked {
    /// `max_trailers` bounds the bytes after the last chunk.
    pub(crate) fn new(max_trailers: usize) -> Self {
        Self { state: State::Size { digits: 0, size: 0 }, trailers_left: max_trailers }
    }

    /// Follows the next bytes of the body.
    pub(crate) fn follow(&mut self, bytes: &[u8]) -> Followed {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if let State::Data { left } = self.state {
                let here = (bytes.len() - at) as u64;
                let taken = left.min(here);
                self.state =
                    if taken == left { State::DataCr } else { State::Data { left: left - taken } };
                // `taken` is at most the length of a slice.
                at += usize::try_from(taken).unwrap_or(bytes.len());
                continue;
            }
            let Some(next) = self.step(byte) else { return Followed::Broken };
            self.state = next;
            at += 1;
            if matches!(self.state, State::Over) {
                return Followed::End(at);
            }
        }
        Followed::All
    }

    fn step(&mut self, byte: u8) -> Option<State> {
        Some(match (self.state, byte) {
            (State::Size { digits, size }, _) if byte.is_ascii_hexdigit() => {
                if digits == MAX_SIZE_DIGITS {
                    return None;
                }
                let digit = u64::from(char::from(byte).to_digit(16)?);
                State::Size { digits: digits + 1, size: (size << 4) | digit }
            }
            (State::Size { digits: 1.., size }, b';') => State::Extension { length: 0, size },
            (State::Size { digits: 1.., size } | State::Extension { size, .. }, b'\r') => {
                State::SizeLf { size }
            }
            (State::Extension { length, size }, b'\t' | 0x20..=0x7e | 0x80..)
                if length < MAX_EXTENSION =>
            {
                State::Extension { length: length + 1, size }
            }
            (State::SizeLf { size: 0 }, b'\n') => State::TrailerStart,
            (State::SizeLf { size }, b'\n') => State::Data { left: size },
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size { digits: 0, size: 0 },
            (State::LastLf, b'\n') => State::Over,
            (
                State::TrailerStart | State::TrailerName | State::TrailerValue | State::TrailerLf,
                _,
            ) => {
                self.trailers_left = self.trailers_left.checked_sub(1)?;
                self.trailer(byte)?
            }
            _ => return None,
        })
    }

    fn trailer(&self, byte: u8) -> Option<State> {
        Some(match (self.state, byte) {
            (State::TrailerStart, b'\r') => State::LastLf,
            (State::TrailerStart | State::TrailerName, _) if is_token(byte) => State::TrailerName,
            (State::TrailerValue, b'\r') => State::TrailerLf,
            (State::TrailerName, b':') | (State::TrailerValue, b'\t' | 0x20..=0x7e | 0x80..) => {
                State::TrailerValue
            }
            (State::TrailerLf, b'\n') => State::TrailerStart,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same answer is due whether the bytes come at once or one by one.
    fn followed(body: &str) -> Followed {
        let whole = Chunked::new(64).follow(body.as_bytes());
        let mut slow = Chunked::new(64);
        let mut single = Followed::All;
        for (at, byte) in body.bytes().enumerate() {
            match slow.follow(&[byte]) {
                Followed::All => {}
                Followed::End(_) => {
                    single = Followed::End(at + 1);
                    break;
                }
                Followed::Broken => {
                    single = Followed::Broken;
                    break;
                }
            }
        }
        assert_eq!(whole, single, "{body:?}");
        whole
    }

    #[test]
    fn the_end_of_a_chunked_body_is_found() {
        for body in [
            "0\r\n\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
            "00a\r\n0123456789\r\n000\r\n\r\n",
            "3;a=b\r\nabc\r\n0\r\n\r\n",
            "0\r\nx-a: b\r\nx-c:\r\n\r\n",
            "2\r\n\r\n\r\n0\r\n\r\n",
        ] {
            let more = format!("{body}GET / HTTP/1.1");
            assert_eq!(followed(&more), Followed::End(body.len()), "{body:?}");
        }
        assert_eq!(followed("5\r\nab"), Followed::All);
    }

    #[test]
    fn sloppy_chunks_are_refused() {
        for body in [
            "\r\n",
            "g\r\n",
            "3\nabc",
            "3 \r\nabc",
            " 3\r\nabc",
            "0x3\r\nabc",
            "-1\r\n",
            "3\r\nabcd\r\n",
            "3\r\nabc\n",
            "00000000000000003\r\n",
            "0\r\n folded\r\n\r\n",
            "0\r\nname : x\r\n\r\n",
            "0\r\na: b\n\r\n",
            "0\r\n\n",
            "1;\n\r\na",
        ] {
            assert_eq!(followed(body), Followed::Broken, "{body:?}");
        }
        assert_eq!(followed(&format!("1;{}\r\n", "e".repeat(257))), Followed::Broken);
        assert_eq!(followed(&format!("0\r\na:{}\r\n", "b".repeat(64))), Followed::Broken);
    }
}
