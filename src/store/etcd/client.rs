//! What is asked of the cluster, over one connection at a time; another member when it fails.
//!
//! A question is asked again until it is answered or its time is up. A transaction is sent once:
//! whether it happened is for `commit.rs` to find out. Logging in, and again when the cluster has
//! forgotten us, is done here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};

use super::connect::{ConnectError, Pace, Trouble, connect, with_causes};
use super::{EtcdOptions, StoreError};
use crate::proto::etcdserverpb::auth_client::AuthClient;
use crate::proto::etcdserverpb::kv_client::KvClient;
use crate::proto::etcdserverpb::watch_client::WatchClient;
use crate::proto::etcdserverpb::{
    AuthenticateRequest, RangeRequest, RangeResponse, TxnRequest, TxnResponse, WatchRequest,
    WatchResponse,
};

/// Pause before a question is asked again.
const PAUSE: Duration = Duration::from_millis(50);

/// Least time between two signs of life that are asked for. A member closes the connection of
/// whoever asks more often than every five seconds.
const LEAST_KEEP_ALIVE: Duration = Duration::from_secs(6);

/// Largest answer that is read. The server knows no limit of its own, and a page of records is
/// far smaller.
const MAX_ANSWER: usize = 1 << 30;

/// Why a transaction has no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// It has not happened and never will.
    Never(StoreError),
    /// It may have happened, or may happen yet.
    Doubtful(StoreError),
    /// The cluster has run out of room before it or by it: it has happened or it never will, which
    /// a look at the fence tells.
    NoRoom(StoreError),
}

/// Why there is no connection.
#[derive(Debug)]
enum NoLink {
    /// And there will be none.
    Final(StoreError),
    /// Another try may find one.
    ForNow(StoreError),
}

/// A client of the cluster. Cloning shares the connection.
#[derive(Clone)]
pub(super) struct Client {
    options: Arc<EtcdOptions>,
    /// The store's name, for errors.
    name: Arc<str>,
    current: Arc<Mutex<Current>>,
}

/// The connection in use, and which member comes next.
#[derive(Default)]
struct Current {
    link: Option<Link>,
    next: usize,
    made: u64,
}

/// A connection, with our token on it.
#[derive(Clone)]
struct Link {
    number: u64,
    channel: Channel,
    trouble: Trouble,
    token: Option<AsciiMetadataValue>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("store", &self.name).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that has not connected yet.
    pub(super) fn new(options: EtcdOptions, name: &str) -> Self {
        Self { options: Arc::new(options), name: name.into(), current: Arc::default() }
    }

    /// How long one try of anything may take: what is stuck must not use up the time in which
    /// another member could have answered.
    pub(super) fn try_timeout(&self) -> Duration {
        (self.options.request_timeout / 3).min(self.options.max_staleness / 3)
    }

    /// Reads, each try within `patience`, and asks again until `within` is over. The state is the
    /// newest one, as a majority knows it, unless the request names a revision.
    pub(super) async fn range(
        &self,
        request: RangeRequest,
        patience: Duration,
        within: Duration,
    ) -> Result<RangeResponse, StoreError> {
        let until = Instant::now() + within;
        loop {
            let patience = patience.min(until.saturating_duration_since(Instant::now()));
            let (error, is_final) = match self.link(patience).await {
                Err(NoLink::Final(error)) => (error, true),
                Err(NoLink::ForNow(error)) => (error, false),
                Ok(link) => match self.range_once(&link, request.clone(), patience).await {
                    Ok(answer) => return Ok(answer),
                    Err(status) if status.code() == Code::OutOfRange => {
                        return Err(
                            self.news_lost(request.revision, describe(&status, &link.trouble))
                        );
                    }
                    Err(status) => {
                        let again = self.gave_up_on(&link, &status).await;
                        (self.error("read", &link, &status), !again)
                    }
                },
            };
            if is_final || Instant::now() + PAUSE >= until {
                return Err(error);
            }
            sleep(PAUSE).await;
        }
    }

    async fn range_once(
        &self,
        link: &Link,
        request: RangeRequest,
        patience: Duration,
    ) -> Result<RangeResponse, Status> {
        let mut client = KvClient::new(link.channel.clone()).max_decoding_message_size(MAX_ANSWER);
        let call = client.range(link.request(request));
        match timeout(patience, call).await {
            Ok(answer) => answer.map(tonic::Response::into_inner),
            Err(_) => Err(Status::deadline_exceeded("no answer in time")),
        }
    }

    /// Sends a transaction once, as soon as there is a connection. It is sent again only where it
    /// surely has not happened.
    pub(super) async fn txn(&self, request: TxnRequest) -> Result<TxnResponse, Unanswered> {
        let until = Instant::now() + self.try_timeout();
        let mut logged_in_again = false;
        loop {
            let link = match self.link(self.try_timeout()).await {
                Ok(link) => link,
                Err(NoLink::ForNow(_)) if Instant::now() + PAUSE < until => {
                    sleep(PAUSE).await;
                    continue;
                }
                // Nothing has been sent.
                Err(NoLink::Final(error) | NoLink::ForNow(error)) => {
                    return Err(Unanswered::Never(error));
                }
            };
            let mut client =
                KvClient::new(link.channel.clone()).max_decoding_message_size(MAX_ANSWER);
            let call = client.txn(link.request(request.clone()));
            let status = match timeout(self.try_timeout(), call).await {
                Ok(Ok(answer)) => return Ok(answer.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("no answer in time"),
            };
            let again = self.gave_up_on(&link, &status).await;
            let error = self.error("write to", &link, &status);
            if status.code() == Code::ResourceExhausted && was_answered(&status) {
                return Err(Unanswered::NoRoom(error));
            }
            if !is_refusal(&status) {
                return Err(Unanswered::Doubtful(error));
            }
            // The token may have expired, which a new connection mends.
            if !again || logged_in_again {
                return Err(Unanswered::Never(error));
            }
            logged_in_again = true;
        }
    }

    /// Opens a watch. The stream ends with an error when the member has lost its leader.
    pub(super) async fn watch(
        &self,
        request: WatchRequest,
    ) -> Result<(Streaming<WatchResponse>, WatchLink), StoreError> {
        let link = self.link(self.try_timeout()).await.map_err(|no_link| match no_link {
            NoLink::Final(error) | NoLink::ForNow(error) => error,
        })?;
        let mut client =
            WatchClient::new(link.channel.clone()).max_decoding_message_size(MAX_ANSWER);
        // Without an end: a stream of requests that ends ends the watch.
        let (requests, queue) = tokio::sync::mpsc::channel(1);
        let _ = requests.send(request).await;
        let queue = futures_util::stream::unfold(queue, |mut queue| async {
            queue.recv().await.map(|request| (request, queue))
        });
        let call = client.watch(link.request(queue));
        let status = match timeout(self.try_timeout(), call).await {
            Ok(Ok(stream)) => {
                let link = WatchLink { client: self.clone(), link, _requests: requests };
                return Ok((stream.into_inner(), link));
            }
            Ok(Err(status)) => status,
            Err(_) => Status::deadline_exceeded("no answer in time"),
        };
        self.gave_up_on(&link, &status).await;
        Err(self.error("watch", &link, &status))
    }

    /// Forgets the connection; the next question goes to another member.
    pub(super) async fn reset(&self) {
        self.current.lock().await.link = None;
    }

    /// The connection in use, or a new one if there can be one in time.
    async fn link(&self, within: Duration) -> Result<Link, NoLink> {
        // When this is given up, the next call goes on with the next member.
        timeout(within, self.link_in_time())
            .await
            .unwrap_or_else(|_| Err(NoLink::ForNow(self.unreachable("it does not answer"))))
    }

    /// The connection in use, or a new one to the first member that lets us in.
    async fn link_in_time(&self) -> Result<Link, NoLink> {
        let mut current = self.current.lock().await;
        if let Some(link) = &current.link {
            return Ok(link.clone());
        }
        let mut last = "no member is configured".to_owned();
        for _ in 0..self.options.endpoints.len() {
            let endpoints = &self.options.endpoints;
            let Some(address) = endpoints.get(current.next % endpoints.len()) else { break };
            current.next = current.next.wrapping_add(1);
            let pace = Pace {
                connect: self.try_timeout(),
                keep_alive: self.try_timeout().max(LEAST_KEEP_ALIVE),
            };
            let connected = connect(address, self.options.tls.as_ref(), pace).await;
            let (channel, trouble) = match connected {
                Ok(connected) => connected,
                Err(ConnectError::Files(error)) => return Err(NoLink::Final(error)),
                Err(ConnectError::Network(detail)) => {
                    last = format!("{address}: {detail}");
                    continue;
                }
            };
            match self.log_in(channel.clone()).await {
                Ok(token) => {
                    current.made += 1;
                    let link = Link { number: current.made, channel, trouble, token };
                    current.link = Some(link.clone());
                    return Ok(link);
                }
                Err(status) if is_refusal(&status) => {
                    let (store, detail) = (self.name.to_string(), describe(&status, &trouble));
                    return Err(NoLink::Final(StoreError::ClusterAccess { store, detail }));
                }
                Err(status) => last = format!("{address}: {}", describe(&status, &trouble)),
            }
        }
        Err(NoLink::ForNow(self.unreachable(&last)))
    }

    /// Our token, if the cluster wants one.
    async fn log_in(&self, channel: Channel) -> Result<Option<AsciiMetadataValue>, Status> {
        let Some(login) = &self.options.login else { return Ok(None) };
        let request =
            AuthenticateRequest { name: login.user.clone(), password: login.password.to_string() };
        let mut client = AuthClient::new(channel);
        let answer = match timeout(self.try_timeout(), client.authenticate(request)).await {
            Ok(Ok(answer)) => answer.into_inner(),
            // Users are switched off in this cluster.
            Ok(Err(status)) if status.code() == Code::FailedPrecondition => {
                tracing::warn!(store = %self.name, "etcd asks for no user; the configured one is not used");
                return Ok(None);
            }
            Ok(Err(status)) => return Err(status),
            Err(_) => return Err(Status::deadline_exceeded("no answer in time")),
        };
        let mut token = AsciiMetadataValue::try_from(answer.token)
            .map_err(|_| Status::internal("the token is not text"))?;
        token.set_sensitive(true);
        Ok(Some(token))
    }

    /// Leaves a connection that failed, unless another one is in use already. True if asking again
    /// may help: at another member, or after a new login.
    async fn gave_up_on(&self, link: &Link, status: &Status) -> bool {
        let may_help = match status.code() {
            // Also the answer to a token that is out of date, or missing since users were switched
            // on.
            Code::Unauthenticated | Code::InvalidArgument => self.options.login.is_some(),
            _ => !is_refusal(status),
        };
        if may_help {
            self.leave(link).await;
        }
        may_help
    }

    async fn leave(&self, link: &Link) {
        let mut current = self.current.lock().await;
        if current.link.as_ref().is_some_and(|used| used.number == link.number) {
            current.link = None;
        }
    }

    /// That the cluster cannot be reached.
    pub(super) fn unreachable(&self, detail: &str) -> StoreError {
        let (action, store) = ("reach", self.name.to_string());
        StoreError::Cluster { action, store, detail: detail.to_owned() }
    }

    /// That what came after a revision cannot be had.
    pub(super) fn news_lost(&self, revision: i64, detail: String) -> StoreError {
        StoreError::NewsLost { store: self.name.to_string(), revision, detail }
    }

    fn error(&self, action: &'static str, link: &Link, status: &Status) -> StoreError {
        let (store, mut detail) = (self.name.to_string(), describe(status, &link.trouble));
        let shows_none = self.options.tls.as_ref().is_some_and(|tls| tls.identity.is_none());
        if shows_none && std::error::Error::source(status).is_some() {
            detail +=
                " (if etcd asks for a certificate: etcd.ssl.tlsCert and etcd.ssl.tlsKey name it)";
        }
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => {
                StoreError::ClusterAccess { store, detail }
            }
            // Our questions are good ones: what it misses is a user.
            Code::InvalidArgument if action == "read" => {
                StoreError::ClusterAccess { store, detail }
            }
            _ => StoreError::Cluster { action, store, detail },
        }
    }
}

/// What keeps a watch open, and tells the client when it fails.
pub(super) struct WatchLink {
    client: Client,
    link: Link,
    _requests: tokio::sync::mpsc::Sender<WatchRequest>,
}

impl WatchLink {
    /// Leaves the connection of the watch.
    pub(super) async fn leave(self) {
        self.client.leave(&self.link).await;
    }
}

impl Link {
    /// A request with our token. A member without a leader is to refuse it rather than to wait.
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert("hasleader", AsciiMetadataValue::from_static("true"));
        if let Some(token) = &self.token {
            metadata.insert("token", token.clone());
        }
        request
    }
}

/// Whether the cluster has refused a request before it did anything. Everything else may also be
/// said of a request that has been passed on. What has a cause was said by nobody but our own side
/// of the connection, and says nothing: a connection that is closed because of too many pings has
/// the code of a refusal, too.
fn is_refusal(status: &Status) -> bool {
    was_answered(status)
        && matches!(
            status.code(),
            Code::InvalidArgument
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::FailedPrecondition
                | Code::OutOfRange
                | Code::Unimplemented
        )
}

/// Whether the cluster itself has said so.
fn was_answered(status: &Status) -> bool {
    std::error::Error::source(status).is_none()
}

/// What the cluster said; or why it could not, if the connection has told.
fn describe(status: &Status, trouble: &Trouble) -> String {
    let Some(cause) = std::error::Error::source(status).map(with_causes) else {
        return status.message().to_owned();
    };
    let mut text = status.message().to_owned();
    for more in [Some(&*cause), trouble.get()].into_iter().flatten() {
        if !text.contains(more) {
            text = format!("{text}: {more}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_what_the_cluster_said_and_not_what_became_of_the_connection() {
        assert!(is_refusal(&Status::permission_denied("etcdserver: permission denied")));
        let full = Status::resource_exhausted("etcdserver: mvcc: database space exceeded");
        assert!(was_answered(&full) && !is_refusal(&full), "it may have been what filled it");
        assert!(!is_refusal(&Status::unavailable("etcdserver: leader changed")));
        let closed = h2::Error::from(h2::Reason::ENHANCE_YOUR_CALM);
        let status = Status::from_error(Box::new(closed));
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(!was_answered(&status) && !is_refusal(&status), "it may have happened");
    }
}
