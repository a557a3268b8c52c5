//! The numbers that bound what one peer may take, in one struct so that tests shorten them.
//!
//! The size of a request body is not here: it depends on the call, which only the guard knows.

use std::time::Duration;

/// Bounds on connections and on what arrives before a request is handed on.
///
/// [`Limits::default`] is what the service runs with; every field says why its value is what it
/// is. A zero duration means "at once", not "never".
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once, over all addresses. When there are as many, one over which nobody has
    /// ever authenticated gives way to a new one; where there is none, new ones are refused. An
    /// idle connection holds about 20 KiB and one descriptor.
    pub max_connections: usize,
    /// Bytes of an HTTP/1 request head, or of an HTTP/2 header list counted as RFC 9113 does
    /// (name, value and 32 for each field). More is refused: HTTP 431, or gRPC
    /// `RESOURCE_EXHAUSTED`. Tokens and metadata of the known clients stay under 2 KiB.
    pub max_header_bytes: usize,
    /// How long the first bytes of a connection, and after that any request head or HTTP/2
    /// header block, may stay incomplete before the connection is closed.
    pub header_timeout: Duration,
    /// How long after its head a request body may take to arrive, unless the deadline is
    /// lifted ([`crate::server::BodyDeadline::lift`]).
    pub body_timeout: Duration,
    /// How long a peer may leave bytes that we want to send lying before the connection is
    /// closed: nobody holds an answer in memory by not reading it.
    pub write_timeout: Duration,
    /// Bytes of answers above 16 KiB that one connection may leave unread; above it, further calls
    /// are refused (gRPC `RESOURCE_EXHAUSTED`, HTTP 429). One answer may be larger. When nothing
    /// can be sent for `write_timeout`, the connection is closed.
    pub max_unread_bytes: usize,
    /// How long an HTTP/1 connection may lie idle between requests.
    pub http1_idle_timeout: Duration,
    /// How long requests in flight may go on after shutdown began.
    pub shutdown_grace: Duration,
    /// Streams that one HTTP/2 connection may have open. Clients put all their calls on one
    /// connection and queue what is over; a thousand is beyond what any of them runs at once.
    pub h2_max_concurrent_streams: u32,
    /// HTTP/2 flow-control window of one stream, in bytes: what a peer may send before the
    /// handler has read any of it.
    pub h2_stream_window: u32,
    /// HTTP/2 flow-control window of a whole connection, in bytes: bounds what one connection
    /// can make us buffer, whatever the number of its streams.
    pub h2_connection_window: u32,
    /// Largest HTTP/2 frame we accept, in bytes; 16 KiB (the least allowed) to 16 MiB.
    pub h2_max_frame_size: u32,
    /// Header list that HTTP/2 still decodes, in bytes. It is far above `max_header_bytes` so
    /// that a request with a header of 1 MiB gets an answer of its own and the connection with
    /// everybody else's calls survives; above it HTTP/2 itself answers 431, and four times
    /// above it ends the connection.
    pub h2_max_header_list: u32,
    /// Streams that a peer may open and reset before we have looked at them; more ends the
    /// connection (the "rapid reset" attack). A client that gives up on all its calls at once
    /// must not be taken for one.
    pub h2_max_pending_accept_reset_streams: usize,
    /// Streams that we may have to reset because of a peer's mistakes; more ends the connection.
    /// They are counted over its whole life, which may be months.
    pub h2_max_local_error_reset_streams: usize,
    /// Frames that a peer may send on one HTTP/2 connection beyond those that its calls and their
    /// data account for, at once: pings, settings, updates of windows, tiny or empty pieces of
    /// bodies. More ends the connection with `ENHANCE_YOUR_CALM`.
    pub h2_spare_frames: u32,
    /// How many of them come back in a second.
    pub h2_spare_frames_per_second: u32,
    /// Calls that a peer may give up at once on one HTTP/2 connection, all that it may have open
    /// and as many again. More ends the connection with `ENHANCE_YOUR_CALM`.
    pub h2_resets: u32,
    /// How many of them come back in a second.
    pub h2_resets_per_second: u32,
    /// Bytes of answers that HTTP/2 buffers for one stream.
    pub h2_max_send_buffer: usize,
    /// Silence on an HTTP/2 connection after which we ask with a ping whether the peer lives.
    pub h2_keepalive_interval: Duration,
    /// How long the peer may take to answer that ping.
    pub h2_keepalive_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_header_bytes: 32 * 1024,
            header_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            max_unread_bytes: 32 << 20,
            http1_idle_timeout: Duration::from_secs(300),
            shutdown_grace: Duration::from_secs(10),
            h2_max_concurrent_streams: 1000,
            h2_stream_window: 1024 * 1024,
            h2_connection_window: 4 * 1024 * 1024,
            h2_max_frame_size: 16 * 1024,
            h2_max_header_list: (1024 + 64) * 1024,
            h2_max_pending_accept_reset_streams: 100,
            h2_max_local_error_reset_streams: 1024,
            h2_spare_frames: 10_000,
            h2_spare_frames_per_second: 1000,
            h2_resets: 2000,
            h2_resets_per_second: 500,
            h2_max_send_buffer: 400 * 1024,
            h2_keepalive_interval: Duration::from_secs(60),
            h2_keepalive_timeout: Duration::from_secs(10),
        }
    }
}
