//! Judges one complete HTTP/1 request head and says how its body is framed. Stricter than
//! RFC 9112 has to be wherever two parsers could read the same bytes differently: that
//! difference is what request smuggling lives on. Everything else (the target, the values) is
//! passed on for others to judge.

use http::StatusCode;

/// The parser behind us counts to a hundred; so do we, to answer it ourselves.
const MAX_FIELDS: usize = 100;

/// Where the body of a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFraming {
    /// After this many bytes; 0 where there is no body.
    Length(u64),
    /// After the last chunk and its trailers.
    Chunked,
}

/// How far the end of a head has been looked for, so that no byte is looked at twice.
#[derive(Debug, Default)]
pub(crate) struct HeadScan {
    seen: usize,
    line: usize,
    after_cr: bool,
    method_over: bool,
}

/// What a look at the bytes so far has shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// No end yet, nothing wrong yet.
    Incomplete,
    /// An empty line before the request line, this long; RFC 9112 2.2 asks to skip it.
    LeadingLine(usize),
    /// The head ends before this index.
    End(usize),
    /// Answer this and close.
    Refused(StatusCode),
}

impl HeadScan {
    /// Looks at what is new in `bytes`, which start with the head; `max` bounds the head.
    pub(crate) fn scan(&mut self, bytes: &[u8], max: usize) -> Scanned {
        for &byte in bytes.get(self.seen..).unwrap_or_default() {
            self.seen += 1;
            if self.seen > max {
                return Scanned::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
            }
            match self.step(byte) {
                None => {}
                Some(Scanned::Incomplete) => return Scanned::Refused(StatusCode::BAD_REQUEST),
                Some(over) => return over,
            }
        }
        Scanned::Incomplete
    }

    /// `Some(Incomplete)` stands for a byte that cannot be there.
    fn step(&mut self, byte: u8) -> Option<Scanned> {
        if self.after_cr {
            self.after_cr = false;
            return match (byte, self.line) {
                (b'\n', 0) if self.seen == 2 => Some(Scanned::LeadingLine(2)),
                (b'\n', 0) => Some(Scanned::End(self.seen)),
                (b'\n', _) => {
                    self.line = 0;
                    self.method_over = true;
                    None
                }
                _ => Some(Scanned::Incomplete),
            };
        }
        match byte {
            b'\r' => {
                self.after_cr = true;
                return None;
            }
            // A line folded onto the one before, or a blank before the method.
            b' ' | b'\t' if self.line == 0 => return Some(Scanned::Incomplete),
            b'\t' if self.method_over => {}
            0..=0x1f | 0x7f => return Some(Scanned::Incomplete),
            b' ' => self.method_over = true,
            _ if !self.method_over && !is_token(byte) => return Some(Scanned::Incomplete),
            _ => {}
        }
        self.line += 1;
        None
    }
}

/// Reads a head that [`HeadScan`] found complete, its empty line included.
///
/// # Errors
/// The status to answer before the connection is closed.
pub(crate) fn judge(head: &[u8]) -> Result<BodyFraming, StatusCode> {
    let text = head.strip_suffix(b"\r\n\r\n").ok_or(StatusCode::BAD_REQUEST)?;
    // The scan has seen to it that CR and LF come only together.
    let mut lines =
        text.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let version_11 = request_line(lines.next().unwrap_or_default())?;

    let mut fields = Fields::default();
    let mut count = 0;
    for line in lines {
        count += 1;
        if count > MAX_FIELDS {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        fields.read(line).ok_or(StatusCode::BAD_REQUEST)?;
    }
    fields.framing(version_11).ok_or(StatusCode::BAD_REQUEST)
}

/// Checks `METHOD target HTTP/1.x`; true for 1.1.
fn request_line(line: &[u8]) -> Result<bool, StatusCode> {
    let mut parts = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(StatusCode::BAD_REQUEST);
    };
    if method.is_empty() || target.is_empty() || target.contains(&b'\t') {
        return Err(StatusCode::BAD_REQUEST);
    }
    let version_11 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ => return Err(StatusCode::BAD_REQUEST),
    };
    // After a CONNECT the bytes would no longer be HTTP, and we are no proxy.
    if method == b"CONNECT" {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    Ok(version_11)
}

/// The fields that decide where the body ends and whom the request is for.
#[derive(Default)]
struct Fields {
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
}

impl Fields {
    /// `None` if the line is not a field, or not one that may stand beside those before it.
    fn read(&mut self, line: &[u8]) -> Option<()> {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?.trim_ascii());
        if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) {
            return None;
        }
        if name.eq_ignore_ascii_case(b"host") {
            self.hosts += 1;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            // A second one is refused even if it says the same: nobody sends that honestly.
            if self.length.replace(decimal(value)?).is_some() {
                return None;
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return None;
            }
            self.chunked = true;
        }
        Some(())
    }

    fn framing(&self, version_11: bool) -> Option<BodyFraming> {
        let hosts_fit = if version_11 { self.hosts == 1 } else { self.hosts <= 1 };
        match (hosts_fit, self.chunked, self.length) {
            (true, false, length) => Some(BodyFraming::Length(length.unwrap_or(0))),
            (true, true, None) if version_11 => Some(BodyFraming::Chunked),
            _ => None,
        }
    }
}

/// Digits only: `+1`, `0x1`, `1,1` and the empty value are read differently by different parsers.
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The characters of methods and field names, RFC 9110 5.6.2.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 256;

    fn judged(head: &str) -> Result<BodyFraming, u16> {
        match HeadScan::default().scan(head.as_bytes(), MAX) {
            Scanned::End(end) if end == head.len() => {
                judge(head.as_bytes()).map_err(|status| status.as_u16())
            }
            Scanned::Refused(status) => Err(status.as_u16()),
            other => panic!("{head:?}: {other:?}"),
        }
    }

    #[test]
    fn ordinary_heads_pass() {
        for (head, framing) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", BodyFraming::Length(0)),
            ("GET / HTTP/1.0\r\n\r\n", BodyFraming::Length(0)),
            ("POST /a?b HTTP/1.1\r\nhost:\r\nContent-Length: 12 \r\n\r\n", BodyFraming::Length(12)),
            (
                "POST / HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: Chunked\r\n\r\n",
                BodyFraming::Chunked,
            ),
            (
                "GET / HTTP/1.1\r\nhost: x\r\na: \tb\u{e9}\r\nupgrade: h2c\r\n\r\n",
                BodyFraming::Length(0),
            ),
        ] {
            assert_eq!(judged(head), Ok(framing), "{head:?}");
        }
    }

    #[test]
    fn heads_that_parsers_could_read_differently_are_refused() {
        for fields in [
            "content-length: 1\r\ntransfer-encoding: chunked",
            "content-length: 1\r\ncontent-length: 2",
            "content-length: 1\r\ncontent-length: 1",
            "content-length: 1, 1",
            "content-length: +1",
            "content-length: 0x1",
            "content-length:",
            "content-length: 99999999999999999999",
            "content-length : 1",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
            "transfer-encoding: gzip, chunked",
            "transfer-encoding: xchunked",
            "transfer-encoding: identity",
            "transfer-encoding:\u{b}chunked",
            "a: b\r\n folded",
            "a: b\r\n\tfolded",
            "a: b\nc: d",
            "a: b\rc: d",
            "a: \0",
            "a: \u{7f}",
            "no colon",
            ": no name",
            "na\u{e9}me: x",
            "host: y",
        ] {
            let head = format!("POST / HTTP/1.1\r\nhost: x\r\n{fields}\r\n\r\n");
            assert_eq!(judged(&head), Err(400), "{head:?}");
        }
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
            "GET  / HTTP/1.1\r\nhost: x\r\n\r\n",
            "GET / x HTTP/1.1\r\nhost: x\r\n\r\n",
            "GET /\tx HTTP/1.1\r\nhost: x\r\n\r\n",
            "GET /\r\nhost: x\r\n\r\n",
            "GET / HTTP/1.2\r\nhost: x\r\n\r\n",
            "GET / HTTP/2.0\r\nhost: x\r\n\r\n",
            " GET / HTTP/1.1\r\nhost: x\r\n\r\n",
            "G@T / HTTP/1.1\r\nhost: x\r\n\r\n",
            "\nGET / HTTP/1.1\r\nhost: x\r\n\r\n",
        ] {
            assert_eq!(judged(head), Err(400), "{head:?}");
        }
        assert_eq!(judged("CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n"), Err(405));
    }

    #[test]
    fn too_long_and_too_many_are_431() {
        let long = format!("GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", "b".repeat(MAX));
        assert_eq!(judged(&long), Err(431));
        let many = format!("GET / HTTP/1.0\r\n{}\r\n", "a:\r\n".repeat(101));
        assert_eq!(judge(many.as_bytes()), Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }

    #[test]
    fn the_end_is_found_however_the_bytes_arrive() {
        let head = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        let mut scan = HeadScan::default();
        for end in 0..head.len() {
            assert_eq!(scan.scan(&head[..end], MAX), Scanned::Incomplete);
        }
        assert_eq!(scan.scan(head, MAX), Scanned::End(head.len()));
        assert_eq!(HeadScan::default().scan(b"\r\nGET", MAX), Scanned::LeadingLine(2));
    }
}
