//! Base64 as Milvus reads it: the standard alphabet with padding, and as lenient as Go's decoder.
//!
//! Line breaks are skipped anywhere and trailing bits may be anything; all else that is not
//! canonical is refused, at the position that Go reports. The `base64` crate cannot be set to
//! skip line breaks, and clients see the position in REST and RPC errors.

use zeroize::Zeroizing;

/// Why a text is not base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("illegal base64 data at input byte {offset}")]
pub struct Base64Error {
    /// Where decoding stopped, in bytes of the text, by Go's way of counting.
    pub offset: usize,
}

/// Decodes the whole text.
///
/// # Errors
/// With the position at which Go's `base64.StdEncoding` stops.
pub(super) fn decode(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Base64Error> {
    // Enough room at once: growing would leave copies behind that nobody wipes.
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
    let mut bits = 0_u32;
    let mut have = 0;
    for (at, &byte) in text.iter().enumerate() {
        if is_line_break(byte) {
            continue;
        }
        if byte == b'=' {
            check_padding(text, at, have)?;
            let [_, first, second, _] = (bits << (6 * (4 - have))).to_be_bytes();
            decoded.push(first);
            if have == 3 {
                decoded.push(second);
            }
            return Ok(decoded);
        }
        bits = bits << 6 | sextet(byte).ok_or(Base64Error { offset: at })?;
        have += 1;
        if have == 4 {
            let [_, first, second, third] = bits.to_be_bytes();
            decoded.extend_from_slice(&[first, second, third]);
            (bits, have) = (0, 0);
        }
    }
    // Go steps back over the characters it has, as if no line break stood between them.
    if have == 0 { Ok(decoded) } else { Err(Base64Error { offset: text.len() - have }) }
}

/// Checks everything from the first `=` on; `have` characters of the last four stand before it.
fn check_padding(text: &[u8], at: usize, have: usize) -> Result<(), Base64Error> {
    let last = match have {
        3 => at,
        2 => match next_character(text, at + 1) {
            Some((second, b'=')) => second,
            // Go points at the byte before the one that should have been the second `=`.
            Some((other, _)) => return Err(Base64Error { offset: other - 1 }),
            None => return Err(Base64Error { offset: text.len() }),
        },
        _ => return Err(Base64Error { offset: at }),
    };
    match next_character(text, last + 1) {
        Some((offset, _)) => Err(Base64Error { offset }),
        None => Ok(()),
    }
}

/// The first byte at or after a position that is no line break, with its position.
fn next_character(text: &[u8], from: usize) -> Option<(usize, u8)> {
    let mut rest = text.iter().copied().enumerate().skip(from);
    rest.find(|&(_, byte)| !is_line_break(byte))
}

fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// The six bits that a character of the alphabet stands for.
fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made by Go's `base64.StdEncoding.DecodeString`: input, then `ok` and the output or `err`
    /// and the offset; bytes in hexadecimal.
    const VECTORS: &str = include_str!("../../tests/data/base64-go.txt");

    fn bytes(hex: &str) -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2);
        pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn every_answer_is_that_of_go() {
        let mut count = 0;
        for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
            let mut fields = line.split(' ');
            let input = bytes(fields.next().unwrap().trim_start_matches('x'));
            let expected = match (fields.next(), fields.next()) {
                (Some("ok"), Some(output)) => Ok(bytes(output.trim_start_matches('x'))),
                (Some("err"), Some(offset)) => Err(offset.parse().unwrap()),
                other => panic!("cannot read `{line}`: {other:?}"),
            };
            let found = decode(&input).map(|output| output.to_vec()).map_err(|error| error.offset);
            assert_eq!(found, expected, "{line}");
            count += 1;
        }
        assert!(count >= 300, "only {count} vectors");
    }

    #[test]
    fn line_breaks_and_stray_bits_are_accepted() {
        assert_eq!(*decode(b"cGFz\nc3dv\r\ncmQ=").unwrap(), b"password");
        assert_eq!(*decode(b"cm9vdDpNaWx2dXN=").unwrap(), b"root:Milvus");
    }

    #[test]
    fn the_error_says_where() {
        let error = decode(b"Bearer x").unwrap_err();
        assert_eq!(error.to_string(), "illegal base64 data at input byte 6");
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(input: Vec<u8>) {
            use ::base64::prelude::*;
            prop_assert_eq!(&*decode(BASE64_STANDARD.encode(&input).as_bytes()).unwrap(), &input);
        }

        #[test]
        fn no_bytes_make_it_panic(input: Vec<u8>) {
            let _ = decode(&input);
        }
    }
}
