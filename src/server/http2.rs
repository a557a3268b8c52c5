//! An HTTP/2 connection: hyper with every limit set, behind a socket that ends when the peer
//! leaves its SETTINGS, a frame or a header block incomplete for too long. Windows, resets and
//! floods of frames are bounded by h2 with the numbers it is given here; keepalive pings of
//! clients are answered however often they come.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
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
use super::frames::FrameWatch;
use super::request::{Answering, HttpService};

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
    let closing = answering.closing.clone();
    let io = WatchedIo::new(io, prefix, deadline, limits.header_timeout);
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
        .serve_connection(TokioIo::new(io), service);
    let mut connection = pin!(connection);
    tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// A socket that fails with `TimedOut` when the peer does not finish what it has begun.
#[derive(Debug)]
pub(crate) struct WatchedIo<T> {
    io: T,
    prefix: Bytes,
    watch: FrameWatch,
    timeout: Duration,
    // What is being waited for, by its number, and until when.
    waiting: Option<u64>,
    deadline: Pin<Box<Sleep>>,
}

impl<T> WatchedIo<T> {
    fn new(io: T, prefix: Bytes, deadline: Instant, timeout: Duration) -> Self {
        let watch = FrameWatch::new();
        let waiting = watch.unfinished();
        let deadline = Box::pin(tokio::time::sleep_until(deadline));
        Self { io, prefix, watch, timeout, waiting, deadline }
    }

    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let unfinished = self.watch.unfinished();
        if unfinished.is_none() {
            self.waiting = None;
            return Poll::Pending;
        }
        if self.waiting != unfinished {
            self.waiting = unfinished;
            self.deadline.as_mut().reset(Instant::now() + self.timeout);
        }
        ready!(self.deadline.as_mut().poll(cx));
        tracing::debug!("an HTTP/2 header block or frame was not complete in time; closing");
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the peer did not complete its headers in time",
        )))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for WatchedIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let before = buf.filled().len();
        if me.prefix.is_empty() {
            if Pin::new(&mut me.io).poll_read(cx, buf)?.is_pending() {
                return me.poll_overdue(cx);
            }
        } else {
            let count = me.prefix.len().min(buf.remaining());
            buf.put_slice(me.prefix.get(..count).unwrap_or_default());
            me.prefix.advance(count);
        }
        me.watch.feed(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WatchedIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
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
