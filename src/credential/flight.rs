//! Password checks that are under way, so that simultaneous ones of the same user, hash and password
//! share one bcrypt: those of logins and of old passwords alike.
//!
//! Nobody leads: the check belongs to the pool, and everybody who asked waits for it alike, so
//! whoever goes away leaves nobody hanging. What makes two checks the same is the key, which the
//! verifier makes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::CredentialError;
use super::pool::{Job, NO_ANSWER};
use super::refused::Refused;
use super::throttle::Token;

/// How a check ended: whether the password is right, or why that is not known.
type Outcome = Result<bool, CredentialError>;
type Sender = Arc<watch::Sender<Option<Outcome>>>;
type UnderWay = Mutex<HashMap<[u8; 32], Sender>>;

/// The checks under way, and those that have just ended with a refusal.
pub(super) struct Flights {
    under_way: Arc<UnderWay>,
    refused: Refused,
}

/// The wait for a check.
pub(super) struct Ticket(watch::Receiver<Option<Outcome>>);

impl Flights {
    pub(super) fn new(refused: Refused) -> Self {
        Self { under_way: Arc::default(), refused }
    }

    /// Joins the check under this key, also one that has just ended with a refusal, or makes it of
    /// the token and the work that `begin` gives; then it has to be submitted.
    ///
    /// # Errors
    /// Those of `begin`.
    pub(super) fn join<W>(
        &self,
        key: [u8; 32],
        begin: impl FnOnce() -> Result<(Token, W), CredentialError>,
    ) -> Result<(Ticket, Option<Box<dyn Job>>), CredentialError>
    where
        W: FnOnce() -> bool + Send + 'static,
    {
        let mut under_way = lock(&self.under_way);
        if let Some(sender) = under_way.get(&key) {
            return Ok((Ticket(sender.subscribe()), None));
        }
        // Under the lock, too: a check leaves the map after its refusal is remembered, so that nobody
        // who comes as it ends makes another one of the same guess.
        if self.refused.contains(&key) {
            let (_, receiver) = watch::channel(Some(Ok(false)));
            return Ok((Ticket(receiver), None));
        }
        // Of two who come at once one makes it and the other joins.
        let (token, work) = begin()?;
        let (sender, receiver) = watch::channel(None);
        let sender = Arc::new(sender);
        under_way.insert(key, sender.clone());
        let entry = Entry { key, sender, under_way: self.under_way.clone() };
        let refused = self.refused.clone();
        Ok((Ticket(receiver), Some(Box::new(Flight { entry, token, refused, work }))))
    }
}

impl Ticket {
    /// The outcome of the check.
    pub(super) async fn outcome(mut self) -> Outcome {
        let outcome = self.0.wait_for(Option::is_some).await;
        outcome.ok().and_then(|outcome| *outcome).unwrap_or(Err(NO_ANSWER))
    }
}

fn lock(under_way: &UnderWay) -> MutexGuard<'_, HashMap<[u8; 32], Sender>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A check on its way through the pool. Only one that ends with a refusal costs its token and is
/// remembered; dropped undone, it leaves nothing.
struct Flight<W> {
    entry: Entry,
    token: Token,
    refused: Refused,
    work: W,
}

/// Its place in the map, left when it is dropped, however it ended.
struct Entry {
    key: [u8; 32],
    sender: Sender,
    under_way: Arc<UnderWay>,
}

impl Entry {
    /// The entry under the key may be another check's by now.
    fn leave(&self, under_way: &mut HashMap<[u8; 32], Sender>) {
        if under_way.get(&self.key).is_some_and(|sender| Arc::ptr_eq(sender, &self.sender)) {
            under_way.remove(&self.key);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.leave(&mut lock(&self.under_way));
    }
}

impl<W: FnOnce() -> bool + Send> Job for Flight<W> {
    fn is_wanted(&self) -> bool {
        let mut under_way = lock(&self.entry.under_way);
        let wanted = self.entry.sender.receiver_count() > 0;
        if !wanted {
            // Under the same lock, so that nobody joins what is about to be dropped.
            self.entry.leave(&mut under_way);
        }
        wanted
    }

    fn run(self: Box<Self>) {
        let Self { entry, mut token, refused, work } = *self;
        let right = work();
        if !right {
            token.spend();
            refused.remember(entry.key);
        }
        entry.sender.send_replace(Some(Ok(right)));
    }

    fn refuse(self: Box<Self>, error: CredentialError) {
        self.entry.sender.send_replace(Some(Err(error)));
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use futures_util::FutureExt;

    use super::*;
    use crate::clock::ManualClock;
    use crate::credential::throttle::{FailedLogins, Throttle};

    const KEY: [u8; 32] = [1; 32];

    /// Of a check that is not made.
    type Work = fn() -> bool;

    fn flights() -> Flights {
        Flights::new(Refused::new(Arc::new(ManualClock::at(0))))
    }

    fn join(
        flights: &Flights,
        key: [u8; 32],
        work: impl FnOnce() -> bool + Send + 'static,
    ) -> (Ticket, Option<Box<dyn Job>>) {
        let clock = Arc::new(ManualClock::at(0));
        let throttle = Throttle::new(FailedLogins::default(), clock);
        flights.join(key, || Ok((throttle.reserve(key)?, work))).unwrap()
    }

    fn ended(ticket: Ticket) -> Option<Outcome> {
        ticket.outcome().now_or_never()
    }

    #[test]
    fn all_who_join_have_the_outcome_and_who_comes_later_starts_anew() {
        let flights = flights();
        let (one, job) = join(&flights, KEY, || true);
        let (two, none) = join(&flights, KEY, || false);
        let (other, other_job) = join(&flights, [2; 32], || false);
        assert!(none.is_none());
        job.unwrap().run();
        other_job.unwrap().run();
        assert_eq!((ended(one), ended(two)), (Some(Ok(true)), Some(Ok(true))));
        assert_eq!(ended(other), Some(Ok(false)));
        assert!(join(&flights, KEY, || true).1.is_some());
    }

    #[test]
    fn who_comes_after_a_refusal_has_it_and_makes_no_other_guess() {
        let flights = flights();
        let (_first, job) = join(&flights, KEY, || false);
        job.unwrap().run();
        let (second, job) = flights.join::<Work>(KEY, || panic!("nobody asks for it")).unwrap();
        assert!(job.is_none());
        assert_eq!(ended(second), Some(Ok(false)));
        assert!(lock(&flights.under_way).is_empty());
    }

    #[test]
    fn a_check_given_up_can_neither_be_joined_nor_end_the_next_one() {
        let flights = flights();
        let (gone, first) = join(&flights, KEY, || true);
        let first = first.unwrap();
        assert!(first.is_wanted());
        drop(gone);
        assert!(!first.is_wanted());
        let (_waiting, second) = join(&flights, KEY, || true);
        assert!(second.is_some());
        drop(first);
        assert!(join(&flights, KEY, || true).1.is_none(), "the second is still under way");
    }

    #[test]
    fn a_refusal_or_a_panic_is_told_to_all_and_leaves_nothing_behind() {
        let flights = flights();
        let (one, job) = join(&flights, KEY, || true);
        let two = join(&flights, KEY, || true).0;
        job.unwrap().refuse(CredentialError::Busy);
        let busy = Some(Err(CredentialError::Busy));
        assert_eq!((ended(one), ended(two)), (busy, busy));

        let (ticket, job) = join(&flights, KEY, || panic!("a panic that a test wants"));
        let job = job.unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| job.run())).is_err());
        assert_eq!(ended(ticket), Some(Err(NO_ANSWER)));
        assert!(lock(&flights.under_way).is_empty());
    }

    #[test]
    fn who_joins_pays_nothing_and_who_may_not_begin_leaves_nothing_behind() {
        let flights = flights();
        let refused = flights.join::<Work>(KEY, || Err(CredentialError::Throttled));
        assert!(matches!(refused, Err(CredentialError::Throttled)));
        assert!(lock(&flights.under_way).is_empty());
        let (_waiting, job) = join(&flights, KEY, || true);
        assert!(job.is_some());
        let joined = flights.join::<Work>(KEY, || panic!("nobody asks for it"));
        assert!(joined.is_ok_and(|(_, job)| job.is_none()));
    }
}
