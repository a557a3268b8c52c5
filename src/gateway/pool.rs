//! The connections to the upstream: a few, used in turn, made when they are needed and made anew
//! when they have ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::body::Body;

use super::connect::{Connector, Driver, Sender};
use super::error::{UpstreamError, with_causes};

/// Connections to one upstream.
#[derive(Debug)]
pub(super) struct Pool {
    connector: Connector,
    slots: Vec<Slot>,
    turn: AtomicUsize,
    /// Whether the last we know of the upstream is that it could be reached; nothing at first.
    reachable: watch::Sender<Option<bool>>,
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

/// How often a request that was not sent, because its connection had just ended, is tried on
/// another one.
const MOST_TRIES: usize = 3;

impl Pool {
    /// Connections that end with `ending`; none is made yet.
    pub(super) fn new(connector: Connector, connections: usize, ending: CancellationToken) -> Self {
        let slots = std::iter::repeat_with(Slot::default).take(connections.max(1)).collect();
        let (reachable, _) = watch::channel(None);
        Self { connector, slots, turn: AtomicUsize::new(0), reachable, ending }
    }

    /// Sends a request and waits for the head of its answer. It is tried again only if nothing of
    /// it has been sent.
    pub(super) async fn send(
        &self,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        for _ in 0..MOST_TRIES {
            let mut sender = self.next().await?.sender.clone();
            match sender.try_send_request(request).await {
                Ok(answer) => return Ok(answer),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None if error.error().is_user() => return Err(UpstreamError::Withdrawn),
                    None => return Err(UpstreamError::BrokeOff(with_causes(error.error()))),
                },
            }
        }
        Err(UpstreamError::Unreachable("its connections end as soon as they are made".to_owned()))
    }

    /// Whether the upstream can be reached, and news of it.
    pub(super) fn reachable(&self) -> watch::Receiver<Option<bool>> {
        self.reachable.subscribe()
    }

    /// Keeps the first connection up for ever, so that it is known whether the upstream can be
    /// reached. Looks for a lost one after 100 ms, then ever less often, at least every 2 s.
    pub(super) async fn keep(&self) {
        let Some(slot) = self.slots.first() else { return };
        let mut pause = FIRST_PAUSE;
        loop {
            if let Ok(live) = self.connected(slot).await {
                pause = FIRST_PAUSE;
                live.ended.cancelled().await;
            } else {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// A connection that is up, the next in turn.
    async fn next(&self) -> Result<Arc<Live>, UpstreamError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let slot = turn.checked_rem(self.slots.len()).and_then(|at| self.slots.get(at));
        match slot {
            Some(slot) => self.connected(slot).await,
            None => Err(UpstreamError::Unreachable("there are no connections".to_owned())),
        }
    }

    async fn connected(&self, slot: &Slot) -> Result<Arc<Live>, UpstreamError> {
        if let Some(live) = slot.live() {
            return Ok(live);
        }
        let asked = Instant::now();
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
                self.note(None);
                Ok(live)
            }
            Err(error) => {
                *failed = Some((Instant::now(), error.clone()));
                self.note(Some(&error));
                Err(error)
            }
        }
    }

    /// Tells once of each turn.
    fn note(&self, error: Option<&UpstreamError>) {
        let now = Some(error.is_none());
        let turned = self.reachable.send_if_modified(|was| std::mem::replace(was, now) != now);
        let upstream = &self.connector.address;
        match error {
            None if turned => tracing::info!(%upstream, "the upstream can be reached"),
            Some(error) if turned => tracing::warn!(%upstream, %error, "the upstream is not there"),
            _ => {}
        }
    }
}

impl Slot {
    fn live(&self) -> Option<Arc<Live>> {
        self.live.load_full().filter(|live| !live.sender.is_closed())
    }
}

/// Polls a connection until it ends or everything does.
async fn drive(driver: Driver, ending: CancellationToken, _ended: DropGuard) {
    if let Some(Err(error)) = ending.run_until_cancelled_owned(driver).await {
        tracing::debug!(error = with_causes(&error), "a connection to the upstream ended");
    }
}

/// How long after the first failure, and at most, until the upstream is looked for again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
