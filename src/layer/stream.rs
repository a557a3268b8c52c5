//! A call that was let in is watched for what ends it: of a message that is still coming, that it
//! turns out forbidden; of a streaming RPC, which is decided again at each new revision and when
//! the state becomes too old, that its caller is gone or may no longer.
//!
//! The answer ends there and then with the status that a new call would get, and the request's body
//! breaks off too, so that nobody goes on reading it.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tokio::task::AbortHandle;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tonic::body::Body;

/// Watches over one call.
pub(super) struct Watch {
    verdict: Verdict,
    /// What looks for a reason to end; it goes on also while nobody reads the answer.
    looking: Option<AbortHandle>,
}

/// Whether a call has been ended, and why. Cloning shares it.
#[derive(Clone)]
pub(super) struct Verdict(Arc<Shared>);

/// What the two bodies of a call and its watch know.
struct Shared {
    ended: CancellationToken,
    reason: OnceLock<Status>,
    /// The answer of whoever is behind; taken away when the call is ended.
    answer: Mutex<Option<Body>>,
}

impl Verdict {
    /// Nothing has been said yet.
    pub(super) fn open() -> Self {
        Self(Arc::new(Shared {
            ended: CancellationToken::new(),
            reason: OnceLock::new(),
            answer: Mutex::new(None),
        }))
    }

    /// Ends the call, for this reason unless it has been ended for another one.
    pub(super) fn end(&self, reason: Status) {
        self.0.reason.get_or_init(|| reason);
        self.break_off();
    }

    /// Ends what goes on. An answer that is being read at this moment ends with that.
    fn break_off(&self) {
        self.0.ended.cancel();
        let answer = match self.0.answer.try_lock() {
            Ok(mut answer) => answer.take(),
            Err(_) => None,
        };
        drop(answer);
    }

    /// Nothing that holds it can leave it half changed.
    fn answer(&self) -> MutexGuard<'_, Option<Body>> {
        self.0.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the call has been ended, if it has been for a reason.
    pub(super) fn reason(&self) -> Option<Status> {
        self.0.reason.get().cloned()
    }
}

impl Watch {
    /// Watches a call that ends with this verdict.
    pub(super) fn new(verdict: Verdict) -> Self {
        Self { verdict, looking: None }
    }

    /// Ends the call with the status of this future, if it ever has one.
    pub(super) fn look(&mut self, over: impl Future<Output = Status> + Send + 'static) {
        let verdict = self.verdict.clone();
        let task = tokio::spawn(async move { verdict.end(over.await) });
        self.looking = Some(task.abort_handle());
    }

    /// The request's body, which ends with the watch.
    pub(super) fn request<B>(&self, body: B) -> Body
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let ended = Box::pin(self.verdict.0.ended.clone().cancelled_owned());
        Body::new(RequestBody { inner: Some(Body::new(body)), ended })
    }

    /// The answer, which ends when the caller may no longer.
    pub(super) async fn answer<R, E>(
        self,
        answer: impl Future<Output = Result<http::Response<R>, E>>,
    ) -> Result<http::Response<Body>, E>
    where
        R: http_body::Body<Data = Bytes> + Send + 'static,
        R::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let answer = tokio::select! {
            biased;
            () = self.verdict.0.ended.cancelled() => None,
            answer = answer => Some(answer),
        };
        // Whoever answers has read the request just before, and may have met the reason there.
        if let Some(status) = self.verdict.reason() {
            return Ok(status.into_http());
        }
        let Some(answer) = answer else {
            return Ok(Status::cancelled("this call is over").into_http());
        };
        let (head, body) = answer?.into_parts();
        self.verdict.answer().replace(Body::new(body));
        let ended = Box::pin(self.verdict.0.ended.clone().cancelled_owned());
        let body = AnswerBody { ended, watch: self, over: false };
        Ok(http::Response::from_parts(head, Body::new(body)))
    }
}

/// Also when the answer is dropped, nobody needs the request any more.
impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(looking) = &self.looking {
            looking.abort();
        }
        self.verdict.break_off();
    }
}

struct RequestBody {
    inner: Option<Body>,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.inner.is_some() && self.ended.as_mut().poll(context).is_ready() {
            self.inner = None;
            // Not a proper end: what has come may be half of a message.
            return Poll::Ready(Some(Err(Status::cancelled("this call may not go on"))));
        }
        match &mut self.inner {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }
}

struct AnswerBody {
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    watch: Watch,
    over: bool,
}

impl AnswerBody {
    /// The last that is said of a call that was ended.
    fn last(&mut self) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.over = true;
        let answer = self.watch.verdict.answer().take();
        drop(answer);
        let reason = self.watch.verdict.reason();
        let reason = reason.unwrap_or_else(|| Status::cancelled("this call is over"));
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(reason.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.over {
            return Poll::Ready(None);
        }
        if this.ended.as_mut().poll(context).is_ready() {
            return this.last();
        }
        let mut answer = this.watch.verdict.answer();
        let polled = answer.as_mut().map(|body| Pin::new(body).poll_frame(context));
        drop(answer);
        match polled {
            Some(polled) if !this.watch.verdict.0.ended.is_cancelled() => {
                this.over = matches!(polled, Poll::Ready(None));
                polled
            }
            // Ended while it was read.
            _ => this.last(),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.watch.verdict.answer().as_ref().is_some_and(Body::is_end_stream)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, StreamBody};
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    type Part = Result<Frame<Bytes>, Status>;

    /// A body that goes on for as long as its sender.
    fn endless() -> (mpsc::UnboundedSender<Part>, Body) {
        let (sender, mut parts) = mpsc::unbounded_channel();
        let stream = futures_util::stream::poll_fn(move |context| parts.poll_recv(context));
        (sender, Body::new(StreamBody::new(stream)))
    }

    fn watch() -> (oneshot::Sender<Status>, Watch) {
        let (end, ended) = oneshot::channel::<Status>();
        let mut watch = Watch::new(Verdict::open());
        watch.look(async move {
            match ended.await {
                Ok(status) => status,
                Err(_) => std::future::pending().await,
            }
        });
        (end, watch)
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_is_let_go_with_the_request() {
        let (end, watch) = watch();
        let (_client, request) = endless();
        let mut request = watch.request(request);
        let (server, answer) = endless();
        let answer = std::future::ready(Ok::<_, Status>(http::Response::new(answer)));
        let _unread = watch.answer(answer).await.unwrap();
        end.send(Status::permission_denied("no longer")).unwrap();
        assert_eq!(request.frame().await.unwrap().unwrap_err().code(), tonic::Code::Cancelled);
        server.closed().await;
    }

    #[tokio::test]
    async fn a_verdict_ends_the_answer_with_its_status_and_the_request() {
        let (end, watch) = watch();
        let (_client, request) = endless();
        let mut request = watch.request(request);
        let (server, answer) = endless();
        let answer = std::future::ready(Ok::<_, Status>(http::Response::new(answer)));
        let mut answer = watch.answer(answer).await.unwrap().into_body();
        server.send(Ok(Frame::data(Bytes::from_static(b"one")))).unwrap();
        let one = answer.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(one, "one");

        end.send(Status::permission_denied("no longer")).unwrap();
        let trailers = answer.frame().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "7");
        assert!(answer.frame().await.is_none());
        assert_eq!(request.frame().await.unwrap().unwrap_err().code(), tonic::Code::Cancelled);
        assert!(request.frame().await.is_none());
        assert!(server.is_closed());
    }

    #[tokio::test]
    async fn a_verdict_before_the_answer_is_the_answer() {
        let (end, watch) = watch();
        end.send(Status::unauthenticated("gone")).unwrap();
        let never = std::future::pending::<Result<http::Response<Body>, Status>>();
        let answer = watch.answer(never).await.unwrap();
        assert_eq!(answer.headers()["grpc-status"], "16");
    }

    #[tokio::test]
    async fn without_a_verdict_everything_passes() {
        let (_end, watch) = watch();
        let (server, answer) = endless();
        server.send(Ok(Frame::data(Bytes::from_static(b"all")))).unwrap();
        drop(server);
        let answer = std::future::ready(Ok::<_, Status>(http::Response::new(answer)));
        let answer = watch.answer(answer).await.unwrap().into_body();
        assert_eq!(answer.collect().await.unwrap().to_bytes(), "all");
    }
}
