//! An HTTP/1 connection: every request head is judged by `framing.rs` before hyper sees it, and
//! must be complete in time. What is wrong with a head is answered in its turn, after the
//! answers to the requests before it, and ends the connection.
//!
//! How a refusal gets its turn: in place of the bad bytes hyper is given a request of our own,
//! and the [`Verdict`] says which of its calls that is. Nothing after it is read.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::Limits;
use super::framing::{Framer, Step};
use super::refusal;
use super::request::{Answering, HttpService};

/// What hyper reads in place of a refused head.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";
/// Bytes read from the socket at once while they have to be looked at.
const READ_SIZE: usize = 8 * 1024;
/// After a refusal this much is read and thrown away, for as long as [`LINGER`]: closing a
/// socket with unread bytes makes the kernel tell the peer "reset", which eats the answer.
const LINGER_BYTES: usize = 2 * 1024 * 1024;
const LINGER: Duration = Duration::from_secs(1);
/// hyper counts a head a little differently; ours is the limit that decides.
const SLACK: usize = 1024;

/// Which request of a connection is not one, and what it is answered.
#[derive(Debug, Default)]
struct Verdict(OnceLock<(u64, StatusCode)>);

/// Serves one connection to its end, gracefully once shutdown begins; the first head must be
/// complete at `deadline`.
pub(crate) async fn serve<T, S>(
    io: T,
    prefix: Bytes,
    deadline: Instant,
    limits: &Limits,
    answering: Answering<S>,
) -> hyper::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin + Send,
    S: HttpService,
{
    let closing = answering.of.closing.clone();
    let verdict = Arc::new(Verdict::default());
    let io = StrictIo::new(io, prefix, deadline, limits, Arc::clone(&verdict));
    let calls = AtomicU64::new(0);
    let service = service_fn(move |request| {
        let call = calls.fetch_add(1, Ordering::Relaxed) + 1;
        let refused =
            verdict.0.get().filter(|(refused, _)| *refused == call).map(|(_, status)| *status);
        let answering = answering.clone();
        async move {
            Ok::<_, Infallible>(match refused {
                Some(status) => refusal::closing(status),
                None => answering.answer(request).await,
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // hyper starts this clock when it begins to wait for a head: it is the idle limit. The
        // limit for a head that has begun is in `StrictIo`.
        .header_read_timeout(limits.http1_idle_timeout)
        .max_header_size(limits.max_header_bytes + SLACK)
        .max_buf_size((2 * limits.max_header_bytes).max(64 * 1024))
        .keep_alive(true)
        // A client may close its side after its last request and still read the answer.
        .half_close(true)
        .serve_connection(TokioIo::new(io), service);
    let mut connection = Box::pin(connection);
    tokio::select! {
        outcome = &mut connection => outcome,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// A socket that yields only bytes that have been judged.
#[derive(Debug)]
pub(crate) struct StrictIo<T> {
    io: T,
    framer: Framer,
    held: BytesMut,
    passed: BytesMut,
    ended: bool,
    refused: bool,
    head_timeout: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    verdict: Arc<Verdict>,
    linger: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> StrictIo<T> {
    fn new(
        io: T,
        prefix: Bytes,
        deadline: Instant,
        limits: &Limits,
        verdict: Arc<Verdict>,
    ) -> Self {
        Self {
            io,
            framer: Framer::new(limits.max_header_bytes),
            held: BytesMut::from(prefix),
            passed: BytesMut::new(),
            ended: false,
            refused: false,
            head_timeout: limits.header_timeout,
            deadline: Some(Box::pin(tokio::time::sleep_until(deadline))),
            verdict,
            linger: None,
        }
    }

    fn pass(&mut self, count: usize) {
        self.passed = self.held.split_to(count);
        if self.held.is_empty() {
            // Idle connections keep no buffer.
            self.held = BytesMut::new();
        }
        // What is left is another head or a body, with a time of its own.
        self.deadline = None;
    }

    fn refuse(&mut self, status: StatusCode) {
        // Never set twice: nothing is judged after it.
        let _ = self.verdict.0.set((self.framer.heads() + 1, status));
        self.held = BytesMut::new();
        self.passed = BytesMut::from(STAND_IN);
        self.ended = true;
        self.refused = true;
    }

    /// Reads more bytes to judge; the end of input and a head that is late are both the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut chunk = [0; READ_SIZE];
        let mut chunk = ReadBuf::new(&mut chunk);
        if Pin::new(&mut self.io).poll_read(cx, &mut chunk)?.is_ready() {
            self.ended = chunk.filled().is_empty();
            self.held.extend_from_slice(chunk.filled());
            return Poll::Ready(Ok(()));
        }
        if !self.framer.in_head() || (self.held.is_empty() && self.deadline.is_none()) {
            return Poll::Pending;
        }
        let timeout = self.head_timeout;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        ready!(deadline.as_mut().poll(cx));
        tracing::debug!("a request head was not complete in time; closing");
        self.ended = true;
        Poll::Ready(Ok(()))
    }

    /// Inside a body of known length bytes go straight to the reader.
    fn poll_plain(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        left: u64,
    ) -> Poll<io::Result<()>> {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut part))?;
        let count = part.filled().len();
        buf.advance(count);
        self.framer.passed_plain(count as u64);
        self.ended = count == 0;
        Poll::Ready(Ok(()))
    }

    /// Throws away what the peer still sends, for a while, so that it gets to read our answer.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (sleep, left) =
            self.linger.get_or_insert_with(|| (Box::pin(tokio::time::sleep(LINGER)), LINGER_BYTES));
        loop {
            if sleep.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut chunk = [0; READ_SIZE];
            let mut chunk = ReadBuf::new(&mut chunk);
            match ready!(Pin::new(&mut self.io).poll_read(cx, &mut chunk)) {
                Ok(()) if !chunk.filled().is_empty() && *left > 0 => {
                    *left = left.saturating_sub(chunk.filled().len());
                }
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for StrictIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        loop {
            if !me.passed.is_empty() {
                let count = me.passed.len().min(buf.remaining());
                buf.put_slice(me.passed.get(..count).unwrap_or_default());
                me.passed.advance(count);
                return Poll::Ready(Ok(()));
            }
            if me.ended {
                return Poll::Ready(Ok(()));
            }
            if let (true, Some(left)) = (me.held.is_empty(), me.framer.plain_left()) {
                return me.poll_plain(cx, buf, left);
            }
            match me.framer.step(&me.held) {
                Step::Pass(count) => me.pass(count),
                Step::Skip(count) => me.held.advance(count),
                Step::Refuse(status) => me.refuse(status),
                Step::NeedMore => ready!(me.poll_fill(cx))?,
                Step::Broken => {
                    me.ended = true;
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the chunked request body is malformed",
                    )));
                }
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for StrictIo<T> {
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
        let me = self.get_mut();
        if me.linger.is_none() {
            ready!(Pin::new(&mut me.io).poll_shutdown(cx))?;
        }
        if me.refused || !me.framer.in_head() {
            ready!(me.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}
