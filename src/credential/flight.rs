//! Password checks that are under way, so that simultaneous logins with the same user, hash and
//! password share one bcrypt.
//!
//! Nobody leads: the check belongs to the pool, and everybody who asked waits for it alike, so
//! whoever goes away leaves nobody hanging. What makes two logins the same is the key, which the
//! verifier makes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::CredentialError;
use super::pool::{Job, NO_ANSWER};

/// How a check ended: whether the password is right, or why that is not known.
type Outcome = Result<bool, CredentialError>;
type Sender = Arc<watch::Sender<Option<Outcome>>>;
type UnderWay = Mutex<HashMap<[u8; 32], Sender>>;

/// The checks under way.
#[derive(Default)]
pub(super) struct Flights(Arc<UnderWay>);

/// The wait for a check.
pub(super) struct Ticket(watch::Receiver<Option<Outcome>>);

impl Flights {
    /// Joins the check under this key, or makes it; then it has to be submitted.
    pub(super) fn join<W>(&self, key: [u8; 32], work: W) -> (Ticket, Option<Box<dyn Job>>)
    where
        W: FnOnce() -> bool + Send + 'static,
    {
        let mut under_way = lock(&self.0);
        if let Some(sender) = under_way.get(&key) {
            return (Ticket(sender.subscribe()), None);
        }
        let (sender, receiver) = watch::channel(None);
        let sender = Arc::new(sender);
        under_way.insert(key, sender.clone());
        let entry = Entry { key, sender, under_way: self.0.clone() };
        (Ticket(receiver), Some(Box::new(Flight { entry, work })))
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

/// A check on its way through the pool.
struct Flight<W> {
    entry: Entry,
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
        let Self { entry, work } = *self;
        entry.sender.send_replace(Some(Ok(work())));
    }

    fn refuse(self: Box<Self>, error: CredentialError) {
        self.entry.sender.send_replace(Some(Err(error)));
    }
}
