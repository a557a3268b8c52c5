//! Members of the cluster die or hang. What was acknowledged is there afterwards, no revoke is
//! missed, and who asks for the health of a replica is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::client::*;
use super::history::{Model, Outcome, explain};
use super::together::{found, nothing_is_half_done, outcomes, play_on};
use crate::support::etcd::Cluster;
use crate::support::{Grpc, ROOT};

/// Asks again and again until it is told to stop. Returns every answer that was not `Allowed`.
fn ask_on(client: &Grpc) -> (Arc<AtomicBool>, tokio::task::JoinHandle<Vec<Answer>>) {
    let (client, stop) = (client.clone(), Arc::new(AtomicBool::new(false)));
    let stopped = Arc::clone(&stop);
    let task = tokio::spawn(async move {
        let mut others = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            let answer = ask(&client).await;
            if answer != Answer::Allowed {
                others.push(answer);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        others
    });
    (stop, task)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_killed_member_also_the_one_in_use_costs_no_answer_and_no_change() {
    let cluster = Cluster::start(3);
    // Both begin with the first member, and with the times that they have unless told otherwise: on
    // a machine that is busy an election takes longer than the state may be old in other tests.
    let (one, two) = (replica_with(&cluster.store(), &[]), replica_with(&cluster.store(), &[]));
    let (root, other) = (root_of(&one).await, root_of(&two).await);
    lister(&root, ("ann", "reader")).await;
    let ann = one.grpc(("ann", GOOD)).await;
    until("ann may list", || async { ask(&ann).await == Answer::Allowed }).await;
    for member in [0, 1, 2] {
        let (stop, asking) = ask_on(&ann);
        cluster.kill(member);
        let begun = Instant::now();
        let name = format!("made_{member}");
        let mut tries = Vec::new();
        // Whoever writes at that moment may be told that it failed; never anything else.
        while let outcome @ (Outcome::Nothing | Outcome::Unknown | Outcome::Refused) =
            outcome_of(&root.create_role(&name).await)
        {
            tries.push(outcome);
            if outcome == Outcome::Refused {
                assert!(tries.contains(&Outcome::Unknown), "it was there: {tries:?}");
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{}", one.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        println!("member {member} killed: a change after {:?}, {tries:?}", begun.elapsed());
        let seen = until("seen by the other", || async {
            other.list_roles().await.is_ok_and(|roles| roles.contains(&name))
        });
        println!("  and seen by the other replica {:?} later", seen.await);
        stop.store(true, Ordering::Relaxed);
        assert_eq!(asking.await.unwrap(), [], "{}", one.log());
        assert!(is_serving(one.address()).await);
        recovered(&root).await;
        recovered(&other).await;
        cluster.restart(member);
    }
    assert_eq!((count(&one, TOO_OLD), count(&two, TOO_OLD)), (0, 0));
    succeeded(may_list(&other, "reader", 1).await);
    until("the revoke is seen", || async { ask(&ann).await == Answer::Denied }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_member_that_hangs_is_left_for_another_and_no_revoke_is_missed() {
    let cluster = Cluster::start(3);
    let two = replica(&store_at(&cluster.endpoint(1)));
    let other = root_of(&two).await;
    lister(&other, ("ann", "reader")).await;
    for round in 0..3 {
        // A replica begins with the first member, which may lead the others or not.
        let one = replica(&cluster.store());
        let ann = one.grpc(("ann", GOOD)).await;
        until("ann may list", || async { ask(&ann).await == Answer::Allowed }).await;
        cluster.pause(0);
        cluster.leader();
        let revoked = Instant::now();
        loop {
            match outcome_of(&may_list(&other, "reader", 1).await) {
                Outcome::Done => break,
                outcome => println!("  revoke: {outcome:?} after {:?}", revoked.elapsed()),
            }
            assert!(revoked.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let acknowledged = Instant::now();
        let mut last_allowed = None;
        let mut stale = 0;
        loop {
            let asked = Instant::now();
            match ask(&ann).await {
                Answer::Allowed => last_allowed = Some(asked),
                Answer::Stale => stale += 1,
                Answer::Denied => break,
                answer => panic!("{answer:?}"),
            }
            assert!(acknowledged.elapsed() < PATIENCE, "{}", one.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let allowed = last_allowed.map_or(Duration::ZERO, |at| at - acknowledged);
        println!(
            "hung member, round {round}: allowed for {allowed:?}, stale {stale} times, denied after {:?}",
            acknowledged.elapsed()
        );
        assert!(allowed < MOST, "{}", one.log());
        cluster.resume(0);
        cluster.wait_until_healthy();
        recovered(&other).await;
        succeeded(may_list(&other, "reader", 0).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_leader_killed_in_the_middle_of_changes_loses_none_and_makes_none_up() {
    let cluster = Arc::new(Cluster::start(3));
    let (one, two) = (server(&cluster).await, server(&cluster).await);
    let killing = {
        let cluster = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || {
            for _ in 0..2 {
                std::thread::sleep(Duration::from_millis(400));
                let leader = cluster.leader();
                cluster.kill(leader);
                std::thread::sleep(Duration::from_millis(1500));
                cluster.restart(leader);
            }
        })
    };
    let mut last = Model::default();
    let mut total = [0; 4];
    let mut round = 0;
    let seed = seed();
    // As long as members are being killed, and once more.
    loop {
        let is_over = killing.is_finished();
        let clients = play_on(&[&one, &two], seed + round, 60).await;
        for root in [one.grpc(ROOT).await, two.grpc(ROOT).await] {
            recovered(&root).await;
        }
        agree(&[&one, &two]).await;
        let now = found(&one);
        let [done, refused, nothing, unknown] = outcomes(&clients);
        println!(
            "round {round}: done {done}, refused {refused}, nothing {nothing}, unknown {unknown}"
        );
        total[0] += done;
        total[2] += nothing;
        total[3] += unknown;
        explain(&clients, &last, &now).unwrap();
        nothing_is_half_done(&now);
        last = now;
        round += 1;
        if is_over {
            break;
        }
    }
    killing.await.unwrap();
    assert!(total[0] > 50, "{total:?}");
    let fresh = server(&cluster).await;
    assert_eq!(records(&fresh), records(&one));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn without_a_majority_checks_go_on_until_the_state_is_too_old_and_then_nothing_does() {
    let cluster = Cluster::start(3);
    let one = replica(&store_at(&cluster.endpoint(2)));
    let root = root_of(&one).await;
    lister(&root, ("ann", "reader")).await;
    let ann = one.grpc(("ann", GOOD)).await;
    assert_eq!(ask(&ann).await, Answer::Allowed);
    recovered(&root).await;
    for member in [0, 1] {
        cluster.pause(member);
    }
    let paused = Instant::now();
    let writing = tokio::spawn({
        let root = root.clone();
        async move { outcome_of(&root.create_role("never").await) }
    });
    let mut warned = false;
    while ask(&ann).await == Answer::Allowed {
        // Asked in this order: it may become too old between the two.
        let is_early = paused.elapsed() < MOST / 2;
        assert!(is_serving(one.address()).await || !is_early);
        warned |= complaints(&root).await.is_some_and(|found| !found.is_empty());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let lasted = paused.elapsed();
    println!("without a majority: checks went on for {lasted:?} of {MOST:?}");
    assert!(lasted >= MOST / 2 && lasted < MOST + Duration::from_millis(300), "{lasted:?}");
    assert!(warned, "CheckHealth said so before");
    until("health says so", || async { !is_serving(one.address()).await }).await;
    for _ in 0..10 {
        assert_eq!(ask(&ann).await, Answer::Stale);
        assert_eq!(outcome_of(&root.create_role("neither").await), Outcome::Nothing);
        assert_eq!(complaints(&root).await, None);
    }
    let first = writing.await.unwrap();
    assert!(matches!(first, Outcome::Nothing | Outcome::Unknown), "{first:?}");
    for member in [0, 1] {
        cluster.resume(member);
    }
    let resumed = Instant::now();
    until("answers again", || async { ask(&ann).await == Answer::Allowed }).await;
    let (answers, writes) = (resumed.elapsed(), recovered(&root).await);
    println!("with a majority again: answers after {answers:?}, changes {writes:?} later");
    until("health says so", || is_serving(one.address())).await;
    succeeded(root.create_role("after").await);
    let roles = root.list_roles().await.unwrap();
    assert!(!roles.contains(&"neither".to_owned()), "{roles:?}");
    let log = one.log();
    assert_eq!((count(&one, TOO_OLD), count(&one, CONFIRMED)), (1, 1), "{log}");
    assert!(log.lines().count() < 60, "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_cluster_that_was_down_for_long_comes_back_with_everything() {
    let cluster = Cluster::start(3);
    let (one, two) = (replica(&cluster.store()), replica(&cluster.store()));
    let (root, other) = (root_of(&one).await, root_of(&two).await);
    lister(&root, ("ann", "reader")).await;
    let clients = [one.grpc(("ann", GOOD)).await, two.grpc(("ann", GOOD)).await];
    for ann in &clients {
        until("ann may list", || async { ask(ann).await == Answer::Allowed }).await;
    }
    succeeded(may_list(&root, "reader", 1).await);
    for member in 0..3 {
        cluster.kill(member);
    }
    for ann in &clients {
        until("too old", || async { ask(ann).await == Answer::Stale }).await;
    }
    for replica in [&one, &two] {
        until("health says so", || async { !is_serving(replica.address()).await }).await;
    }
    // Longer than the state may be old, once more.
    tokio::time::sleep(MOST).await;
    assert_eq!(outcome_of(&root.create_role("never").await), Outcome::Nothing);
    for member in 0..3 {
        cluster.restart(member);
    }
    let back = Instant::now();
    for ann in &clients {
        until("answers again", || async { ask(ann).await == Answer::Denied }).await;
    }
    println!("after a restart of everything: answers after {:?}", back.elapsed());
    recovered(&root).await;
    recovered(&other).await;
    println!("  changes after {:?}", back.elapsed());
    succeeded(other.create_role("after").await);
    until("seen", || async { root.list_roles().await.unwrap().contains(&"after".to_owned()) })
        .await;
    for replica in [&one, &two] {
        assert_eq!(
            (count(replica, TOO_OLD), count(replica, CONFIRMED)),
            (1, 1),
            "{}",
            replica.log()
        );
    }
}
