//! An HTTP/2 connection: hyper with every limit set, behind a socket that ends when the peer
//! leaves its SETTINGS, a frame or a header block incomplete for too long, reads no answer, or
//! sends too many frames that ask for nothing (`flood.rs`). What all of them hold in memory is
//! bounded by h2 with the numbers it is given here.
//!
//! How a flood gets its answer: in place of what follows h2 is given what it refuses for the same
//! reason, a header block in too many frames, and says GOAWAY with `ENHANCE_YOUR_CALM`.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_util::future::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Limits;
use super::flood::{Flood, FloodWatch};
use super::frames::FrameWatch;
use super::request::{Answering, HttpService};
use super::unread::Unread;
use crate::gather::Gather;

/// Runs the streams of a connection as tasks that shutdown waits for and can end.
#[derive(Clone, Debug)]
pub(crate) struct Spawner {
    pub(crate) tracker: TaskTracker,
    pub(crate) end: CancellationToken,
}

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        // Not in an async block: it would hold the stream twice, and each task is as large.
        self.tracker.spawn(stream.with_cancellation_token_owned(self.end.clone()));
    }
}

/// Serves one connection to its end, gracefully once shutdown begins; the first SETTINGS must be
/// complete at `deadline`.
pub(crate) async fn serve<T, S>(
    io: T,
    prefix: Bytes,
    deadline: Instant,
    limits: &Limits,
    spawner: Spawner,
    answering: Answering<S>,
) -> hyper::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin + Send,
    S: HttpService,
{
    let closing = answering.of.closing.clone();
    let io = WatchedIo::new(io, prefix, deadline, limits, answering.of.unread.clone());
    let service = service_fn(move |request| {
        // Boxed before it is handed on and on: whoever holds it moves it.
        let answer = Box::pin(answering.clone().answer(request));
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http2::Builder::new(spawner)
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_max_concurrent_streams)
        .initial_stream_window_size(limits.h2_stream_window)
        .initial_connection_window_size(limits.h2_connection_window)
        .adaptive_window(false)
        .max_frame_size(limits.h2_max_frame_size)
        .max_header_list_size(limits.h2_max_header_list)
        .max_pending_accept_reset_streams(limits.h2_max_pending_accept_reset_streams)
        .max_local_error_reset_streams(limits.h2_max_local_error_reset_streams)
        .max_send_buf_size(limits.h2_max_send_buffer)
        .keep_alive_interval(limits.h2_keepalive_interval)
        .keep_alive_timeout(limits.h2_keepalive_timeout)
        .serve_connection(TokioIo::new(Gather::new(io)), service);
    let mut connection = Box::pin(connection);
    tokio::select! {
        outcome = &mut connection => outcome,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// More frames than h2 takes for one header block.
fn too_long_block(frames: u32) -> Bytes {
    const HEADERS: [u8; 9] = [0, 0, 0, 1, 0, 0, 0, 0, 1];
    const CONTINUATION: [u8; 9] = [0, 0, 0, 9, 0, 0, 0, 0, 1];
    [&HEADERS[..], &CONTINUATION.repeat(frames as usize)].concat().into()
}

/// A socket that fails with `TimedOut` when the peer does not finish what it has begun, and that
/// is at its end once the peer has sent too much of what asks for nothing.
#[derive(Debug)]
pub(crate) struct WatchedIo<T> {
    io: T,
    prefix: Bytes,
    watch: FrameWatch,
    flooded: bool,
    // How many frames are too many for one header block.
    block_frames: u32,
    unread: Unread,
    written: u64,
    header_timeout: Duration,
    write_timeout: Duration,
    // What is being waited for, and until when.
    waiting: Option<Owed>,
    deadline: Pin<Box<Sleep>>,
}

impl<T> WatchedIo<T> {
    fn new(io: T, prefix: Bytes, deadline: Instant, limits: &Limits, unread: Unread) -> Self {
        let watch = FrameWatch::new(FloodWatch::new(limits, Instant::now()));
        let waiting = watch.unfinished().map(Owed::Rest);
        let deadline = Box::pin(tokio::time::sleep_until(deadline));
        let block_frames = 16 + 2 * (limits.h2_max_header_list / limits.h2_max_frame_size.max(1));
        Self {
            io,
            prefix,
            watch,
            flooded: false,
            block_frames,
            unread,
            written: 0,
            header_timeout: limits.header_timeout,
            write_timeout: limits.write_timeout,
            waiting,
            deadline,
        }
    }

    /// Nothing more is read. What h2 reads in place of it makes it say why.
    fn refuse(&mut self, flood: Flood) {
        let what = match flood {
            Flood::Frames => "frames that ask for nothing",
            Flood::Resets => "calls that are given up",
        };
        tracing::debug!("too many {what} on an HTTP/2 connection; closing it");
        self.prefix = too_long_block(self.block_frames);
        self.flooded = true;
    }

    fn note_written(&mut self, poll: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = poll {
            self.watch.wrote(*bytes);
            self.written = self.written.wrapping_add(*bytes as u64);
        }
    }

    /// What the peer owes: the rest of what it has begun, or else to read.
    fn owed(&self) -> Option<Owed> {
        let rest = self.watch.unfinished().map(Owed::Rest);
        rest.or_else(|| (self.unread.bytes() > 0).then_some(Owed::Reading(self.written)))
    }

    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let owed = self.owed();
        let timeout = match owed {
            None => {
                self.waiting = None;
                return Poll::Pending;
            }
            Some(Owed::Rest(_)) => self.header_timeout,
            Some(Owed::Reading(_)) => self.write_timeout,
        };
        if self.waiting != owed {
            self.waiting = owed;
            self.deadline.as_mut().reset(Instant::now() + timeout);
        }
        ready!(self.deadline.as_mut().poll(cx));
        let what = match owed {
            Some(Owed::Reading(_)) => "the peer does not read its answers",
            _ => "the peer did not complete its headers in time",
        };
        tracing::debug!("closing an HTTP/2 connection: {what}");
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, what)))
    }
}

/// What a peer has to do in time. A new number is a new thing, with a deadline of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owed {
    /// Finish what it has begun to send.
    Rest(u64),
    /// Read some of its answers.
    Reading(u64),
}

impl<T: AsyncRead + Unpin> AsyncRead for WatchedIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let before = buf.filled().len();
        if !me.prefix.is_empty() {
            let count = me.prefix.len().min(buf.remaining());
            buf.put_slice(me.prefix.get(..count).unwrap_or_default());
            me.prefix.advance(count);
        } else if !me.flooded && Pin::new(&mut me.io).poll_read(cx, buf)?.is_pending() {
            return me.poll_overdue(cx);
        }
        if me.flooded {
            return Poll::Ready(Ok(()));
        }
        if let Err((flood, rest)) = me.watch.feed(buf.filled().get(before..).unwrap_or_default()) {
            buf.set_filled(buf.filled().len() - rest);
            me.refuse(flood);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WatchedIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let poll = Pin::new(&mut me.io).poll_write(cx, buf);
        me.note_written(&poll);
        poll
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let poll = Pin::new(&mut me.io).poll_write_vectored(cx, bufs);
        me.note_written(&poll);
        poll
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
