//! Two tasks that keep an eye on the cluster: one follows its changes, the other asks a majority
//! every so often whether there are newer ones.
//!
//! What they hear goes into one queue, in order, for the writer's thread. That a state is the
//! newest is known when a majority has named a revision and the watch has come as far. A revision
//! that somebody else's keys have brought about is never seen by our watch; then a key of our own
//! is written, the pulse, and seen.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::client::Client;
use super::layout::{FENCE, Layout, PULSE};
use super::transaction;
use crate::clock::{Clock, Uptime};
use crate::proto::etcdserverpb::watch_request::RequestUnion;
use crate::proto::etcdserverpb::{
    RangeRequest, ResponseHeader, WatchCreateRequest, WatchRequest, WatchResponse,
};
use crate::proto::mvccpb::Event;
use crate::store::Wake;

/// Pause before a watch that failed is opened again.
const PAUSE: Duration = Duration::from_millis(50);
/// Longest such pause; they are doubled while it fails.
const MOST_PAUSE: Duration = Duration::from_secs(2);

/// What the tasks hear.
#[derive(Debug)]
pub(super) enum Heard {
    /// What happened next, whole revisions.
    Events(Vec<Event>),
    /// What a majority said.
    Probe(Probe),
    /// What happens next cannot be heard any more, and why. Nothing comes after it.
    Lost(String),
}

/// What was the newest when a majority was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    /// When it was asked.
    pub(super) at: Uptime,
    pub(super) revision: i64,
    /// The revision of the fence.
    pub(super) fence: i64,
}

/// Where a following begins.
pub(super) struct Start {
    pub(super) client: Client,
    pub(super) layout: Layout,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) max_staleness: Duration,
    /// Which cluster it is.
    pub(super) cluster: u64,
    /// The last revision that is known.
    pub(super) revision: i64,
    pub(super) wake: Arc<OnceLock<Wake>>,
}

/// The tasks, which end when this is dropped, and their queue.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) inbox: Receiver<Heard>,
    in_contact: Arc<AtomicBool>,
    tasks: [AbortHandle; 2],
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Follower {
    /// Starts both tasks.
    pub(super) fn start(runtime: &Handle, start: Start) -> Self {
        let (outbox, inbox) = channel();
        let in_contact = Arc::new(AtomicBool::new(true));
        let eye = Arc::new(Eye {
            in_contact: Arc::clone(&in_contact),
            seen: watch::Sender::new(start.revision),
            start,
            outbox,
            reopen: Notify::new(),
        });
        let watch = runtime.spawn(Arc::clone(&eye).watch()).abort_handle();
        let probe = runtime.spawn(eye.probe()).abort_handle();
        Self { inbox, in_contact, tasks: [watch, probe] }
    }

    /// Says that a majority has answered somebody else.
    pub(super) fn found_contact(&self) {
        self.in_contact.store(true, Ordering::Release);
    }

    /// Whether a majority answered when it was last asked.
    pub(super) fn is_in_contact(&self) -> bool {
        self.in_contact.load(Ordering::Acquire)
    }
}

/// What both tasks share.
struct Eye {
    start: Start,
    outbox: Sender<Heard>,
    /// Whether a majority answered when it was last asked.
    in_contact: Arc<AtomicBool>,
    /// The last revision that the watch has brought.
    seen: watch::Sender<i64>,
    /// Asks for the watch to be opened again.
    reopen: Notify,
}

/// Says that nothing more will be heard when a task ends, also by a panic.
struct LastWord(Arc<Eye>);

impl Drop for LastWord {
    fn drop(&mut self) {
        self.0.tell(Heard::Lost("the following of etcd has ended".to_owned()));
    }
}

/// How a watch ended.
enum End {
    Lost(String),
    Failed(String),
}

impl Eye {
    fn tell(&self, heard: Heard) {
        // Nobody listens any more when the store is being closed.
        let _ = self.outbox.send(heard);
        if let Some(wake) = self.start.wake.get() {
            wake.wake();
        }
    }

    async fn watch(self: Arc<Self>) {
        let _last = LastWord(Arc::clone(&self));
        let mut failed = false;
        let mut pause = PAUSE;
        loop {
            let mut opened = false;
            match self.watch_once(&mut failed, &mut opened).await {
                End::Lost(reason) => return self.tell(Heard::Lost(reason)),
                End::Failed(reason) if failed => tracing::debug!(reason, "the watch failed again"),
                End::Failed(reason) => {
                    failed = true;
                    tracing::warn!(reason, "the watch of etcd broke off; it is taken up again");
                }
            }
            pause = if opened { PAUSE } else { (pause * 2).min(MOST_PAUSE) };
            sleep(pause).await;
        }
    }

    /// Follows until it breaks off.
    async fn watch_once(&self, failed: &mut bool, opened: &mut bool) -> End {
        let range = self.start.layout.watched();
        let create = WatchCreateRequest {
            key: range.start,
            range_end: range.end,
            start_revision: *self.seen.borrow() + 1,
            fragment: true,
        };
        let request = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        let (mut stream, link) = match self.start.client.watch(request).await {
            Ok(opened) => opened,
            Err(error) => return End::Failed(error.to_string()),
        };
        let mut gathered = Vec::new();
        let mut leaves = true;
        let end = loop {
            let answer = tokio::select! {
                answer = stream.message() => answer,
                () = self.reopen.notified() => break End::Failed("it lags behind".to_owned()),
            };
            let answer = match answer {
                Ok(Some(answer)) => answer,
                Ok(None) => break End::Failed("it ended".to_owned()),
                Err(status) => break End::Failed(status.message().to_owned()),
            };
            if let Some(end) = self.judge(&answer) {
                // The member is there, and has its reasons.
                leaves = matches!(end, End::Failed(_)) && answer.cancel_reason.is_empty();
                break end;
            }
            *opened |= answer.created;
            if *failed && answer.created {
                *failed = false;
                tracing::info!("the watch of etcd goes on where it broke off");
            }
            gathered.extend(answer.events);
            // The rest of the same revisions is still to come.
            if answer.fragment {
                continue;
            }
            if let Some(last) = gathered.last().and_then(|event: &Event| event.kv.as_ref()) {
                let revision = last.mod_revision;
                // The queue first: who waits for a revision then finds it there.
                self.tell(Heard::Events(std::mem::take(&mut gathered)));
                self.seen.send_modify(|seen| *seen = revision.max(*seen));
            }
        };
        if leaves {
            link.leave().await;
        }
        end
    }

    /// Whether an answer ends the watch.
    fn judge(&self, answer: &WatchResponse) -> Option<End> {
        if let Some(reason) = self.other_cluster(answer.header.as_ref()) {
            return Some(End::Lost(reason));
        }
        if answer.compact_revision > 0 {
            let lowest = answer.compact_revision;
            return Some(End::Lost(format!("revisions before {lowest} have been compacted")));
        }
        answer.canceled.then(|| End::Failed(answer.cancel_reason.clone()))
    }

    fn other_cluster(&self, header: Option<&ResponseHeader>) -> Option<String> {
        let cluster = header?.cluster_id;
        (cluster != self.start.cluster).then(|| {
            format!("cluster {cluster:x} answers where cluster {:x} did", self.start.cluster)
        })
    }

    async fn probe(self: Arc<Self>) {
        let _last = LastWord(Arc::clone(&self));
        let interval = self.start.max_staleness / 3;
        let mut behind = 0;
        loop {
            let at = self.start.clock.uptime();
            let seen = *self.seen.borrow();
            let question = RangeRequest {
                key: self.start.layout.key(FENCE),
                limit: 1,
                ..RangeRequest::default()
            };
            match self.start.client.range(question, interval, interval).await {
                Ok(answer) => {
                    let header = answer.header.unwrap_or_default();
                    if let Some(reason) = self.other_cluster(Some(&header)) {
                        return self.tell(Heard::Lost(reason));
                    }
                    if header.revision < seen {
                        let revision = header.revision;
                        return self.tell(Heard::Lost(format!(
                            "the cluster is at revision {revision}, and was at {seen}: it has been \
                             restored from a backup"
                        )));
                    }
                    let fence = transaction::fence_in(&answer);
                    let revision = header.revision;
                    self.tell(Heard::Probe(Probe { at, revision, fence }));
                    if self.see(revision, interval).await {
                        behind = 0;
                    } else if behind == 0 {
                        behind += 1;
                    } else {
                        let reason = format!("the watch does not come to revision {revision}");
                        return self.tell(Heard::Lost(reason));
                    }
                    if !self.in_contact.swap(true, Ordering::AcqRel) {
                        tracing::info!(revision = header.revision, "etcd answers again");
                    }
                }
                Err(error) if self.in_contact.swap(false, Ordering::AcqRel) => {
                    tracing::warn!(
                        %error, max_staleness = ?self.start.max_staleness,
                        "etcd does not answer; requests are answered until the state is too old"
                    );
                }
                Err(error) => tracing::debug!(%error, "etcd still does not answer"),
            }
            let spent = self.start.clock.uptime().since(at);
            sleep(interval.saturating_sub(spent).max(PAUSE)).await;
        }
    }

    /// Sees to it that the watch comes as far as a revision. False if it does not: then the next
    /// time, if it does not either, all is read afresh, which needs no watch and writes nothing.
    async fn see(&self, revision: i64, interval: Duration) -> bool {
        if self.sees(revision, interval / 10).await {
            return true;
        }
        // Somebody else's keys have moved the revision. Ours will be seen, after all before it.
        let pulse = transaction::put(self.start.layout.key(PULSE), Vec::new());
        match self.start.client.txn(pulse).await {
            Ok(answer) => {
                let revision = answer.header.unwrap_or_default().revision;
                let seen = self.sees(revision, interval / 3).await;
                if !seen {
                    self.reopen.notify_one();
                }
                seen
            }
            Err(error) => {
                tracing::debug!(?error, "the pulse could not be written");
                false
            }
        }
    }

    async fn sees(&self, revision: i64, within: Duration) -> bool {
        let mut seen = self.seen.subscribe();
        timeout(within, seen.wait_for(|seen| *seen >= revision)).await.is_ok()
    }
}
