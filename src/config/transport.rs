//! Sizes and times of connections and requests.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::reader::{Reader, one};

/// Sizes and times of connections and requests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransportSettings {
    /// Most bytes of a request that we answer ourselves (`rbac.maxRequestBytes`). Default: 4 MiB.
    pub max_request_bytes: usize,
    /// Most bytes of `RestoreRBAC` and of what goes upstream (`proxy.grpc.serverMaxRecvSize`).
    /// Default: 128 MiB.
    pub max_large_request_bytes: usize,
    /// Most bytes of an answer of our own (`proxy.grpc.serverMaxSendSize`), over both APIs; those
    /// of an upstream are passed on whatever their size. Default: 256 MiB.
    pub max_answer_bytes: usize,
    /// Most connections at once, over all addresses (`rbac.maxConnections`). Default: 10,000.
    pub max_connections: usize,
    /// Most bytes of the headers of a request (`rbac.maxHeaderBytes`), at least 8 KiB. Default:
    /// 32 KiB.
    pub max_header_bytes: usize,
    /// How long the preface or the headers of a request may take (`rbac.headerTimeoutMs`).
    /// Default: 5 s.
    pub header_timeout: Duration,
    /// How long the body of a request may take (`rbac.bodyTimeoutMs`). Default: 30 s.
    pub body_timeout: Duration,
    /// How long a REST request may take that names no time of its own
    /// (`proxy.http.requestTimeoutMs`). Default: 30 s.
    pub request_timeout: Duration,
    /// How long calls in progress may go on after the signal to end (`rbac.shutdownGraceMs`); 0
    /// ends them at once. Default: 10 s.
    pub shutdown_grace: Duration,
    /// Whether gRPC health `Check` and `Watch` are answered without credentials
    /// (`rbac.openHealth`). Default: yes.
    pub open_health: bool,
    /// How old a replica's state may be (`rbac.maxStaleness`), from 300 ms to an hour. Only a
    /// store that is shared has use for it: sled and memory are never stale. Default: 10 s.
    pub max_staleness: Duration,
}

impl Default for TransportSettings {
    fn default() -> Self {
        Self {
            max_request_bytes: 4 << 20,
            max_large_request_bytes: 128 << 20,
            max_answer_bytes: 256 << 20,
            max_connections: 10_000,
            max_header_bytes: 32 << 10,
            header_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(10),
            open_health: true,
            max_staleness: Duration::from_secs(10),
        }
    }
}

/// Times that can be configured, in milliseconds.
const MILLIS: RangeInclusive<u64> = 1..=HOUR;
/// An hour in milliseconds.
const HOUR: u64 = 3_600_000;
/// The most bytes that one message can have in gRPC's four-byte length, halved by signed readers.
const MOST_BYTES: usize = i32::MAX as usize;

impl TransportSettings {
    /// Reads the section. A store that is not shared is never stale.
    pub(super) fn read(reader: &mut Reader, is_shared: bool) -> Self {
        let default = Self::default();
        Self {
            max_request_bytes: reader.number(
                "rbac.maxRequestBytes",
                default.max_request_bytes,
                1024..=MOST_BYTES,
            ),
            max_large_request_bytes: reader.number(
                "proxy.grpc.serverMaxRecvSize",
                default.max_large_request_bytes,
                1024..=MOST_BYTES,
            ),
            max_answer_bytes: reader.number(
                "proxy.grpc.serverMaxSendSize",
                default.max_answer_bytes,
                1024..=MOST_BYTES,
            ),
            // Descriptors are numbered up to the kernel's `fs.nr_open`, which is rarely above this.
            max_connections: reader.number(
                "rbac.maxConnections",
                default.max_connections,
                1..=1 << 20,
            ),
            // hyper cannot parse with less than 8 KiB, and a megabyte per connection is too much.
            max_header_bytes: reader.number(
                "rbac.maxHeaderBytes",
                default.max_header_bytes,
                8 << 10..=1 << 20,
            ),
            header_timeout: reader.millis("rbac.headerTimeoutMs", default.header_timeout, MILLIS),
            body_timeout: reader.millis("rbac.bodyTimeoutMs", default.body_timeout, MILLIS),
            request_timeout: reader.millis(
                "proxy.http.requestTimeoutMs",
                default.request_timeout,
                MILLIS,
            ),
            shutdown_grace: reader.millis("rbac.shutdownGraceMs", default.shutdown_grace, 0..=HOUR),
            open_health: reader.switch("rbac.openHealth", default.open_health),
            max_staleness: read_staleness(reader, default.max_staleness, is_shared),
        }
    }
}

fn read_staleness(reader: &mut Reader, default: Duration, is_shared: bool) -> Duration {
    const KEY: &str = "rbac.maxStaleness";
    let read = reader.read(KEY, |value| one(value, duration));
    if let Some(source) = reader.source(KEY).filter(|_| !is_shared) {
        reader.notices.push(format!("{KEY} ({source}) has no effect: this store is never stale"));
    }
    let staleness = read.unwrap_or(default);
    reader.show(KEY, Some(format!("{}ms", staleness.as_millis())));
    staleness
}

/// Shortest staleness in milliseconds. The cluster is asked three times in it; more often than
/// every 100 ms would be a load for nothing.
const LEAST_STALENESS: u64 = 300;

/// Reads `10s`, `500ms` or `1m`. A number alone would leave open what it counts.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        _ => None,
    };
    let millis = number.parse::<u64>().ok().zip(factor).and_then(|(n, by)| n.checked_mul(by));
    match millis {
        Some(millis) if (LEAST_STALENESS..=HOUR).contains(&millis) => {
            Ok(Duration::from_millis(millis))
        }
        _ => Err(format!("`{text}` is not a time from {LEAST_STALENESS}ms to 60m, such as 10s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_unit_and_stay_within_bounds() {
        for (text, millis) in [("10s", 10_000), ("300ms", 300), ("1m", 60_000), ("60m", HOUR)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "10", "s", "-1s", "1.5s", "10 s", "299ms", "0s", "61m", "1h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
