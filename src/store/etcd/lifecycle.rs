//! How the store is started, brought up again after a failure, and brought to rest.

use std::time::{Duration, Instant};

use super::client::Unanswered;
use super::following::Following;
use super::transaction::{self, Answer};
use super::{EtcdStore, HEARING, StoreError};

impl EtcdStore {
    /// Starts our own runtime, unless it runs already.
    pub(super) fn start(&mut self) -> Result<(), StoreError> {
        if self.runtime.is_none() {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("etcd")
                .enable_all()
                .build()
                .map_err(|source| StoreError::Io {
                    action: "start the thread of",
                    path: self.name.clone().into(),
                    source,
                })?;
            self.runtime = Some(runtime);
        }
        Ok(())
    }

    /// Looks whether the cluster answers again and, after a failed change, takes one; and sees to it
    /// that what is known is not older than that.
    pub(super) fn try_again(&mut self, following: &mut Following) -> Result<(), StoreError> {
        let answer = self.look(Some(following))?;
        let mut newest = transaction::fence_in(&answer);
        if self.has_failed && !following.is_lost() {
            let stamp = self.stamp();
            let request = transaction::bump(&self.layout, following.timeline.fence, &stamp);
            match self.transact(following, request) {
                // Also when somebody else was first: the cluster has looked at it.
                Ok(Answer::Done(revision) | Answer::Overtaken { fence: revision, .. }) => {
                    newest = newest.max(revision);
                }
                Err(
                    Unanswered::Never(error)
                    | Unanswered::Doubtful(error)
                    | Unanswered::NoRoom(error),
                ) => return Err(error),
            }
        }
        following.must_come_to(newest, self.options.request_timeout);
        following.found_contact();
        Ok(())
    }

    /// Ends the tasks and the connection.
    pub(super) fn let_go(&mut self) {
        self.following = None;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Carries a large change of our own to its end. What cannot be done others will do.
    pub(super) fn finish_our_own(&mut self) -> Result<(), StoreError> {
        let mut told = Instant::now();
        let mut until = told + self.options.request_timeout;
        while !self.journals.is_empty() {
            let mut following = match self.following.take() {
                Some(following) if !following.is_lost() => following,
                _ => self.read_everything(&mut |_, _| ())?.0,
            };
            following.drain();
            let before = self.left_of_ours(&following);
            let Some(left) = before else {
                self.following = Some(following);
                break;
            };
            if Instant::now() > until || self.has_failed {
                return Err(StoreError::Unfinished { store: self.name.clone(), left });
            }
            if told.elapsed() > Duration::from_secs(1) {
                told = Instant::now();
                tracing::info!(left, "a large change is being finished");
            }
            self.finish(&mut following);
            if self.left_of_ours(&following) == before {
                following.wait_once(HEARING);
            } else {
                until = Instant::now() + self.options.request_timeout;
            }
            self.following = Some(following);
        }
        Ok(())
    }

    /// How many writes of a change of our own are left to be made, if there is one.
    fn left_of_ours(&self, following: &Following) -> Option<usize> {
        let pending = following.timeline.pending.as_ref();
        let ours = pending.filter(|pending| self.journals.contains(&pending.id));
        ours.map(|pending| pending.left.len())
    }
}
