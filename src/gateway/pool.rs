//! The connections to the upstream: a few, used in turn, made when they are needed and made anew
//! when they have ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;
use tonic::body::Body;

use super::connect::{Connector, Driver, Sender};
use super::error::UpstreamError;
use crate::log::with_causes;

/// Connections to one upstream.
#[derive(Debug)]
pub(super) struct Pool {
    connector: Connector,
    slots: Vec<Slot>,
    turn: AtomicUsize,
    ending: CancellationToken,
}

/// A connection, if there is one.
#[derive(Debug, Default)]
struct Slot {
    live: ArcSwapOption<Live>,
    /// Held by whoever connects; when and why that failed last.
    failed: Mutex<Option<(Instant, UpstreamError)>>,
}

/// A connection.
#[derive(Debug)]
struct Live {
    sender: Sender,
    ended: CancellationToken,
}

impl Pool {
    /// Connections that end with `ending`; none is made yet.
    pub(super) fn new(connector: Connector, connections: usize, ending: CancellationToken) -> Self {
        let slots = std::iter::repeat_with(Slot::default).take(connections.max(1)).collect();
        Self { connector, slots, turn: AtomicUsize::new(0), ending }
    }

    /// Sends a request and waits for the head of its answer. It is tried again only if nothing of
    /// it has been sent, because its connection had just ended.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        // Each connection may have ended; one that has just been made is meant to live.
        for at in turn..=turn.saturating_add(self.slots.len()) {
            let live = self.connected(at.checked_rem(self.slots.len()).unwrap_or_default()).await?;
            match live.sender.clone().try_send_request(request).await {
                Ok(answer) => return Ok(answer),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(failure(error.error())),
                },
            }
        }
        Err(UpstreamError::Unreachable("its connections end as soon as they are made".to_owned()))
    }

    /// Sees to it that the first connection is up; gives what tells of its end.
    pub(super) async fn connect(self: &Arc<Self>) -> Result<CancellationToken, UpstreamError> {
        Ok(self.connected(0).await?.ended.clone())
    }

    async fn connected(self: &Arc<Self>, at: usize) -> Result<Arc<Live>, UpstreamError> {
        if let Some(live) = self.slots.get(at).and_then(Slot::live) {
            return Ok(live);
        }
        let (pool, asked) = (Arc::clone(self), Instant::now());
        // In a task: whoever asked may not wait for it, and others need it all the same.
        let connecting = tokio::spawn(async move { pool.make(at, asked).await });
        let failed = |error: tokio::task::JoinError| UpstreamError::Unreachable(error.to_string());
        connecting.await.map_err(failed)?
    }

    async fn make(&self, at: usize, asked: Instant) -> Result<Arc<Live>, UpstreamError> {
        let Some(slot) = self.slots.get(at) else {
            return Err(UpstreamError::Unreachable("there are no connections".to_owned()));
        };
        let mut failed = slot.failed.lock().await;
        if let Some(live) = slot.live() {
            return Ok(live);
        }
        // Whoever waited for the same attempt shares its failure, instead of one after another
        // waiting for one of their own.
        if let Some((when, error)) = &*failed
            && *when >= asked
        {
            return Err(error.clone());
        }
        match self.connector.connect().await {
            Ok((sender, driver)) => {
                let ended = CancellationToken::new();
                tokio::spawn(drive(driver, self.ending.clone(), ended.clone().drop_guard()));
                let live = Arc::new(Live { sender, ended });
                slot.live.store(Some(Arc::clone(&live)));
                Ok(live)
            }
            Err(error) => {
                *failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}

impl Slot {
    fn live(&self) -> Option<Arc<Live>> {
        self.live.load_full().filter(|live| !live.sender.is_closed())
    }
}

/// Why a request that was sent has no answer.
fn failure(error: &hyper::Error) -> UpstreamError {
    // The body that we send ends in a status only where we have refused the rest of it.
    let refused =
        std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<Status>);
    if refused { UpstreamError::Withdrawn } else { UpstreamError::BrokeOff(with_causes(error)) }
}

/// Polls a connection until it ends or everything does.
async fn drive(driver: Driver, ending: CancellationToken, _ended: DropGuard) {
    if let Some(Err(error)) = ending.run_until_cancelled_owned(driver).await {
        tracing::debug!(error = with_causes(&error), "a connection to the upstream ended");
    }
}
