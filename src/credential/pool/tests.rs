//! The pool with one thread, held up by a gate so that the queue stands still.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::*;

const FLOOD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

/// Holds the only thread until it is dropped.
struct Gate {
    _open: mpsc::Sender<()>,
}

fn hold(pool: &Pool) -> Gate {
    let (open, shut) = mpsc::channel::<()>();
    let (began, beginning) = mpsc::channel();
    pool.run_forgotten(move || {
        began.send(()).unwrap();
        // Ends when the other side is dropped.
        let _ = shut.recv();
    });
    beginning.recv().unwrap();
    Gate { _open: open }
}

impl Pool {
    /// Runs work although nobody waits for it.
    fn run_forgotten(&self, work: impl FnOnce() + Send + 'static) {
        struct Forgotten<W>(W);
        impl<W: FnOnce() + Send> Job for Forgotten<W> {
            fn is_wanted(&self) -> bool {
                true
            }
            fn run(self: Box<Self>) {
                (self.0)();
            }
            fn refuse(self: Box<Self>, error: CredentialError) {
                panic!("{error:?}");
            }
        }
        self.submit(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), Box::new(Forgotten(work)));
    }
}

#[tokio::test]
async fn a_peer_that_floods_keeps_nobody_else_waiting() {
    let pool = Pool::start(1, 100).unwrap();
    let gate = hold(&pool);
    let (done, order) = mpsc::channel();
    let flood = (0..20).map(|number| (FLOOD, "flood", number));
    let other = (0..2).map(|number| (OTHER, "other", number));
    let mut answers = Vec::new();
    for (peer, who, number) in flood.chain(other) {
        let done = done.clone();
        answers.push(pool.run(peer, move || done.send((who, number)).unwrap()));
    }
    drop(gate);
    for answer in answers {
        answer.await.unwrap();
    }
    let order: Vec<_> = order.try_iter().collect();
    assert_eq!(order.len(), 22);
    assert_eq!(order[..4], [("flood", 0), ("other", 0), ("flood", 1), ("other", 1)]);
    assert!(order[4..].iter().map(|(_, number)| *number).eq(2..20), "in the order they came");
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let pool = Pool::start(1, 2).unwrap();
    let gate = hold(&pool);
    let one = pool.run(FLOOD, || 1);
    let two = pool.run(OTHER, || 2);
    let refused = pool.run(FLOOD, || 3);
    assert_eq!(refused.now_or_never(), Some(Err(CredentialError::Busy)));
    drop(gate);
    assert_eq!((one.await, two.await), (Ok(1), Ok(2)));
}

#[tokio::test]
async fn a_full_queue_takes_a_place_from_the_peer_that_has_most() {
    let pool = Pool::start(1, 3).unwrap();
    let gate = hold(&pool);
    let first = pool.run(FLOOD, || 1);
    let second = pool.run(FLOOD, || 2);
    let third = pool.run(FLOOD, || 3);
    let other = pool.run(OTHER, || 4);
    assert_eq!(third.now_or_never(), Some(Err(CredentialError::Busy)), "the newest gives way");
    // Two against one: another place would only turn the tables.
    let more = pool.run(OTHER, || 5);
    assert_eq!(more.now_or_never(), Some(Err(CredentialError::Busy)));
    drop(gate);
    assert_eq!((first.await, second.await, other.await), (Ok(1), Ok(2), Ok(4)));
}

#[tokio::test]
async fn work_that_nobody_waits_for_is_not_done_and_makes_room() {
    let pool = Pool::start(1, 2).unwrap();
    let gate = hold(&pool);
    drop(pool.run(FLOOD, || panic!("nobody waits for this")));
    drop(pool.run(FLOOD, || panic!("nor for this")));
    let one = pool.run(FLOOD, || 1);
    drop(pool.run(FLOOD, || panic!("nor for this")));
    drop(gate);
    assert_eq!(one.await, Ok(1));
    assert_eq!(pool.run(FLOOD, || 2).await, Ok(2));
    assert_eq!(pool.runs(), 3, "the gate and two more");
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_thread_lives_on() {
    let pool = Pool::start(1, 2).unwrap();
    let answer: Result<(), _> = pool.run(FLOOD, || panic!("a panic that a test wants")).await;
    assert_eq!(answer, Err(NO_ANSWER));
    assert_eq!(pool.run(FLOOD, || 7).await, Ok(7));
}

#[tokio::test]
async fn dropping_the_pool_answers_what_waits_and_ends_the_threads() {
    let pool = Pool::start(1, 2).unwrap();
    let gate = hold(&pool);
    let waiting = pool.run(FLOOD, || 1);
    let shared = Arc::downgrade(&pool.0);
    drop(pool);
    assert_eq!(waiting.now_or_never(), Some(Err(NO_ANSWER)));
    assert_eq!(shared.strong_count(), 1, "the thread is still at its work");
    drop(gate);
    let deadline = Instant::now() + Duration::from_secs(10);
    while shared.strong_count() > 0 {
        assert!(Instant::now() < deadline, "the thread does not end");
        thread::yield_now();
    }
}
