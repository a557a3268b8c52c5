//! The connection in use: made when it is needed, to the next member when one fails, with our login
//! on it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::connect::{ConnectError, Pace, Trouble, connect};
use super::refusal::{describe, is_refusal};
use super::{EtcdOptions, StoreError};
use crate::proto::etcdserverpb::AuthenticateRequest;
use crate::proto::etcdserverpb::auth_client::AuthClient;

/// Least time between two signs of life that are asked for. A member closes the connection of
/// whoever asks more often than every five seconds.
const LEAST_KEEP_ALIVE: Duration = Duration::from_secs(6);

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NoLink {
    /// And there will be none.
    Final(StoreError),
    /// Another try may find one.
    ForNow(StoreError),
    /// There was none in time.
    InTime(StoreError),
}

impl From<NoLink> for StoreError {
    fn from(no_link: NoLink) -> Self {
        match no_link {
            NoLink::Final(error) | NoLink::ForNow(error) | NoLink::InTime(error) => error,
        }
    }
}

/// The members, and the connection to one of them. Cloning shares it.
#[derive(Clone)]
pub(super) struct Members {
    pub(super) options: Arc<EtcdOptions>,
    /// The store's name, for errors.
    pub(super) name: Arc<str>,
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
pub(super) struct Link {
    number: u64,
    pub(super) channel: Channel,
    pub(super) trouble: Trouble,
    token: Option<AsciiMetadataValue>,
}

impl Members {
    /// Nobody is connected to so far.
    pub(super) fn new(options: EtcdOptions, name: &str) -> Self {
        Self { options: Arc::new(options), name: name.into(), current: Arc::default() }
    }

    /// Forgets the connection; the next question goes to another member.
    pub(super) async fn reset(&self) {
        self.current.lock().await.link = None;
    }

    /// The connection in use, or a new one if there can be one in time.
    pub(super) async fn link(&self, within: Duration) -> Result<Link, NoLink> {
        // When this is given up, the next call goes on with the next member.
        timeout(within, self.link_in_time())
            .await
            .unwrap_or_else(|_| Err(NoLink::InTime(self.unreachable("it does not answer"))))
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
                connect: self.options.try_timeout(),
                keep_alive: self.options.try_timeout().max(LEAST_KEEP_ALIVE),
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
        let answer = match timeout(self.options.try_timeout(), client.authenticate(request)).await {
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
    pub(super) async fn gave_up_on(&self, link: &Link, status: &Status) -> bool {
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

    /// Leaves a connection, unless another one is in use already.
    pub(super) async fn leave(&self, link: &Link) {
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
}

impl Link {
    /// A request with our token. A member without a leader is to refuse it rather than to wait.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert("hasleader", AsciiMetadataValue::from_static("true"));
        if let Some(token) = &self.token {
            metadata.insert("token", token.clone());
        }
        request
    }
}
