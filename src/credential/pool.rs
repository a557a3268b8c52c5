//! Threads of our own for bcrypt, with a bounded queue that peers share fairly.
//!
//! Peers take turns, and when the queue is full the peer that has most waiting gives way: one
//! address that floods us delays and crowds out itself. What the jobs do is not known here.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use super::{CredentialError, share_of};

/// Why there is no answer although nobody refused: the job panicked, or the pool is gone.
pub(super) const NO_ANSWER: CredentialError =
    CredentialError::Failed { what: "a password check ended without an answer" };

/// Something to be done on a thread of the pool. Dropping one unfinished tells its waiters.
pub(super) trait Job: Send {
    /// Whether somebody still waits. Once this has said no, the job is dropped.
    fn is_wanted(&self) -> bool;
    /// Does it and answers.
    fn run(self: Box<Self>);
    /// Answers that it will not be done.
    fn refuse(self: Box<Self>, error: CredentialError);
}

/// The threads and their queue. Dropping it drops what waits and lets the threads end after what
/// they are at.
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
    /// Jobs that were run, for tests and metrics.
    runs: AtomicU64,
}

/// INVARIANT: `turns` holds each key of `waiting` once, no list in `waiting` is empty, and `len`
/// is the sum of their lengths.
struct Queue {
    waiting: HashMap<IpAddr, VecDeque<Box<dyn Job>>>,
    turns: VecDeque<IpAddr>,
    len: usize,
    limit: usize,
    closed: bool,
}

impl Pool {
    /// Starts this many threads, with room for `limit` waiting jobs beyond those being done.
    ///
    /// # Errors
    /// If the system refuses a thread; those already started end.
    pub(super) fn start(threads: usize, limit: usize) -> std::io::Result<Self> {
        let queue =
            Queue { waiting: HashMap::new(), turns: VecDeque::new(), len: 0, limit, closed: false };
        let shared =
            Shared { queue: Mutex::new(queue), ready: Condvar::new(), runs: AtomicU64::new(0) };
        let pool = Self(Arc::new(shared));
        for number in 0..threads {
            let shared = pool.0.clone();
            thread::Builder::new().name(format!("bcrypt-{number}")).spawn(move || {
                give_way();
                shared.work();
            })?;
        }
        Ok(pool)
    }

    /// Queues a job of a peer; it is answered in every case, at once if there is no room.
    pub(super) fn submit(&self, peer: IpAddr, job: Box<dyn Job>) {
        let refused = self.0.lock().push(share_of(peer), job);
        self.0.ready.notify_one();
        // Outside of the lock: answering wakes tasks.
        if let Some(job) = refused {
            job.refuse(CredentialError::Busy);
        }
    }

    /// Queues work at once; the future has its answer. Dropping the future calls the work off,
    /// unless it has begun.
    pub(super) fn run<T, W>(
        &self,
        peer: IpAddr,
        work: W,
    ) -> impl Future<Output = Result<T, CredentialError>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let (answer, receiver) = oneshot::channel();
        self.submit(peer, Box::new(Call { work, answer }));
        async move { receiver.await.unwrap_or(Err(NO_ANSWER)) }
    }

    /// How many jobs have been run.
    pub(super) fn runs(&self) -> u64 {
        self.0.runs.load(Ordering::Relaxed)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.closed = true;
        let waiting = std::mem::take(&mut queue.waiting);
        queue.turns.clear();
        queue.len = 0;
        drop(queue);
        drop(waiting);
        self.0.ready.notify_all();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool(..)")
    }
}

impl Shared {
    /// Nothing under this lock can panic half-way, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            // Waiters of a job that panics learn it because it is dropped. The panic has been
            // reported by the panic hook; the thread lives on.
            let _ = catch_unwind(AssertUnwindSafe(|| {
                if job.is_wanted() {
                    self.runs.fetch_add(1, Ordering::Relaxed);
                    job.run();
                }
            }));
        }
    }

    /// Waits for the next job; `None` once the pool is gone.
    fn next(&self) -> Option<Box<dyn Job>> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(job) = queue.pop() {
                return Some(job);
            }
            queue = self.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Queue {
    /// Adds a job and gives back the one that has to go, if any.
    fn push(&mut self, peer: IpAddr, job: Box<dyn Job>) -> Option<Box<dyn Job>> {
        let mut refused = None;
        if self.len >= self.limit {
            self.sweep();
        }
        if self.len >= self.limit {
            let own = self.waiting.get(&peer).map_or(0, VecDeque::len);
            let longest = self.waiting.iter().max_by_key(|(_, jobs)| jobs.len());
            // A peer takes a place only from one that would still not have less than itself.
            let Some(longest) = longest.filter(|(_, jobs)| jobs.len() > own + 1) else {
                return Some(job);
            };
            let longest = *longest.0;
            refused = self.waiting.get_mut(&longest).and_then(VecDeque::pop_back);
            self.len -= usize::from(refused.is_some());
        }
        let jobs = self.waiting.entry(peer).or_default();
        if jobs.is_empty() {
            self.turns.push_back(peer);
        }
        jobs.push_back(job);
        self.len += 1;
        refused
    }

    /// Takes the first job of the peer whose turn it is; that peer's next turn comes last.
    fn pop(&mut self) -> Option<Box<dyn Job>> {
        let peer = self.turns.pop_front()?;
        let jobs = self.waiting.get_mut(&peer)?;
        let job = jobs.pop_front();
        self.len -= usize::from(job.is_some());
        if jobs.is_empty() {
            self.waiting.remove(&peer);
        } else {
            self.turns.push_back(peer);
        }
        job
    }

    /// Drops what nobody waits for any more.
    fn sweep(&mut self) {
        self.waiting.retain(|_, jobs| {
            jobs.retain(|job| job.is_wanted());
            !jobs.is_empty()
        });
        self.turns.retain(|peer| self.waiting.contains_key(peer));
        self.len = self.waiting.values().map(VecDeque::len).sum();
    }
}

/// How nice the threads are: with every processor busy, one gets a tenth of what another thread
/// gets. A check lasts so long that nobody notices a delay, whereas remembered callers would wait
/// for it a hundred times longer than for their own answers.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Lets all other threads go first.
#[cfg(target_os = "linux")]
fn give_way() {
    // On Linux each thread has a priority of its own. Without it all works, with more waiting.
    let own = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(own), NICE) {
        tracing::debug!(%error, "cannot lower the priority of a thread of bcrypt");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

/// Work with one waiter.
struct Call<T, W> {
    work: W,
    answer: oneshot::Sender<Result<T, CredentialError>>,
}

impl<T, W> Job for Call<T, W>
where
    T: Send,
    W: FnOnce() -> T + Send,
{
    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn run(self: Box<Self>) {
        // Whoever asked may have gone meanwhile.
        let _ = self.answer.send(Ok((self.work)()));
    }

    fn refuse(self: Box<Self>, error: CredentialError) {
        let _ = self.answer.send(Err(error));
    }
}

#[cfg(test)]
mod tests;
