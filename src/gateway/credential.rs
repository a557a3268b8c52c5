//! Who the gateway is to its upstream.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use zeroize::Zeroizing;

/// The gateway's own login, as Milvus's clients send theirs. Never printed.
#[derive(Clone)]
pub struct Credential(HeaderValue);

impl Credential {
    /// A token as it is given to a client: `user:password`, or a key.
    #[must_use]
    pub fn token(token: &str) -> Self {
        let encoded = Zeroizing::new(STANDARD.encode(token));
        // Base64 is always a header value.
        let mut value = HeaderValue::from_str(&encoded).unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        Self(value)
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}
