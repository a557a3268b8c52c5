//! The `Request-Timeout` header: whole seconds, in both directions from the default.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::answer::{Answer, failure, number};

/// Longest time that is waited for; whoever asks for more gets this.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a request may take. `None` means that its time is over before it began.
///
/// # Errors
/// 1100 if the header is no integer.
pub(super) fn limit(headers: &HeaderMap, default: Duration) -> Result<Option<Duration>, Answer> {
    let Some(value) = headers.get("request-timeout") else {
        return Ok(Some(default));
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let Ok(seconds) = text.parse::<i64>() else {
        let message = format!(
            "Request-Timeout parse failed, err: strconv.ParseInt: parsing {text:?}: invalid \
             syntax: invalid parameter"
        );
        return Err(failure(StatusCode::OK, number::PARAMETER, &message));
    };
    let seconds = u64::try_from(seconds).ok().filter(|&seconds| seconds > 0);
    Ok(seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST)))
}

/// The answer when time is up. The operation may still take effect.
pub(super) fn expired() -> Answer {
    failure(StatusCode::REQUEST_TIMEOUT, number::TIMEOUT, "request timeout")
}
