//! The store of a fleet: etcd, with the keys and values that Milvus itself keeps there.
//!
//! Any number of replicas read and write the same records, and a Milvus may, too. Each replica
//! holds the state at one revision of etcd and follows what happens after it (`follow.rs`,
//! `following.rs`, `timeline.rs`). Each change is one transaction that compares what it rests on
//! (`commit.rs`, `transaction.rs`); one that is too large for that goes through a journal
//! (`journal.rs`, `tidy.rs`). Where the keys stand says `layout.rs`; how the cluster is reached,
//! `client.rs`, `link.rs` and `connect.rs`.
//!
//! # What is compared
//! Every change of ours bumps one key, the fence, and compares it with what it knew: so of two
//! replicas that change anything at the same moment one begins again, on the newer state; one that
//! has lost too often asks the others to let it go first. A Milvus that writes along does not know
//! the fence, so the keys themselves are compared, too, and the user and the role that a membership
//! rests on. Of a change that needs the journal they are not compared at the moment at which it is
//! made, only when each write is: there a Milvus's write to the very same key, at the very same
//! moment, may be lost. And that nothing has to be changed is said without asking what a Milvus may
//! have written a moment ago, only what replicas have.
//!
//! # When an answer is lost
//! The fence is bumped once more. Either that happens, and the lost transaction never will, because
//! it compares what the fence was before; or the fence says who was first.
//!
//! # How a state is known to be young
//! A majority is asked every third of the time that a state may be old, and names the newest
//! revision. Once the watch has come there, nothing older than the question is missing. The revision
//! moves with everybody's keys, so where only foreign ones have moved it a key of our own is written,
//! and seen. etcd's own notifications of progress would do, were they not wrong before 3.4.25 and
//! 3.5.8.
//!
//! # Threads
//! Everything here runs on the writer's thread but for the connection and the two tasks of
//! `follow.rs`; these have a thread of their own, so that a store needs nobody's runtime.

mod client;
mod commit;
mod connect;
mod follow;
mod following;
mod guards;
mod journal;
mod layout;
mod lifecycle;
mod link;
mod options;
mod pending;
mod refusal;
mod scan;
mod tidy;
mod timeline;
mod transaction;

pub use options::{DEFAULT_ROOT, EtcdIdentity, EtcdLogin, EtcdOptions, EtcdTls};

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Runtime;

use self::client::Client;
use self::commit::Uploaded;
use self::following::Following;
use self::layout::{FENCE, Layout};
use super::{Commit, Loading, News, Scanned, Store, StoreError, Wake, Writes, scan_records};
use crate::model::Revision;
use crate::proto::etcdserverpb::{RangeRequest, RangeResponse};

/// How long something is waited for between two times of hearing what there is to be heard.
const HEARING: Duration = Duration::from_millis(50);

/// How often everything is read again because it was compacted while it was being read.
const READINGS: u32 = 3;

/// A store in an etcd cluster, shared by replicas.
pub struct EtcdStore {
    options: EtcdOptions,
    name: String,
    layout: Layout,
    client: Client,
    /// `None` once it is closed.
    runtime: Option<Runtime>,
    /// `None` before the first reading, and once it is closed. It goes on also while changes fail.
    following: Option<Following>,
    /// Whether a change has failed since it was opened.
    has_failed: bool,
    wake: Arc<OnceLock<Wake>>,
    /// What the stamps of this process begin with.
    me: String,
    sequence: u64,
    /// Large changes that this process sees to their end: its own, and those it had to wait for.
    journals: BTreeSet<String>,
    uploaded: Option<Uploaded>,
    /// How much longer than others this one waits before it finishes somebody else's change.
    patience: Duration,
    lost_races: u32,
}

impl fmt::Debug for EtcdStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdStore").field("store", &self.name).finish_non_exhaustive()
    }
}

impl Drop for EtcdStore {
    // A runtime that is merely dropped may not be in an async context.
    fn drop(&mut self) {
        self.let_go();
    }
}

impl EtcdStore {
    /// Connects and asks whether a majority answers. Nothing is written. Blocks for up to
    /// [`EtcdOptions::request_timeout`].
    ///
    /// # Errors
    /// The cluster cannot be reached, has no leader, or refuses us.
    pub fn open(options: EtcdOptions) -> Result<Self, StoreError> {
        let name = format!("etcd://{}/{}", options.endpoints.join(","), options.root);
        let me = new_name()?;
        let seed = RandomState::new().hash_one(&name);
        let mut store = Self {
            layout: Layout::new(&options.root),
            client: Client::new(options.clone(), &name),
            options,
            name,
            runtime: None,
            following: None,
            has_failed: false,
            wake: Arc::default(),
            me,
            sequence: 0,
            journals: BTreeSet::new(),
            uploaded: None,
            patience: Duration::from_millis(seed % 1000),
            lost_races: 0,
        };
        store.start()?;
        store.look(None)?;
        Ok(store)
    }

    /// Asks a majority for the fence, to see that it answers.
    fn look(&self, following: Option<&mut Following>) -> Result<RangeResponse, StoreError> {
        let request =
            RangeRequest { key: self.layout.key(FENCE), limit: 1, ..RangeRequest::default() };
        let (client, within) = (self.client.clone(), self.options.request_timeout);
        let looking = async move {
            let patience = client.try_timeout();
            client.range(request, patience, within).await
        };
        let answer = match following {
            Some(following) => self.wait_and_hear(following, looking),
            None => self.wait(looking),
        };
        answer.unwrap_or(Err(StoreError::NotOpen))
    }

    /// Waits for something that runs on our own runtime. Other than blocking on the runtime, this
    /// may be done anywhere. `None` if it has ended.
    fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.spawn(future)?.recv().ok()
    }

    /// The same, and hears what the cluster has to say meanwhile.
    fn wait_and_hear<T: Send + 'static>(
        &self,
        following: &mut Following,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let outcome = self.spawn(future)?;
        loop {
            match outcome.recv_timeout(HEARING) {
                Err(RecvTimeoutError::Timeout) => following.drain(),
                outcome => return outcome.ok(),
            }
        }
    }

    fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<Receiver<T>> {
        let (done, outcome) = mpsc::sync_channel(1);
        self.runtime.as_ref()?.spawn(async move {
            let _ = done.send(future.await);
        });
        Some(outcome)
    }

    /// What the next transaction calls itself.
    fn stamp(&mut self) -> Vec<u8> {
        self.sequence += 1;
        format!("{}/{}", self.me, self.sequence).into_bytes()
    }

    /// The id of a new journal.
    fn journal_id(&mut self) -> String {
        self.sequence += 1;
        format!("{}-{}", self.me, self.sequence)
    }

    /// A number to spread pauses with; nothing secret depends on it.
    fn random(&self) -> u64 {
        RandomState::new().hash_one(self.sequence)
    }
}

/// A name that no other process has.
fn new_name() -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Io {
        action: "get random bytes for",
        path: "a new name".into(),
        source: std::io::Error::other(error),
    })?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

impl Store for EtcdStore {
    fn describe(&self) -> String {
        self.name.clone()
    }

    fn scan(&mut self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<Scanned, StoreError> {
        if self.has_failed {
            return Err(StoreError::NotOpen);
        }
        self.following = None;
        let (following, scanned) = self.read_everything(visit)?;
        self.following = Some(following);
        Ok(scanned)
    }

    fn load_each(&mut self, take: &mut dyn FnMut(Loading)) -> Result<Scanned, StoreError> {
        for _ in 1..READINGS {
            match scan_records(self, take) {
                Err(StoreError::NewsLost { .. }) => take(Loading::Anew),
                scanned => return scanned,
            }
        }
        scan_records(self, take)
    }

    fn write(&mut self, base: Revision, writes: Writes) -> Commit {
        self.write_at(base, writes)
    }

    fn confirm(&mut self, base: Revision) -> Commit {
        if self.has_failed {
            return Commit::Refused(StoreError::NotOpen);
        }
        let Some(mut following) = self.following.take() else {
            return Commit::Refused(StoreError::NotOpen);
        };
        // Of before the look: while its answer is waited for, later ones may be heard.
        let known = following.timeline.fence;
        let looked = if following.is_in_contact() {
            self.look(Some(&mut following))
        } else {
            Err(self.client.unreachable("it does not answer"))
        };
        let following = self.following.insert(following);
        let fence = match looked {
            Ok(answer) => transaction::fence_in(&answer),
            Err(error) => {
                self.has_failed = true;
                return Commit::Refused(error);
            }
        };
        following.must_come_to(fence, self.options.request_timeout);
        if fence < known {
            following.lose("the cluster has forgotten what has been written");
        }
        if following.is_at(base) { Commit::Committed(base) } else { Commit::Conflict }
    }

    fn follow(&mut self, wake: Wake) {
        let _ = self.wake.set(wake.clone());
        // For what was heard before anybody was there to be told.
        wake.wake();
    }

    fn news(&mut self) -> Result<Option<News>, StoreError> {
        let Some(mut following) = self.following.take() else {
            return Err(self.client.news_lost(0, "nothing has been read yet".to_owned()));
        };
        // What others have changed is not to wait for what we have to do.
        let has_more = if following.has_told_all() {
            self.tidy(&mut following)
        } else {
            following.timeline.pending.is_some()
        };
        let news = following.news();
        let revision = following.timeline.revision;
        self.following = Some(following);
        let news = news.map_err(|detail| self.client.news_lost(revision, detail))?;
        if has_more && let Some(wake) = self.wake.get() {
            wake.wake();
        }
        Ok(news)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn most_writes(&self) -> usize {
        transaction::MOST_SURELY
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        self.start()?;
        let client = self.client.clone();
        self.wait(async move { client.reset().await }).ok_or(StoreError::NotOpen)?;
        match self.following.take() {
            None => drop(self.look(None)?),
            Some(mut following) => {
                let tried = self.try_again(&mut following);
                self.following = Some(following);
                tried?;
            }
        }
        self.has_failed = false;
        Ok(())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        if let Some(mut following) = self.following.take() {
            self.forget_upload(&mut following);
            self.following = Some(following);
        }
        let finished = self.finish_our_own();
        self.let_go();
        finished
    }
}
