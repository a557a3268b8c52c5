//! Sizes and times of connections and requests.

use std::time::Duration;

/// Sizes and times of connections and requests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransportSettings {
    /// Most bytes of a request that we answer ourselves (`rbac.maxRequestBytes`). Default: 4 MiB.
    pub max_request_bytes: usize,
    /// Most bytes of `RestoreRBAC` and of what goes upstream (`proxy.grpc.serverMaxRecvSize`).
    /// Default: 128 MiB.
    pub max_large_request_bytes: usize,
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
    /// How old a replica's state may be (`rbac.maxStaleness`). Only a store that is shared has
    /// use for it: sled and memory are never stale. Default: 10 s.
    pub max_staleness: Duration,
}

impl Default for TransportSettings {
    fn default() -> Self {
        Self {
            max_request_bytes: 4 << 20,
            max_large_request_bytes: 128 << 20,
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
