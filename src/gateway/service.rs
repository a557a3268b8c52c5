//! One request of the guard's on its way through: metadata, message, answer.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::Credential;
use super::answer::{Deadline, Way, check, within};
use super::deadline::timeout;
use super::filter::{FilterError, is_filtered};
use super::follow_up::Event;
use super::keeper::keep;
use super::link::Link;
use super::metadata::outgoing;
use super::trace::Trace;
use crate::admin::Admin;
use crate::authorizer::Authorizer;
use crate::config::UpstreamAddress;
use crate::credential::Caller;
use crate::layer::Admitted;
use crate::log::LogPace;
use crate::tls::ClientTls;

/// How an upstream is reached.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UpstreamOptions {
    /// Where it is.
    pub address: UpstreamAddress,
    /// Whom to trust and what to show, if the address says TLS.
    pub tls: ClientTls,
    /// Who we are to it. Without one, requests go without a login.
    pub credential: Option<Credential>,
    /// How many connections there are. Default: 4.
    pub connections: usize,
    /// How long it may take to connect. Default: 5 s.
    pub connect_timeout: Duration,
    /// How long a caller may leave an answer lying before it is given up. Default: 30 s.
    pub patience: Duration,
}

impl UpstreamOptions {
    /// The upstream at this address, with defaults for everything else.
    #[must_use]
    pub fn new(address: UpstreamAddress) -> Self {
        Self {
            address,
            tls: ClientTls::default(),
            credential: None,
            connections: 4,
            connect_timeout: Duration::from_secs(5),
            patience: Duration::from_secs(30),
        }
    }
}

/// Most answers at once that are larger than what is read ahead, or have no end. Each may wait for
/// its caller with some hundred KiB.
const MOST_LARGE_ANSWERS: usize = 1000;

/// Sends admitted requests to an upstream. Cloning shares it; it ends with the last clone.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    link: Arc<Link>,
    admin: Admin,
    authorizer: Authorizer,
    reachable: watch::Receiver<Option<bool>>,
    pace: Arc<LogPace>,
    /// For answers that are passed on piece by piece.
    room: Arc<Semaphore>,
    /// What has to be brought to its end.
    tasks: TaskTracker,
    /// Ends the connections with the last clone.
    #[expect(dead_code, reason = "it acts when it is dropped")]
    end: DropGuard,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gateway({})", self.address())
    }
}

impl Gateway {
    /// A gateway to this upstream. Connects in the background and keeps at it, so the upstream
    /// need not be there yet. The authorizer says what callers see in lists; by the operations,
    /// grants follow what is dropped and renamed. Needs a tokio runtime.
    #[must_use]
    pub fn start(options: UpstreamOptions, authorizer: Authorizer, admin: Admin) -> Self {
        let ending = CancellationToken::new();
        let link = Arc::new(Link::new(options, ending.clone()));
        let (told, reachable) = watch::channel(None);
        let (kept, ended) = (Arc::clone(&link), ending.clone());
        tokio::spawn(async move { ended.run_until_cancelled(keep(&kept, &told)).await });
        let (pace, tasks, end) = (Arc::default(), TaskTracker::new(), ending.drop_guard());
        let room = Arc::new(Semaphore::new(MOST_LARGE_ANSWERS));
        Self(Arc::new(Inner { link, admin, authorizer, reachable, pace, room, tasks, end }))
    }

    /// Whether the upstream can be reached, and news of it; nothing before that has been tried.
    #[must_use]
    pub fn reachable(&self) -> watch::Receiver<Option<bool>> {
        self.0.reachable.clone()
    }

    /// Where the upstream is.
    #[must_use]
    pub fn address(&self) -> &UpstreamAddress {
        &self.0.link.options.address
    }

    /// Waits until grants have followed what has been dropped and renamed. To be called before the
    /// store is closed, once no more requests come.
    pub async fn finish(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    pub(super) fn link(&self) -> &Link {
        &self.0.link
    }

    pub(super) fn admin(&self) -> &Admin {
        &self.0.admin
    }

    pub(super) fn authorizer(&self) -> &Authorizer {
        &self.0.authorizer
    }

    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    /// Sends a request that the guard has admitted, and answers what the upstream does. Never
    /// fails: every failure is an answer.
    pub async fn forward(&self, request: Request<Body>) -> Response<Body> {
        let answer = match self.open(request) {
            Ok(call) => self.pass(call).await,
            Err(status) => Err(status),
        };
        answer.unwrap_or_else(Status::into_http)
    }

    /// Takes from a request what goes upstream.
    fn open(&self, mut request: Request<Body>) -> Result<Call, Status> {
        let Some(admitted) = request.extensions_mut().remove::<Admitted>() else {
            // Nobody but the guard may hand us anything.
            tracing::error!("a request came to the gateway around the guard");
            return Err(Status::internal("this request has not been authorized"));
        };
        let own = self.0.link.authorization.as_ref();
        let headers = outgoing(request.headers(), &admitted.database, own)?;
        let deadline = timeout(request.headers()).and_then(|time| Instant::now().checked_add(time));
        let caller = request.extensions_mut().remove::<Caller>();
        let trace = Trace::new(caller, admitted, Arc::clone(&self.0.pace));
        Ok(Call { headers, body: request.into_body(), deadline, trace })
    }

    // What is rare is boxed: every call would take as much memory as the largest of them.
    async fn pass(&self, call: Call) -> Result<Response<Body>, Status> {
        let Call { headers, body, deadline, trace } = call;
        let requirement = trace.admitted().requirement;
        if Event::is_caused_by(requirement.method) {
            let (admitted, caller) = (trace.admitted().clone(), trace.caller().cloned());
            let answer = self.pass_with_grants(headers, body, &admitted, caller.as_ref(), trace);
            let answer = within(deadline, Box::pin(answer)).await;
            return answer.unwrap_or_else(|late| Err(late.status()));
        }
        if is_filtered(requirement) {
            let answer = self.pass_filtered(headers, body, trace.admitted(), trace.caller());
            let answer = within(deadline, Box::pin(answer)).await;
            return answer.unwrap_or_else(|late| Err(late.into())).map_err(|error| match error {
                FilterError::Refused(status) => status,
                FilterError::Upstream(error) => trace.failed(&error),
            });
        }
        let (link, streaming) = (&self.0.link, requirement.streaming);
        let answered = {
            let sent = pin!(async {
                if streaming {
                    let (answer, own) = link.send_alone(requirement.path, headers, body).await?;
                    return Ok((check(answer)?, Some(own)));
                }
                Ok((check(link.send(requirement.path, headers, body).await?)?, None))
            });
            within(deadline, sent).await
        };
        let ((parts, body), own) = match answered.unwrap_or_else(Err) {
            Ok(answer) => answer,
            Err(error) => return Err(trace.failed(&error)),
        };
        let (patience, room) = (link.options.patience, Arc::clone(&self.0.room));
        Way { deadline, patience, streaming, room, own, trace }.pass(parts, body).await
    }
}

/// A request that goes upstream.
struct Call {
    headers: HeaderMap,
    body: Body,
    deadline: Deadline,
    trace: Trace,
}

impl Service<Request<Body>> for Gateway {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let gateway = self.clone();
        Box::pin(async move { Ok(gateway.forward(request).await) })
    }
}
