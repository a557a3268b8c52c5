//! The timeline and the queue that carries it on, on the writer's thread.

use std::collections::VecDeque;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::follow::{Follower, Heard, Probe};
use super::timeline::{Broken, Timeline, Told};
use crate::clock::{Clock, Uptime};
use crate::model::Revision;
use crate::store::{News, Wake};

/// Most probes that wait for their revision.
const MOST_PROBES: usize = 16;

/// Where the cluster is, what has changed since the writer last asked, and since when it is known.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) timeline: Timeline,
    follower: Follower,
    clock: Arc<dyn Clock>,
    wake: Arc<OnceLock<Wake>>,
    told: Told,
    /// The revision that the writer knows.
    known: i64,
    /// What was the newest at some moment, and we have not come to yet.
    probes: VecDeque<Probe>,
    as_of: Option<Uptime>,
    lost: Option<String>,
}

impl Following {
    pub(super) fn new(
        timeline: Timeline,
        follower: Follower,
        clock: Arc<dyn Clock>,
        wake: Arc<OnceLock<Wake>>,
    ) -> Self {
        let known = timeline.revision;
        let (told, probes) = (Told::default(), VecDeque::new());
        Self { timeline, follower, clock, wake, told, known, probes, as_of: None, lost: None }
    }

    /// Takes over what has been heard, without waiting.
    pub(super) fn drain(&mut self) {
        while let Ok(heard) = self.follower.inbox.try_recv() {
            self.take(heard);
        }
    }

    /// Whether this is the state that the writer knows, with nothing that it has not been told,
    /// and the following goes on.
    pub(super) fn is_at(&mut self, base: Revision) -> bool {
        self.has_told_all() && revision(base) == self.known
    }

    /// Whether the writer has been told of everything that has changed so far.
    pub(super) fn has_told_all(&mut self) -> bool {
        self.drain();
        self.lost.is_none() && self.told.changes.is_empty()
    }

    /// Says that a majority has answered somebody else.
    pub(super) fn found_contact(&self) {
        self.follower.found_contact();
    }

    /// Whether a majority answered when it was last asked.
    pub(super) fn is_in_contact(&self) -> bool {
        self.follower.is_in_contact()
    }

    /// Whether nothing more will be heard.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Waits until the timeline has come to a revision. False if it does not in time, or at all.
    pub(super) fn wait_for(&mut self, revision: i64, within: Duration) -> bool {
        let until = Instant::now() + within;
        self.drain();
        while self.timeline.revision < revision && self.lost.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if !self.wait_once(left) {
                return false;
            }
        }
        self.lost.is_none()
    }

    /// Waits until the timeline has come to a revision that is there. If it does not, what is known
    /// is not to be relied on.
    pub(super) fn must_come_to(&mut self, revision: i64, within: Duration) {
        if !self.wait_for(revision, within) {
            self.lose("the watch does not bring what has been written");
        }
    }

    /// Waits for anything to be heard. False if nothing is.
    pub(super) fn wait_once(&mut self, within: Duration) -> bool {
        match self.follower.inbox.recv_timeout(within) {
            Ok(heard) => {
                self.take(heard);
                self.drain();
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Says that what is known is not to be relied on, so that it is read afresh.
    pub(super) fn lose(&mut self, why: &str) {
        self.lost.get_or_insert_with(|| why.to_owned());
    }

    /// What has changed since the last time, or why that cannot be told.
    pub(super) fn news(&mut self) -> Result<Option<News>, String> {
        self.drain();
        if let Some(why) = &self.lost {
            return Err(why.clone());
        }
        let Told { changes, ignored } = std::mem::take(&mut self.told);
        let as_of = self.as_of.take();
        let moved = self.known != self.timeline.revision;
        if !moved && as_of.is_none() && ignored.is_empty() {
            return Ok(None);
        }
        self.known = self.timeline.revision;
        let revision = Revision(u64::try_from(self.known).unwrap_or(0));
        Ok(Some(News { revision, changes, ignored, as_of }))
    }

    fn take(&mut self, heard: Heard) {
        if self.lost.is_some() {
            return;
        }
        match heard {
            Heard::Events(events) => {
                let now = self.clock.uptime();
                if let Err(broken) = self.timeline.hear(events, now, &mut self.told) {
                    self.lost = Some(match broken {
                        Broken::Order(detail) => detail,
                        Broken::OwnKey { key, detail } => format!("`{key}`: {detail}"),
                    });
                    return;
                }
            }
            Heard::Probe(probe) => {
                self.probes.push_back(probe);
                // The latest ones say most; without an end of it only they are worth keeping.
                if self.probes.len() > MOST_PROBES {
                    self.probes.pop_front();
                }
            }
            Heard::Lost(why) => self.lost = Some(why),
        }
        while let Some(probe) = self.probes.front() {
            if probe.revision > self.timeline.revision {
                break;
            }
            let fence = self.timeline.fence;
            // A cluster that was restored may have gone past us before it was asked again.
            if fence < probe.fence || (fence <= probe.revision && fence != probe.fence) {
                let detail = format!("the fence is at {}, and {fence} was heard", probe.fence);
                return self.lose(&detail);
            }
            self.as_of = Some(probe.at);
            // What the writer has published is what this is about, unless there is more to tell.
            if self.told.changes.is_empty()
                && let Some(wake) = self.wake.get()
            {
                wake.nothing_until(probe.at);
            }
            self.probes.pop_front();
        }
    }
}

/// A revision as etcd counts; one that etcd cannot have is none of its.
pub(super) fn revision(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(-1)
}
