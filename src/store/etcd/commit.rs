//! How a change gets into the cluster, and how it is found out whether it did.
//!
//! A small one is one transaction. When its answer does not come, the fence is bumped: either that
//! happens, and the lost transaction can never happen any more, or the fence says who was first.

use std::time::{Duration, Instant};

use super::client::Unanswered;
use super::following::Following;
use super::journal::{self, Wanted};
use super::layout::TURN;
use super::transaction::{self, Answer, Change};
use super::{EtcdStore, StoreError};
use crate::model::Revision;
use crate::proto::etcdserverpb::TxnRequest;
use crate::proto::journal::Head;
use crate::store::{Commit, Writes};

/// Pause between attempts to find out about a lost transaction.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a conflict waits to hear what it conflicted with.
const HEAR: Duration = Duration::from_millis(200);

/// After how many lost races in a row the others are asked to wait. Until then a pause is made, of
/// so many milliseconds at most as this is a power of two.
const MOST_LOST: u32 = 6;

/// How often a large change is begun before it gives way to all the small ones.
const MOST_LARGE: u32 = 8;

/// The pieces of a large change that has not been made so far.
#[derive(Debug)]
pub(super) struct Uploaded {
    id: String,
    digest: Vec<u8>,
    pieces: usize,
    /// The revision at which the first one was put.
    first: i64,
    /// How often its head has been tried.
    tries: u32,
}

impl EtcdStore {
    /// Makes writes on top of the state at `base`.
    pub(super) fn write_at(&mut self, base: Revision, writes: Writes) -> Commit {
        if self.has_failed {
            return Commit::Refused(StoreError::NotOpen);
        }
        let Some(mut following) = self.following.take() else {
            return Commit::Refused(StoreError::NotOpen);
        };
        let commit = self.attempt(&mut following, base, writes);
        match &commit {
            Some(Commit::Conflict) => self.back_off(&mut following),
            Some(_) => self.forget_upload(&mut following),
            None => {}
        }
        self.following = Some(following);
        let commit = commit.unwrap_or(Commit::Conflict);
        match &commit {
            Commit::Committed(_) => self.lost_races = 0,
            Commit::Conflict => {}
            Commit::Refused(error) => self.has_failed = !error.is_of_the_change(),
            Commit::Unknown(_) => self.has_failed = true,
        }
        commit
    }

    /// `None` if others were let go first, which is no lost race.
    fn attempt(
        &mut self,
        following: &mut Following,
        base: Revision,
        writes: Writes,
    ) -> Option<Commit> {
        if !following.is_at(base) {
            return Some(Commit::Conflict);
        }
        if !following.is_in_contact() {
            // Nobody is to wait for what is known already.
            return Some(Commit::Refused(self.client.unreachable("it does not answer")));
        }
        if let Some(pending) = &following.timeline.pending {
            // It comes first, whoever made it, and is seen to its end also if we close now.
            self.journals.insert(pending.id.clone());
            self.finish_for_a_while(following);
            return None;
        }
        if !self.give_way(following, base) {
            return None;
        }
        Some(match transaction::fit(&writes.0) {
            Err(error) => Commit::Refused(error),
            Ok(true) => self.write_small(following, &writes),
            Ok(false) => self.write_large(following, writes.0),
        })
    }

    fn write_small(&mut self, following: &mut Following, writes: &Writes) -> Commit {
        let stamp = self.stamp();
        let change = Change::new(&self.layout, &following.timeline, &stamp);
        let request = change.without_journal().writes(&writes.0).build();
        self.send(following, request, &stamp)
    }

    /// Sends a transaction that compares and bumps the fence, and finds out how it ended.
    fn send(&self, following: &mut Following, request: TxnRequest, stamp: &[u8]) -> Commit {
        // What it compares. By the time of the answer more may have been heard, also of itself.
        let sent = following.timeline.fence;
        match self.transact(following, request) {
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
            Err(Unanswered::Doubtful(error)) => self.find_out(following, sent, stamp, error),
            Err(Unanswered::NoRoom(error)) => self.look_up(following, sent, stamp, error),
        }
    }

    /// Looks whether a transaction happened that the cluster has answered: it is over either way.
    fn look_up(
        &self,
        following: &mut Following,
        sent: i64,
        stamp: &[u8],
        refusal: StoreError,
    ) -> Commit {
        let Ok(answer) = self.look(Some(following)) else { return Commit::Unknown(refusal) };
        let (fence, found) = match answer.kvs.into_iter().next() {
            Some(pair) => (pair.mod_revision, pair.value),
            None => (0, Vec::new()),
        };
        if found == stamp {
            return self.committed(following, fence);
        }
        if fence == sent {
            return Commit::Refused(refusal);
        }
        self.judge_by_events(following, fence, stamp).unwrap_or(Commit::Unknown(refusal))
    }

    /// Whether a transaction of ours is among the events up to a fence. `None` if they do not come.
    fn judge_by_events(
        &self,
        following: &mut Following,
        fence: i64,
        stamp: &[u8],
    ) -> Option<Commit> {
        if !following.wait_for(fence, self.options.request_timeout) {
            return None;
        }
        Some(match following.timeline.revision_of(stamp) {
            Some(revision) => self.committed(following, revision),
            None => Commit::Conflict,
        })
    }

    /// Waits until the state after a commit of ours is known. It is committed also if that takes
    /// too long; then everything is read afresh.
    fn committed(&self, following: &mut Following, revision: i64) -> Commit {
        following.must_come_to(revision, self.options.request_timeout);
        Commit::Committed(Revision(u64::try_from(revision).unwrap_or(0)))
    }

    /// Finds out whether a transaction happened whose answer was lost, by the fence that it compared.
    fn find_out(
        &self,
        following: &mut Following,
        sent: i64,
        stamp: &[u8],
        lost: StoreError,
    ) -> Commit {
        let until = Instant::now() + self.options.request_timeout;
        while Instant::now() < until && following.is_in_contact() {
            let bump = transaction::bump(&self.layout, sent, &[stamp, b"?"].concat());
            match self.transact(following, bump) {
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
                    return self
                        .judge_by_events(following, fence, stamp)
                        .unwrap_or(Commit::Unknown(lost));
                }
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
        Commit::Unknown(lost)
    }

    /// A change of any size: pieces first, then the head that makes it, in one transaction. What is
    /// left is done by [`EtcdStore::tidy`], also by others if we die.
    fn write_large(&mut self, following: &mut Following, writes: Wanted) -> Commit {
        let id = self.journal_id();
        let (pieces, mut head) = journal::cut(&id, writes);
        let first = match self.upload(following, &pieces, &mut head) {
            Ok(first) => first,
            Err(error) => return Commit::Refused(error),
        };
        // What came meanwhile may have changed what this rests on.
        if !following.has_told_all() {
            return Commit::Conflict;
        }
        // A put that was sent twice may have happened late.
        let known = following.timeline.staged.get(&head.id).map(|staged| staged.first);
        let first = known.unwrap_or(first).max(first);
        let stamp = self.stamp();
        let change = Change::new(&self.layout, &following.timeline, &stamp);
        let request = change.without_journal().head(&head, first).build();
        let commit = self.send(following, request, &stamp);
        if matches!(commit, Commit::Committed(_)) {
            self.journals.insert(head.id);
            // They are no longer ours to take away.
            self.uploaded = None;
        }
        commit
    }

    /// Puts the pieces, unless the same ones are there already from an earlier try. Returns the
    /// revision of the first.
    fn upload(
        &mut self,
        following: &mut Following,
        pieces: &[Vec<u8>],
        head: &mut Head,
    ) -> Result<i64, StoreError> {
        let are_there = |id: &str| {
            following.timeline.staged.get(id).is_some_and(|staged| staged.len() == pieces.len())
        };
        if let Some(uploaded) = &mut self.uploaded
            && uploaded.digest == head.digest
            && are_there(&uploaded.id)
        {
            uploaded.tries += 1;
            if uploaded.tries > MOST_LARGE {
                return Err(StoreError::Outrun { times: MOST_LARGE });
            }
            head.id.clone_from(&uploaded.id);
            return Ok(uploaded.first);
        }
        let tries = self.uploaded.as_ref().map_or(0, |uploaded| uploaded.tries) + 1;
        self.forget_upload(following);
        if tries > MOST_LARGE {
            return Err(StoreError::Outrun { times: MOST_LARGE });
        }
        tracing::info!(pieces = pieces.len(), "a large change is written in pieces");
        let (id, digest) = (head.id.clone(), head.digest.clone());
        let mut uploaded = Uploaded { id, digest, pieces: pieces.len(), first: 0, tries };
        for (number, piece) in (0..).zip(pieces) {
            let request = transaction::put(self.layout.piece(&head.id, number), piece.clone());
            match self.put_again_and_again(following, &request) {
                Ok(revision) if number == 0 => uploaded.first = revision,
                Ok(_) => {}
                Err(error) => {
                    self.uploaded = Some(uploaded);
                    return Err(error);
                }
            }
        }
        let first = uploaded.first;
        self.uploaded = Some(uploaded);
        Ok(first)
    }

    /// Takes pieces away that no change will be made of.
    pub(super) fn forget_upload(&mut self, following: &mut Following) {
        if let Some(Uploaded { id, pieces, .. }) = self.uploaded.take() {
            let request = transaction::without_pieces(&self.layout, &id);
            if let Err(error) = self.transact(following, request) {
                tracing::debug!(?error, pieces, "pieces stay for now");
            }
        }
    }

    /// A put that depends on nothing may be sent as often as it takes.
    fn put_again_and_again(
        &self,
        following: &mut Following,
        request: &TxnRequest,
    ) -> Result<i64, StoreError> {
        let until = Instant::now() + self.options.request_timeout;
        loop {
            match self.transact(following, request.clone()) {
                Ok(Answer::Done(revision) | Answer::Overtaken { fence: revision, .. }) => {
                    return Ok(revision);
                }
                Err(Unanswered::Never(error) | Unanswered::NoRoom(error)) => return Err(error),
                Err(Unanswered::Doubtful(error)) if Instant::now() >= until => return Err(error),
                Err(Unanswered::Doubtful(_)) => std::thread::sleep(PAUSE),
            }
        }
    }

    /// Sends a transaction once and waits for its answer.
    pub(super) fn transact(
        &self,
        following: &mut Following,
        request: TxnRequest,
    ) -> Result<Answer, Unanswered> {
        let client = self.client.clone();
        match self.wait_and_hear(following, async move { client.txn(request).await }) {
            Some(answer) => answer.map(transaction::read),
            // It ended without a word, when it may have been sent.
            None => Err(Unanswered::Doubtful(StoreError::NotOpen)),
        }
    }

    /// A pause of random length after a lost race, longer each time. A replica that is farther away
    /// than another one that always has something to write would lose for ever all the same: after
    /// a few times it asks the others to wait.
    fn back_off(&mut self, following: &mut Following) {
        self.lost_races += 1;
        if self.lost_races > MOST_LOST {
            let turn = transaction::put(self.layout.key(TURN), format!("{}/", self.me).into());
            if let Ok(Answer::Done(revision)) = self.transact(following, turn)
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
