//! A call that was let in is watched for what ends it: of a message that is still coming, that it
//! turns out forbidden; of a streaming RPC, which is decided again at each new revision and when
//! the state becomes too old, that its caller is gone or may no longer.
//!
//! The answer ends there and then with the status that a new call would get, and the request's body
//! breaks off too, so that nobody goes on reading it.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::HeaderMap;
use http_body::Frame;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tonic::body::Body;

/// Resolves to the reason when the caller may no longer; else never.
type Verdict = Pin<Box<dyn Future<Output = Status> + Send>>;

/// Watches over one call.
pub(super) struct Watch {
    verdict: Verdict,
    ended: CancellationToken,
}

impl Watch {
    /// Watches with this future, which resolves to the reason for ending.
    pub(super) fn new(verdict: impl Future<Output = Status> + Send + 'static) -> Self {
        Self { verdict: Box::pin(verdict), ended: CancellationToken::new() }
    }

    /// The request's body, which ends with the watch.
    pub(super) fn request<B>(&self, body: B) -> Body
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let ended = Box::pin(self.ended.clone().cancelled_owned());
        Body::new(RequestBody { inner: Some(Body::new(body)), ended })
    }

    /// The answer, which ends when the caller may no longer.
    pub(super) async fn answer<R, E>(
        mut self,
        answer: impl Future<Output = Result<http::Response<R>, E>>,
    ) -> Result<http::Response<Body>, E>
    where
        R: http_body::Body<Data = Bytes> + Send + 'static,
        R::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let answer = tokio::select! {
            biased;
            status = &mut self.verdict => return Ok(self.end(&status)),
            answer = answer => answer,
        };
        // Whoever answers has read the request just before, and so the verdict may have come.
        if let Some(status) = (&mut self.verdict).now_or_never() {
            return Ok(self.end(&status));
        }
        Ok(answer?.map(|body| Body::new(AnswerBody { inner: Some(Body::new(body)), watch: self })))
    }

    fn end(&self, status: &Status) -> http::Response<Body> {
        self.ended.cancel();
        status.clone().into_http()
    }
}

/// Also when the answer is dropped, nobody needs the request any more.
impl Drop for Watch {
    fn drop(&mut self) {
        self.ended.cancel();
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
    inner: Option<Body>,
    watch: Watch,
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(body) = &mut this.inner else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(status) = this.watch.verdict.as_mut().poll(context) {
            this.inner = None;
            this.watch.ended.cancel();
            let mut trailers = HeaderMap::new();
            return Poll::Ready(Some(
                status.add_header(&mut trailers).map(|()| Frame::trailers(trailers)),
            ));
        }
        let polled = Pin::new(body).poll_frame(context);
        if let Poll::Ready(None) = polled {
            this.inner = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
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
        let verdict = async move {
            match ended.await {
                Ok(status) => status,
                Err(_) => std::future::pending().await,
            }
        };
        (end, Watch::new(verdict))
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
