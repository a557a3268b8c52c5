//! What is left to do after a large change has been made: its writes, one transaction after
//! another, and the journal taken away. And the pieces of changes that never were made.
//!
//! The replica that made the change does it, and any other once it has waited for a while: the one
//! may have died. Two may do it at once, because each write is compared with what is known of it.

use std::time::{Duration, Instant};

use super::EtcdStore;
use super::following::Following;
use super::transaction::{self, Answer, Change};
use crate::proto::etcdserverpb::TxnRequest;

/// How long others wait for the replica that made a change to finish it.
const GRACE: Duration = Duration::from_secs(2);

/// How long pieces without a head lie before they are taken away. Whoever is still at it notices,
/// and begins again.
const ORPHANED: Duration = Duration::from_secs(60);

/// How long one call may take: the thread has news to publish meanwhile.
const SLICE: Duration = Duration::from_millis(100);

/// How long a transaction waits until the timeline has it.
const HEAR: Duration = Duration::from_millis(500);

impl EtcdStore {
    /// Does some of what is left to do. True if there is more that can be done now.
    pub(super) fn tidy(&mut self, following: &mut Following) -> bool {
        if self.has_failed || following.is_lost() {
            return false;
        }
        let now = self.options.clock.uptime();
        if let Some(pending) = &following.timeline.pending {
            let is_ours = self.journals.contains(&pending.id);
            let wait = if is_ours { Duration::ZERO } else { GRACE + self.patience };
            return now.since(pending.since) >= wait && self.finish(following);
        }
        self.journals.clear();
        let wait = ORPHANED + self.patience;
        let mut orphans = following.timeline.staged.iter();
        if let Some((id, _)) = orphans.find(|(_, staged)| now.since(staged.since) > wait) {
            tracing::info!(journal = id, "pieces of a change that was never made are taken away");
            let request = transaction::without_pieces(&self.layout, id);
            return self.try_once(following, request) == Tried::Done;
        }
        false
    }

    /// Makes writes of a large change until its end or for as long as nobody need hear of anything
    /// else.
    pub(super) fn finish_for_a_while(&mut self, following: &mut Following) {
        let until = Instant::now() + self.options.max_staleness / 3;
        while following.timeline.pending.is_some() && !following.is_lost() && Instant::now() < until
        {
            if !self.finish(following) {
                following.wait_once(HEAR);
            }
        }
    }

    /// Makes writes of a large change until its end or for as long as a call may take. True if
    /// there are more that can be made now.
    pub(super) fn finish(&mut self, following: &mut Following) -> bool {
        let until = Instant::now() + SLICE;
        while let Some(pending) = &following.timeline.pending {
            let request = if pending.left.is_empty() {
                let stamp = self.stamp();
                let change = Change::new(&self.layout, &following.timeline, &stamp);
                change.end_of_journal(pending).build()
            } else {
                transaction::part_of_journal(&self.layout, &following.timeline, pending)
            };
            match self.try_once(following, request) {
                Tried::Done => {}
                Tried::Overtaken => return true,
                // The next word of the cluster brings the next try.
                Tried::Failed => return false,
            }
            if Instant::now() >= until {
                return following.timeline.pending.is_some();
            }
        }
        false
    }

    /// Sends a transaction and waits until the timeline has it.
    fn try_once(&self, following: &mut Following, request: TxnRequest) -> Tried {
        match self.transact(following, request) {
            Ok(Answer::Done(revision)) if following.wait_for(revision, HEAR) => Tried::Done,
            Ok(Answer::Overtaken { .. }) if following.wait_once(HEAR) => Tried::Overtaken,
            Ok(Answer::Done(_) | Answer::Overtaken { .. }) => Tried::Failed,
            Err(error) => {
                tracing::debug!(?error, "a large change could not be carried on for now");
                Tried::Failed
            }
        }
    }
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    /// It happened, and the timeline has it.
    Done,
    /// Somebody else was first, and the timeline has moved.
    Overtaken,
    /// Neither is known to have happened.
    Failed,
}
