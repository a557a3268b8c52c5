//! The network between a replica and etcd fails, or the replica itself stands still. A state that
//! is too old answers nothing, and no revoke that was made meanwhile is missed afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::client::*;
use super::history::Outcome;
use crate::support::Grpc;
use crate::support::etcd::{Cluster, Mode, Relay, Replica};

/// A replica behind a relay, one beside it, their roots, and ann, who may list at the first.
struct Pair {
    relay: Relay,
    far: Replica,
    far_root: Grpc,
    near_root: Grpc,
    ann: Grpc,
    cluster: Cluster,
    _near: Replica,
}

impl Pair {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let cluster = Cluster::start(1);
        let relay = Relay::to(&cluster.endpoint(0));
        let far = Replica::start(&store_at(&relay.endpoint()), settings).unwrap();
        let near = replica(&cluster.store());
        let (far_root, near_root) = (root_of(&far).await, root_of(&near).await);
        lister(&near_root, ("ann", "reader")).await;
        let ann = far.grpc(("ann", GOOD)).await;
        until("ann may list", || async { ask(&ann).await == Answer::Allowed }).await;
        Self { relay, far, far_root, near_root, ann, cluster, _near: near }
    }

    async fn revoke(&self) -> Instant {
        succeeded(may_list(&self.near_root, "reader", 1).await);
        Instant::now()
    }

    async fn grant(&self) {
        succeeded(may_list(&self.near_root, "reader", 0).await);
        until("ann may list", || async { ask(&self.ann).await == Answer::Allowed }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn what_was_compacted_behind_a_replica_is_read_afresh_with_the_revoke_in_it() {
    let pair = Pair::start(&[("rbac.maxStaleness", "20s"), ("etcd.requestTimeout", "2000")]).await;
    pair.relay.set(Mode::Cut);
    pair.revoke().await;
    succeeded(pair.near_root.create_role("meanwhile").await);
    pair.cluster.compact();
    assert_eq!(ask(&pair.ann).await, Answer::Allowed, "within the bound");
    pair.relay.set(Mode::Pass);
    let passed = Instant::now();
    until("the revoke is seen", || async { ask(&pair.ann).await == Answer::Denied }).await;
    println!("compacted behind a replica: seen after {:?}", passed.elapsed());
    assert!(pair.far_root.list_roles().await.unwrap().contains(&"meanwhile".to_owned()));
    let log = pair.far.log();
    assert_eq!(count(&pair.far, "have been compacted"), 1, "{log}");
    assert_eq!(count(&pair.far, "the whole state is read again"), 1, "{log}");
    recovered(&pair.far_root).await;
    succeeded(pair.far_root.create_role("after").await);
    pair.grant().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_replica_that_stood_still_for_too_long_refuses_the_request_that_waited_for_it() {
    let pair = Pair::start(&QUICK).await;
    let mut first = Vec::new();
    for round in 0..4 {
        // An answer of etcd that takes its time, so that nothing is young when the first request
        // is looked at; and once as quick as it can be.
        let is_slow = round % 2 == 0;
        if is_slow {
            pair.relay.set(Mode::Delay(Duration::from_millis(100)));
        }
        pair.far.pause();
        pair.revoke().await;
        let waiting = tokio::spawn({
            let ann = pair.ann.clone();
            async move { ask(&ann).await }
        });
        tokio::time::sleep(MOST + Duration::from_millis(200)).await;
        assert!(!waiting.is_finished());
        pair.far.resume();
        let resumed = Instant::now();
        let answer = waiting.await.unwrap();
        first.push(answer);
        assert!(answer == Answer::Stale || !is_slow && answer == Answer::Denied, "{answer:?}");
        loop {
            match ask(&pair.ann).await {
                Answer::Stale => tokio::time::sleep(Duration::from_millis(2)).await,
                Answer::Denied => break,
                answer => panic!("{answer:?}: {}", pair.far.log()),
            }
        }
        println!("resumed: first {answer:?}, caught up after {:?}", resumed.elapsed());
        pair.relay.set(Mode::Pass);
        recovered(&pair.far_root).await;
        pair.grant().await;
    }
    assert!(first.contains(&Answer::Stale));
    assert!(count(&pair.far, TOO_OLD) <= 4, "{}", pair.far.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_slow_network_costs_time_and_a_partition_refuses_until_it_is_over() {
    let most = Duration::from_secs(3);
    let pair = Pair::start(&[("rbac.maxStaleness", "3s"), ("etcd.requestTimeout", "5000")]).await;
    pair.relay.set(Mode::Delay(Duration::from_millis(200)));
    let mut times = (Vec::new(), Vec::new());
    for round in 0..5 {
        let begun = Instant::now();
        succeeded(pair.far_root.create_role(&format!("slow_{round}")).await);
        times.0.push(begun.elapsed());
        let revoked = pair.revoke().await;
        until("the revoke is seen", || async {
            let answer = ask(&pair.ann).await;
            assert_ne!(answer, Answer::Stale, "{}", pair.far.log());
            answer == Answer::Denied
        })
        .await;
        times.1.push(revoked.elapsed());
        pair.grant().await;
    }
    print("200 ms each way: a change", times.0);
    assert!(print("200 ms each way: a revoke is seen", times.1) < most);
    assert_eq!(count(&pair.far, TOO_OLD), 0, "{}", pair.far.log());

    pair.relay.set(Mode::Stall);
    let begun = Instant::now();
    let writing = tokio::spawn({
        let root = pair.far_root.clone();
        async move { outcome_of(&root.create_role("in_doubt").await) }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    pair.revoke().await;
    until("too old", || async {
        let answer = ask(&pair.ann).await;
        assert!(answer != Answer::Denied);
        answer == Answer::Stale
    })
    .await;
    println!("partition: stale after {:?}", begun.elapsed());
    assert!(begun.elapsed() < most + Duration::from_millis(300));
    until("health says so", || async { !is_serving(pair.far.address()).await }).await;
    let outcome = writing.await.unwrap();
    assert!(matches!(outcome, Outcome::Nothing | Outcome::Unknown), "{outcome:?}");
    pair.relay.set(Mode::Pass);
    let passed = Instant::now();
    loop {
        match ask(&pair.ann).await {
            Answer::Stale => tokio::time::sleep(Duration::from_millis(5)).await,
            Answer::Denied => break,
            answer => panic!("{answer:?}: {}", pair.far.log()),
        }
    }
    println!("partition over: answers after {:?}", passed.elapsed());
    recovered(&pair.far_root).await;
    println!("  changes after {:?}; it was told {outcome:?}", passed.elapsed());
    let is_there = pair.far_root.list_roles().await.unwrap().contains(&"in_doubt".to_owned());
    assert!(!is_there || outcome == Outcome::Unknown);
    assert_eq!((count(&pair.far, TOO_OLD), count(&pair.far, CONFIRMED)), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_replica_far_away_gets_its_changes_in_beside_one_that_never_stops() {
    let pair = Pair::start(&QUICK).await;
    pair.relay.set(Mode::Delay(Duration::from_millis(20)));
    let stop = Arc::new(AtomicBool::new(false));
    let mut writing = Vec::new();
    for writer in 0..2 {
        let (root, stop) = (pair.near_root.clone(), Arc::clone(&stop));
        writing.push(tokio::spawn(async move {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                succeeded(root.create_role(&format!("near_{writer}_{number}")).await);
                number += 1;
            }
            number
        }));
    }
    let begun = Instant::now();
    let mut times = Vec::new();
    for number in 0..10 {
        let begun = Instant::now();
        succeeded(pair.far_root.create_role(&format!("far_{number}")).await);
        times.push(begun.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    let took = begun.elapsed();
    for writing in writing {
        println!("changes near by in {took:?}: {}", writing.await.unwrap());
    }
    assert!(print("a change 20 ms away beside others", times) < Duration::from_secs(5));
}
