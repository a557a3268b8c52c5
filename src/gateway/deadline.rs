//! The time that a caller gives a call, in gRPC's header for it.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

/// The header.
pub(super) const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The time that the headers give, if they give one that can be read.
pub(super) fn timeout(headers: &HeaderMap) -> Option<Duration> {
    parse(headers.get(TIMEOUT)?.to_str().ok()?)
}

/// Reads up to eight digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_digits_and_a_unit() {
        for (text, nanos) in [("1H", 3_600_000_000_000), ("20S", 20_000_000_000), ("5n", 5)] {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        assert_eq!(parse("99999999m"), Some(Duration::from_millis(99_999_999)));
        for text in ["", "S", "1", "1s", "+1S", "-1S", "123456789S", "1 S", "1.5S", "1SS", "é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
