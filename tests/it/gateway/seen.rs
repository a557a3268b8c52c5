//! What an upstream has seen of one call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use h2::Reason;
use http::header::USER_AGENT;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, Uri};
use sha2::{Digest as _, Sha256};

/// How the request of a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Whole,
    /// The stream was reset.
    Reset(Reason),
    /// The connection was lost.
    Lost,
}

/// Most bytes of a request that are kept.
const MOST_KEPT: usize = 1 << 20;

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Path and query.
    pub(crate) path: String,
    pub(crate) authority: String,
    pub(crate) headers: HeaderMap,
    /// The bytes of its request, frames and all, or the front of them.
    pub(crate) body: Vec<u8>,
    /// How many there were.
    pub(crate) bytes: usize,
    hash: Sha256,
    /// How many messages were completed: an upstream acts on each there and then.
    pub(crate) acts: usize,
    pub(crate) trailers: HeaderMap,
    pub(crate) end: Option<End>,
    /// Bytes of the prefix of the next message, and what is left of this one.
    prefix: Vec<u8>,
    left: usize,
}

impl Seen {
    pub(super) fn new(uri: &Uri, headers: HeaderMap) -> Self {
        Self {
            path: uri.path_and_query().map_or("", PathAndQuery::as_str).to_owned(),
            authority: uri.authority().map_or("", Authority::as_str).to_owned(),
            headers,
            body: Vec::new(),
            bytes: 0,
            hash: Sha256::new(),
            acts: 0,
            trailers: HeaderMap::new(),
            end: None,
            prefix: Vec::new(),
            left: 0,
        }
    }

    /// Whether a client has sent it, and not the gateway itself.
    pub(super) fn is_of_a_client(&self) -> bool {
        let agent = self.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        !agent.is_some_and(|agent| agent.starts_with("milvus-rbac/"))
    }

    pub(super) fn take_in(&mut self, piece: &Bytes) {
        self.bytes += piece.len();
        self.hash.update(piece);
        let room = MOST_KEPT.saturating_sub(self.body.len()).min(piece.len());
        self.body.extend_from_slice(&piece[..room]);
        let mut rest = &piece[..];
        while !rest.is_empty() {
            if self.prefix.len() < 5 {
                let (front, more) = rest.split_at((5 - self.prefix.len()).min(rest.len()));
                self.prefix.extend_from_slice(front);
                rest = more;
                if let [_, length @ ..] = &self.prefix[..]
                    && let Ok(length) = <[u8; 4]>::try_from(length)
                {
                    self.left = u32::from_be_bytes(length).try_into().unwrap();
                }
            }
            let part = self.left.min(rest.len());
            self.left -= part;
            rest = &rest[part..];
            if self.prefix.len() == 5 && self.left == 0 {
                self.acts += 1;
                self.prefix.clear();
            }
        }
    }

    /// Whether its request was, byte for byte, this.
    pub(crate) fn is(&self, body: &[u8]) -> bool {
        self.bytes == body.len() && self.hash.clone().finalize() == Sha256::digest(body)
    }

    /// A hash of all of its request.
    pub(crate) fn digest(&self) -> Vec<u8> {
        self.hash.clone().finalize().to_vec()
    }

    /// The values of a header.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }
}

/// A call that may still be under way.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<Seen>>);

impl Shared {
    pub(super) fn new(seen: Seen) -> Self {
        Self(Arc::new(Mutex::new(seen)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
