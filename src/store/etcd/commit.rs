//! How a change gets into the cluster, and how it is found out whether it did.
//!
//! A small one is one transaction. When its answer does not come, the fence is bumped: either that
//! happens, and the lost transaction can never happen any more, or the fence says who was first.

use std::time::{Duration, Instant};

use super::client::Unanswered;
use super::following::Following;
use super::journal::{self, Wanted};
use super::layout::TURN;
use super::transaction::{self, Answer, Change, MOST_BYTES, MOST_WRITES};
use super::{EtcdStore, StoreError};
use crate::model::Revision;
use crate::proto::etcdserverpb::TxnRequest;
use crate::store::{Commit, Writes};

/// Pause between attempts to find out about a lost transaction.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a conflict waits to hear what it conflicted with.
const HEAR: Duration = Duration::from_millis(200);

/// After how many lost races in a row the others are asked to wait. Until then a pause is made, of
/// so many milliseconds at most as this is a power of two.
const MOST_LOST: u32 = 6;

impl EtcdStore {
    /// Makes writes on top of the state at `base`.
    pub(super) fn write_at(&mut self, base: Revision, writes: Writes) -> Commit {
        let Some(mut following) = self.following.take() else {
            return Commit::Refused(StoreError::NotOpen);
        };
        let commit = if !following.is_at(base) {
            Commit::Conflict
        } else if following.timeline.pending.is_some() {
            // It comes first, whoever made it.
            self.finish(&mut following);
            Commit::Conflict
        } else if !self.give_way(&mut following, base) {
            self.following = Some(following);
            return Commit::Conflict;
        } else {
            match check_sizes(&writes) {
                Err(error) => Commit::Refused(error),
                Ok(true) => self.write_small(&mut following, &writes),
                Ok(false) => self.write_large(&mut following, writes.0),
            }
        };
        match commit {
            Commit::Committed(_) => self.lost_races = 0,
            Commit::Conflict => self.back_off(&mut following),
            // Nothing more before it has been opened again.
            Commit::Refused(_) | Commit::Unknown(_) => return commit,
        }
        self.following = Some(following);
        commit
    }

    fn write_small(&mut self, following: &mut Following, writes: &Writes) -> Commit {
        let stamp = self.stamp();
        let change = Change::new(&self.layout, &following.timeline, &stamp);
        let request = change.without_journal().writes(&writes.0).build();
        self.send(following, request, &stamp)
    }

    /// Sends a transaction that compares and bumps the fence, and finds out how it ended.
    fn send(&self, following: &mut Following, request: TxnRequest, stamp: &[u8]) -> Commit {
        match self.transact(request) {
            Ok(Answer::Done(revision)) => self.committed(following, revision),
            Ok(Answer::Overtaken { fence, .. }) => {
                if fence > following.timeline.revision {
                    following.wait_for(fence, self.options.request_timeout);
                } else {
                    // Somebody who does not know our fence has changed one of the keys.
                    following.wait_once(HEAR);
                }
                Commit::Conflict
            }
            Err(Unanswered::Never(error)) => Commit::Refused(error),
            Err(Unanswered::Doubtful(error)) => self.find_out(following, stamp, error),
        }
    }

    /// Waits until the state after a commit of ours is known. It is committed also if that takes
    /// too long; then everything is read afresh.
    fn committed(&self, following: &mut Following, revision: i64) -> Commit {
        if !following.wait_for(revision, self.options.request_timeout) {
            following.lose("the watch does not bring what has been written");
        }
        Commit::Committed(Revision(u64::try_from(revision).unwrap_or(0)))
    }

    /// Finds out whether a transaction happened whose answer was lost.
    fn find_out(&self, following: &mut Following, stamp: &[u8], lost: StoreError) -> Commit {
        let fence = following.timeline.fence;
        let until = Instant::now() + self.options.request_timeout;
        while Instant::now() < until {
            let bump = transaction::bump(&self.layout, fence, &[stamp, b"?"].concat());
            match self.transact(bump) {
                // Nothing can happen any more that compares the fence of before.
                Ok(Answer::Done(revision)) => {
                    following.wait_for(revision, self.options.request_timeout);
                    return Commit::Conflict;
                }
                Ok(Answer::Overtaken { fence, stamp: found }) if found == stamp => {
                    return self.committed(following, fence);
                }
                Ok(Answer::Overtaken { fence, .. }) => {
                    // By us, before somebody else, or by somebody else: the events tell.
                    if !following.wait_for(fence, self.options.request_timeout) {
                        return Commit::Unknown(lost);
                    }
                    return match following.timeline.revision_of(stamp) {
                        Some(revision) => self.committed(following, revision),
                        None => Commit::Conflict,
                    };
                }
                Err(Unanswered::Never(_) | Unanswered::Doubtful(_)) => std::thread::sleep(PAUSE),
            }
        }
        Commit::Unknown(lost)
    }

    /// A change of any size: pieces first, then the head that makes it, in one transaction. What is
    /// left is done by [`EtcdStore::tidy`], also by others if we die.
    fn write_large(&mut self, following: &mut Following, writes: Wanted) -> Commit {
        let fence = following.timeline.fence;
        let count = writes.len();
        let id = self.journal_id();
        let (pieces, head) = journal::cut(&id, writes);
        tracing::info!(
            writes = count,
            pieces = pieces.len(),
            "a large change is written in pieces"
        );
        let mut last = 0;
        for (number, piece) in (0..).zip(pieces) {
            let request = transaction::put(self.layout.piece(&id, number), piece);
            match self.put_again_and_again(&request) {
                Ok(revision) => last = revision,
                Err(error) => return Commit::Refused(error),
            }
        }
        // Whoever takes pieces away bumps the fence: as long as it stands, ours are there.
        let seen = following.wait_for(last, self.options.request_timeout);
        if !seen || following.timeline.fence != fence || following.has_changes() {
            return Commit::Conflict;
        }
        let stamp = self.stamp();
        let change = Change::new(&self.layout, &following.timeline, &stamp);
        let request = change.without_journal().head(&head).build();
        self.send(following, request, &stamp)
    }

    /// A put that depends on nothing may be sent as often as it takes.
    fn put_again_and_again(&self, request: &TxnRequest) -> Result<i64, StoreError> {
        let until = Instant::now() + self.options.request_timeout;
        loop {
            match self.transact(request.clone()) {
                Ok(Answer::Done(revision) | Answer::Overtaken { fence: revision, .. }) => {
                    return Ok(revision);
                }
                Err(Unanswered::Never(error)) => return Err(error),
                Err(Unanswered::Doubtful(error)) if Instant::now() >= until => return Err(error),
                Err(Unanswered::Doubtful(_)) => std::thread::sleep(PAUSE),
            }
        }
    }

    /// Sends a transaction once and waits for its answer.
    pub(super) fn transact(&self, request: TxnRequest) -> Result<Answer, Unanswered> {
        let client = self.client.clone();
        match self.wait(async move { client.txn(request).await }) {
            Some(answer) => answer.map(transaction::read),
            None => Err(Unanswered::Never(StoreError::NotOpen)),
        }
    }

    /// A pause of random length after a lost race, longer each time. A replica that is farther away
    /// than another one that always has something to write would lose for ever all the same: after
    /// a few times it asks the others to wait.
    fn back_off(&mut self, following: &mut Following) {
        self.lost_races += 1;
        if self.lost_races > MOST_LOST {
            let turn = transaction::put(self.layout.key(TURN), format!("{}/", self.me).into());
            if let Ok(Answer::Done(revision)) = self.transact(turn)
                && following.wait_for(revision, self.options.request_timeout)
            {
                return;
            }
        }
        let most = 1_u64 << self.lost_races.min(MOST_LOST);
        std::thread::sleep(Duration::from_micros(self.random() % (most * 1000)));
    }

    /// Lets somebody go first who has asked for it. False if the state has moved meanwhile.
    fn give_way(&self, following: &mut Following, base: Revision) -> bool {
        while let Some(left) = following.timeline.turn_left(self.options.clock.uptime()) {
            if !following.wait_once(left) {
                following.timeline.end_turn();
            } else if !following.is_at(base) {
                return false;
            }
        }
        true
    }
}

/// Whether everything fits into one transaction.
fn check_sizes(writes: &Writes) -> Result<bool, StoreError> {
    let mut all = 0;
    for (key, value) in &writes.0 {
        let bytes = transaction::size(key, value.as_ref());
        if bytes > MOST_BYTES {
            let key = String::from_utf8_lossy(key).into_owned();
            return Err(StoreError::TooLarge { key, bytes, limit: MOST_BYTES });
        }
        all += bytes;
    }
    Ok(writes.len() <= MOST_WRITES && all <= MOST_BYTES)
}
