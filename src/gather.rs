//! A socket that gathers what HTTP/2 writes one after another, and sends it at once.
//!
//! h2 hands a frame over to the system as soon as it has one: head, body and trailers of an answer
//! are two writes, head and body of a request two more, and most of what a small call costs is
//! writes. Here a flush only notes that there is something to be sent, and wakes the task. The
//! next time it runs, after the others that are ready, all of it goes: what they had to say, too.
//! Where nothing ever comes in between, as for one small answer at a time, that is not worth the
//! waiting, and a flush sends at once.
//!
//! That rests on what h2 does each time it is polled: it reads until there is nothing more, and then
//! writes and flushes. Until the peer has said something everything is passed on at once: in a
//! handshake h2 may flush once and then only read.

use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most bytes that are gathered: a frame of the usual largest size is sent as it is.
const MOST: usize = 16 * 1024;

/// Bytes that there is room for at first.
const USUAL: usize = 4 * 1024;

/// How often it is waited for more though nothing comes.
const TIMES_IN_VAIN: u8 = 4;

/// Of how many flushes one waits all the same.
const ONE_OF: u8 = 64;

/// A socket of HTTP/2 whose small writes are gathered.
#[derive(Debug)]
pub(crate) struct Gather<T> {
    io: T,
    gathered: Vec<u8>,
    sent: usize,
    state: State,
    patience: Patience,
}

/// When a flush sends what has been gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At once, and nothing is gathered: the peer has said nothing yet.
    Opening,
    /// Not now, if it is worth it.
    Open,
    /// Once the task has run again, for which it has been woken when there was so much.
    Woken(usize),
    /// At once, as the task has run again.
    Due(usize),
    /// At once. One has just done that, and the task has not run again.
    Sent,
}

/// Whether it is worth to wait for more.
#[derive(Debug)]
struct Patience {
    left: u8,
    flushes: u8,
}

impl Patience {
    fn new() -> Self {
        Self { left: TIMES_IN_VAIN, flushes: 0 }
    }

    /// Asked by each flush.
    fn waits(&mut self) -> bool {
        self.flushes = (self.flushes + 1) % ONE_OF;
        self.left > 0 || self.flushes == 0
    }

    /// Told whether something came.
    fn learn(&mut self, came: bool) {
        self.left = if came { TIMES_IN_VAIN } else { self.left.saturating_sub(1) };
    }
}

impl<T> Gather<T> {
    pub(crate) fn new(io: T) -> Self {
        Self { io, gathered: Vec::new(), sent: 0, state: State::Opening, patience: Patience::new() }
    }

    /// Takes what there is room for, if that is all of it.
    fn take(&mut self, bufs: &[IoSlice<'_>]) -> Option<usize> {
        let length = bufs.iter().map(|buf| buf.len()).sum();
        let fits = self.gathered.len().saturating_add(length) <= MOST;
        if self.state == State::Opening || !fits {
            return None;
        }
        if self.state == State::Sent {
            self.patience.learn(true);
            self.state = State::Open;
        }
        if self.gathered.capacity() == 0 {
            self.gathered.reserve(length.max(USUAL));
        }
        for buf in bufs {
            self.gathered.extend_from_slice(buf);
        }
        Some(length)
    }
}

impl<T: AsyncWrite + Unpin> Gather<T> {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.gathered.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.io).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        // A connection on which nothing happens holds nothing.
        let sent = mem::take(&mut self.gathered).len();
        self.sent = 0;
        if let State::Woken(before) | State::Due(before) = self.state {
            self.patience.learn(sent > before);
            self.state = State::Open;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Gather<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let poll = Pin::new(&mut me.io).poll_read(cx, buf);
        me.state = match me.state {
            State::Opening if poll.is_pending() => State::Opening,
            State::Woken(before) | State::Due(before) => State::Due(before),
            State::Opening | State::Open | State::Sent => State::Open,
        };
        poll
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Gather<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        if let Some(taken) = me.take(bufs) {
            return Poll::Ready(Ok(taken));
        }
        ready!(me.poll_send(cx))?;
        match me.take(bufs) {
            Some(taken) => Poll::Ready(Ok(taken)),
            None => Pin::new(&mut me.io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let waiting = me.gathered.len();
        match me.state {
            State::Woken(_) => return Poll::Ready(Ok(())),
            State::Open if waiting > 0 && me.patience.waits() => {
                me.state = State::Woken(waiting);
                cx.waker().wake_by_ref();
                return Poll::Ready(Ok(()));
            }
            State::Open if waiting > 0 => me.state = State::Sent,
            State::Opening | State::Open | State::Due(_) | State::Sent => {}
        }
        ready!(me.poll_send(cx))?;
        Pin::new(&mut me.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        ready!(me.poll_send(cx))?;
        Pin::new(&mut me.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};
    use std::task::Waker;

    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
    use http_body_util::combinators::UnsyncBoxBody;
    use http_body_util::{BodyExt as _, Full};
    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use hyper::{client, server};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use proptest::prelude::*;
    use tokio::io::DuplexStream;

    use super::*;

    const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

    /// The lengths of all writes.
    type Writes = Arc<Mutex<Vec<usize>>>;

    /// A socket that notes them.
    struct Noting(DuplexStream, Writes);

    impl AsyncRead for Noting {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for Noting {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            let poll = Pin::new(&mut self.0).poll_write(cx, buf);
            if let Poll::Ready(Ok(length)) = poll {
                self.1.lock().unwrap().push(length);
            }
            poll
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    type Body = UnsyncBoxBody<Bytes, Infallible>;

    async fn answer(_: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
        let body = Full::new(Bytes::from(vec![7; 1_000]));
        let body = body.with_trailers(async { Some(Ok(trailers)) });
        Ok(Response::new(body.boxed_unsync()))
    }

    #[tokio::test]
    async fn a_call_and_its_answer_are_one_write_each() {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (calls, answers) = (Writes::default(), Writes::default());
        let ours = Gather::new(Noting(ours, Arc::clone(&calls)));
        let theirs = Gather::new(Noting(theirs, Arc::clone(&answers)));
        let serving = server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(theirs), service_fn(answer));
        tokio::spawn(serving);
        let (mut sender, connection) = client::conn::http2::Builder::new(TokioExecutor::new())
            .handshake(TokioIo::new(ours))
            .await
            .unwrap();
        tokio::spawn(connection);
        for round in 0..10 {
            calls.lock().unwrap().clear();
            answers.lock().unwrap().clear();
            let call = Request::post("/").body(Full::new(Bytes::from(vec![7; 500]))).unwrap();
            let body =
                sender.send_request(call).await.unwrap().into_body().collect().await.unwrap();
            assert_eq!(body.trailers().unwrap()[GRPC_STATUS], "0");
            assert_eq!(body.to_bytes().len(), 1_000);
            // The first ones come with settings and their acknowledgements.
            if round > 1 {
                assert_eq!(calls.lock().unwrap().len(), 1, "{calls:?}");
                assert_eq!(answers.lock().unwrap().len(), 1, "{answers:?}");
            }
        }
    }

    /// Takes a few bytes at a time, and sometimes none.
    struct Slow {
        taken: Vec<u8>,
        most: usize,
        turn: usize,
    }

    impl AsyncRead for Slow {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.turn += 1;
            if self.turn.is_multiple_of(3) {
                return Poll::Pending;
            }
            let (taken, _) = buf.split_at(buf.len().min(self.most));
            self.taken.extend_from_slice(taken);
            Poll::Ready(Ok(taken.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_flush_waits_for_more_only_where_more_comes() {
        let mut gather = Gather::new(Slow { taken: Vec::new(), most: 100, turn: 0 });
        let cx = &mut Context::from_waker(Waker::noop());
        // What the task does each time it runs; how much has gone then.
        let mut run = |writes: usize| {
            drop(Pin::new(&mut gather).poll_read(cx, &mut ReadBuf::new(&mut [])));
            for _ in 0..writes {
                drop(Pin::new(&mut gather).poll_write(cx, b"a"));
                gather.io.turn = 0;
                drop(Pin::new(&mut gather).poll_flush(cx));
            }
            gather.io.turn = 0;
            drop(Pin::new(&mut gather).poll_flush(cx));
            mem::take(&mut gather.io.taken).len()
        };
        for _ in 0..TIMES_IN_VAIN {
            assert_eq!((run(1), run(0)), (0, 1));
        }
        assert_eq!((run(1), run(1), run(1)), (1, 1, 1));
        // Two at once, of which the first has gone before the second.
        assert_eq!((run(2), run(2), run(0)), (1, 2, 1));
        // Nothing comes again; now and then it is tried all the same.
        let mut at_once = 0;
        for _ in 0..2 * ONE_OF {
            match run(1) {
                1 => at_once += 1,
                _ => assert_eq!(run(0), 1),
            }
        }
        let tries = 2 * ONE_OF - TIMES_IN_VAIN - at_once;
        assert!((1..4).contains(&tries), "{tries}");
    }

    #[derive(Debug, Clone)]
    enum Deed {
        Write(usize),
        Flush,
        Read,
    }

    fn deeds() -> impl Strategy<Value = Vec<Deed>> {
        let deed = prop_oneof![
            4 => (1..40usize).prop_map(|tens| Deed::Write(tens * 10)),
            1 => (MOST - 100..MOST + 100).prop_map(Deed::Write),
            3 => Just(Deed::Flush),
            2 => Just(Deed::Read),
        ];
        proptest::collection::vec(deed, 1..60)
    }

    proptest! {
        #[test]
        fn every_byte_goes_in_its_order_and_none_is_left(deeds in deeds(), most in 1..20_000usize) {
            let mut gather = Gather::new(Slow { taken: Vec::new(), most, turn: 0 });
            let cx = &mut Context::from_waker(Waker::noop());
            let mut written = Vec::new();
            for deed in deeds {
                match deed {
                    Deed::Write(length) => {
                        let bytes: Vec<u8> =
                            (0..length).map(|at| (written.len() + at).to_le_bytes()[0]).collect();
                        if let Poll::Ready(taken) = Pin::new(&mut gather).poll_write(cx, &bytes) {
                            written.extend_from_slice(bytes.split_at(taken.unwrap()).0);
                        }
                    }
                    Deed::Flush => drop(Pin::new(&mut gather).poll_flush(cx)),
                    Deed::Read => {
                        let read = Pin::new(&mut gather).poll_read(cx, &mut ReadBuf::new(&mut []));
                        prop_assert!(read.is_ready());
                    }
                }
                prop_assert!(gather.gathered.len() <= MOST);
            }
            // As a task does that is woken: it reads, and flushes.
            while Pin::new(&mut gather).poll_read(cx, &mut ReadBuf::new(&mut [])).is_ready() {
                let is_flushed = Pin::new(&mut gather).poll_flush(cx).is_ready();
                if is_flushed && gather.gathered.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(&gather.io.taken, &written);
        }
    }
}
