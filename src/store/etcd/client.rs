//! What is asked of the cluster, over one connection at a time (`link.rs`).
//!
//! A question is asked again until it is answered or its time is up. A transaction is sent once:
//! whether it happened is for `commit.rs` to find out.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Status, Streaming};

use super::link::{Link, Members, NoLink};
use super::refusal::{describe, is_refusal, was_answered};
use super::{EtcdOptions, StoreError};
use crate::proto::etcdserverpb::kv_client::KvClient;
use crate::proto::etcdserverpb::watch_client::WatchClient;
use crate::proto::etcdserverpb::{
    RangeRequest, RangeResponse, TxnRequest, TxnResponse, WatchRequest, WatchResponse,
};

/// Pause before a question is asked again.
const PAUSE: Duration = Duration::from_millis(50);

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

/// A client of the cluster. Cloning shares the connection.
#[derive(Clone)]
pub(super) struct Client {
    members: Members,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("store", &self.members.name).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that has not connected yet.
    pub(super) fn new(options: EtcdOptions, name: &str) -> Self {
        Self { members: Members::new(options, name) }
    }

    /// How long one try of anything may take: what is stuck must not use up the time in which
    /// another member could have answered.
    pub(super) fn try_timeout(&self) -> Duration {
        self.members.options.try_timeout()
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
        // Why it failed before its time was up says more than that it was.
        let mut said = None;
        loop {
            let patience = patience.min(until.saturating_duration_since(Instant::now()));
            let (error, is_final) = match self.members.link(patience).await {
                Err(NoLink::Final(error)) => (error, true),
                Err(NoLink::ForNow(error)) => (error, false),
                Err(NoLink::InTime(error)) => (said.take().unwrap_or(error), false),
                Ok(link) => match self.range_once(&link, request.clone(), patience, until).await {
                    Ok(answer) => return Ok(answer),
                    Err(status) if status.code() == Code::OutOfRange => {
                        return Err(
                            self.news_lost(request.revision, describe(&status, &link.trouble))
                        );
                    }
                    Err(status) => {
                        let again = self.members.gave_up_on(&link, &status).await;
                        (self.error("read", &link, &status), !again)
                    }
                },
            };
            if is_final || Instant::now() + PAUSE >= until {
                return Err(error);
            }
            said = Some(error);
            sleep(PAUSE).await;
        }
    }

    async fn range_once(
        &self,
        link: &Link,
        request: RangeRequest,
        patience: Duration,
        until: Instant,
    ) -> Result<RangeResponse, Status> {
        let patience = patience.min(until.saturating_duration_since(Instant::now()));
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
            let link = match self.members.link(self.try_timeout()).await {
                Ok(link) => link,
                Err(NoLink::ForNow(_)) if Instant::now() + PAUSE < until => {
                    sleep(PAUSE).await;
                    continue;
                }
                // Nothing has been sent.
                Err(no_link) => return Err(Unanswered::Never(no_link.into())),
            };
            let mut client =
                KvClient::new(link.channel.clone()).max_decoding_message_size(MAX_ANSWER);
            let call = client.txn(link.request(request.clone()));
            let status = match timeout(self.try_timeout(), call).await {
                Ok(Ok(answer)) => return Ok(answer.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("no answer in time"),
            };
            let again = self.members.gave_up_on(&link, &status).await;
            let error = self.error("write to", &link, &status);
            if status.code() == Code::ResourceExhausted && was_answered(&status) {
                return Err(Unanswered::NoRoom(error));
            }
            if !is_refusal(&status) {
                return Err(Unanswered::Doubtful(error));
            }
            // The token may have expired, which a new connection mends.
            if !again || logged_in_again {
                return Err(Unanswered::Never(match (status.code(), error) {
                    // Its own limits are lower than those that we keep to.
                    (Code::InvalidArgument, StoreError::Cluster { store, detail, .. }) => {
                        StoreError::NotTaken { store, detail }
                    }
                    (_, error) => error,
                }));
            }
            logged_in_again = true;
        }
    }

    /// Opens a watch. The stream ends with an error when the member has lost its leader.
    pub(super) async fn watch(
        &self,
        request: WatchRequest,
    ) -> Result<(Streaming<WatchResponse>, WatchLink), StoreError> {
        let link = self.members.link(self.try_timeout()).await?;
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
        self.members.gave_up_on(&link, &status).await;
        Err(self.error("watch", &link, &status))
    }

    /// Forgets the connection; the next question goes to another member.
    pub(super) async fn reset(&self) {
        self.members.reset().await;
    }

    /// That the cluster cannot be reached.
    pub(super) fn unreachable(&self, detail: &str) -> StoreError {
        self.members.unreachable(detail)
    }

    /// That what came after a revision cannot be had.
    pub(super) fn news_lost(&self, revision: i64, detail: String) -> StoreError {
        StoreError::NewsLost { store: self.members.name.to_string(), revision, detail }
    }

    fn error(&self, action: &'static str, link: &Link, status: &Status) -> StoreError {
        let (store, mut detail) = (self.members.name.to_string(), describe(status, &link.trouble));
        let shows_none =
            self.members.options.tls.as_ref().is_some_and(|tls| tls.identity.is_none());
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
        self.client.members.leave(&self.link).await;
    }
}
