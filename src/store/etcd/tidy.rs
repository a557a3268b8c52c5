//! What is left to do after a large change has been made: its writes, one transaction after
//! another, and the journal taken away. And the pieces of changes that never were made.
//!
//! The replica that made the change does it, and any other once it has waited for a while: the one
//! may have died. Two may do it at once, because each write is compared with what is known of it.

use std::collections::BTreeMap;
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

/// How long a transaction that was overtaken waits to hear by what.
const HEAR: Duration = Duration::from_millis(50);

impl EtcdStore {
    /// Does some of what is left to do. True if there is more.
    pub(super) fn tidy(&mut self, following: &mut Following) -> bool {
        let now = self.options.clock.uptime();
        if let Some(pending) = &following.timeline.pending {
            let is_ours = self.journals.contains(&pending.id);
            let wait = if is_ours { Duration::ZERO } else { GRACE + self.patience };
            if now.since(pending.since) < wait {
                return false;
            }
            return self.finish(following);
        }
        let orphan = following
            .timeline
            .staged
            .iter()
            .find(|(_, staged)| now.since(staged.since) > ORPHANED)
            .map(|(id, _)| id.clone());
        if let Some(id) = orphan {
            tracing::info!(journal = id, "pieces of a change that was never made are taken away");
            let stamp = self.stamp();
            let change = Change::new(&self.layout, &following.timeline, &stamp);
            self.try_once(following, change.without_journal().without_pieces(&id).build());
        }
        false
    }

    /// Makes writes of a large change until its end or for as long as a call may take. True if
    /// there are more.
    pub(super) fn finish(&mut self, following: &mut Following) -> bool {
        let until = Instant::now() + SLICE;
        while let Some(pending) = &following.timeline.pending {
            let request = if pending.left.is_empty() {
                let stamp = self.stamp();
                let change = Change::new(&self.layout, &following.timeline, &stamp);
                change.end_of_journal(pending.at).without_pieces(&pending.id).build()
            } else {
                self.part(following, &pending.left, pending.at)
            };
            if !self.try_once(following, request) || Instant::now() >= until {
                return following.timeline.pending.is_some();
            }
        }
        false
    }

    /// As many of the writes as fit into one transaction.
    fn part(
        &self,
        following: &Following,
        left: &BTreeMap<(u8, Vec<u8>), Option<Vec<u8>>>,
        at: i64,
    ) -> TxnRequest {
        let count = transaction::first_that_fit(left, |(_, key)| key);
        let writes = left.iter().take(count).map(|((_, key), value)| (key, value));
        transaction::part_of_journal(&self.layout, &following.timeline, at, writes)
    }

    /// Sends a transaction and waits until the timeline has it. False if it did not happen, or
    /// nobody knows: the next call looks at what is known by then.
    fn try_once(&self, following: &mut Following, request: TxnRequest) -> bool {
        match self.transact(request) {
            Ok(Answer::Done(revision)) => {
                following.wait_for(revision, self.options.request_timeout)
            }
            Ok(Answer::Overtaken { .. }) => {
                following.wait_once(HEAR);
                false
            }
            Err(error) => {
                tracing::debug!(?error, "a large change could not be carried on for now");
                false
            }
        }
    }
}
