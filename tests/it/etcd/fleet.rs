//! Several replicas as one service: the first start, newcomers, and how soon a change that one
//! acknowledged counts on all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use milvus_rbac::store::DEFAULT_ROOT;

use super::client::*;
use crate::support::etcd::{Cluster, Mode, Relay};
use crate::support::{Ended, ROOT, binary, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn of_five_first_starts_at_once_one_makes_root_and_nothing_is_made_twice() {
    let cluster = Arc::new(Cluster::start(1));
    let starts: Vec<_> = (0..5)
        .map(|_| {
            let store = cluster.store();
            tokio::task::spawn_blocking(move || replica(&store))
        })
        .collect();
    let mut replicas = Vec::new();
    for start in starts {
        replicas.push(start.await.unwrap());
    }
    // Every change of ours bumps the fence. The revision also moves with what is no change.
    let fence = format!("{DEFAULT_ROOT}/milvus-rbac/fence");
    assert_eq!(cluster.version(fence), 1, "one transaction by one of them");
    let keys = |below: &str| {
        let found = cluster.dump(format!("{DEFAULT_ROOT}/{below}"));
        found.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect::<Vec<_>>()
    };
    let credential = format!("{DEFAULT_ROOT}/root-coord/credential");
    assert_eq!(keys("root-coord/credential/users/"), [format!("{credential}/users/root")]);
    assert_eq!(keys("root-coord/credential/roles/"), [format!("{credential}/roles/admin")]);
    let made = replicas.iter().filter(|one| count(one, "root has been created") > 0).count();
    assert_eq!(made, 1);
    for one in &replicas {
        assert!(one.ready().contains("users=1 roles=1 "), "{}", one.ready());
        let root = root_of(one).await;
        assert!(root.logs_in().await);
        assert_eq!(root.list_roles().await.unwrap(), ["admin"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_newcomer_answers_nobody_before_it_has_what_was_there_when_it_came() {
    let cluster = Cluster::start(1);
    let one = replica(&cluster.store());
    let root = root_of(&one).await;
    let relay = Relay::to(&cluster.endpoint(0));
    relay.set(Mode::Delay(Duration::from_millis(20)));
    let (stop, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writing = tokio::spawn({
        let (root, stop, made) = (root.clone(), Arc::clone(&stop), Arc::clone(&made));
        async move {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                succeeded(root.create_role(&format!("r{number}")).await);
                number += 1;
                made.store(number, Ordering::SeqCst);
            }
        }
    });
    for _ in 0..4 {
        let had = made.load(Ordering::SeqCst);
        let store = store_at(&relay.endpoint());
        let newcomer = tokio::task::spawn_blocking(move || replica(&store)).await.unwrap();
        let roles = root_of(&newcomer).await.list_roles().await.unwrap().len() - 1;
        assert!(roles >= had, "{roles} of {had}");
        let now = made.load(Ordering::SeqCst);
        let newcomer = root_of(&newcomer).await;
        let caught_up = || async { newcomer.list_roles().await.unwrap().len() > now };
        println!(
            "joined at {had}, began with {roles}, at {now} after {:?}",
            until("caught up", caught_up).await
        );
    }
    stop.store(true, Ordering::Relaxed);
    writing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_password_changed_on_one_replica_is_the_old_one_on_all_within_a_second() {
    let cluster = Cluster::start(1);
    let (one, two) = (replica(&cluster.store()), replica(&cluster.store()));
    let root = root_of(&one).await;
    succeeded(root.create_user("ann", "Passw0rd!0").await);
    let mut times = Vec::new();
    for round in 0..20 {
        let (old, new) = (format!("Passw0rd!{round}"), format!("Passw0rd!{}", round + 1));
        let (with_old, with_new) = (two.grpc(("ann", &old)).await, two.grpc(("ann", &new)).await);
        // Remembered from here on.
        until("the old one is known", || with_old.logs_in()).await;
        assert!(!with_new.logs_in().await);
        succeeded(root.update_password("ann", &old, &new).await);
        let changed = Instant::now();
        until("the old one is refused", || async { !with_old.logs_in().await }).await;
        times.push(changed.elapsed());
        assert!(with_new.logs_in().await);
        assert!(!with_old.logs_in().await);
    }
    let most = print("an old password is refused elsewhere", times);
    assert!(most < Duration::from_secs(1), "{most:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_revoke_on_one_replica_is_never_allowed_elsewhere_once_the_bound_has_passed() {
    let cluster = Cluster::start(1);
    let (one, two) = (replica(&cluster.store()), replica(&cluster.store()));
    let root = root_of(&one).await;
    lister(&root, ("ann", "reader")).await;
    let ann = two.grpc(("ann", GOOD)).await;
    let mut times = Vec::new();
    for _ in 0..100 {
        until("allowed", || async { ask(&ann).await == Answer::Allowed }).await;
        let polling = tokio::spawn({
            let ann = ann.clone();
            async move {
                // The last question that was still answered with yes, and a while after it.
                let (mut last, mut denied) = (Instant::now(), 0);
                while denied < 5 {
                    let asked = Instant::now();
                    match ask(&ann).await {
                        Answer::Allowed => (last, denied) = (asked, 0),
                        Answer::Denied => denied += 1,
                        answer => panic!("{answer:?}"),
                    }
                    tokio::task::yield_now().await;
                }
                last
            }
        });
        succeeded(may_list(&root, "reader", 1).await);
        let acknowledged = Instant::now();
        let last = polling.await.unwrap();
        times.push(last.saturating_duration_since(acknowledged));
        assert_eq!(ask(&ann).await, Answer::Denied);
        succeeded(may_list(&root, "reader", 0).await);
    }
    let most = print("a revoke, still allowed elsewhere after its answer", times);
    assert!(most < MOST, "{most:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_password_reset_in_etcd_counts_on_replicas_that_run_and_makes_nothing_where_nothing_is() {
    let cluster = Cluster::start(1);
    let reset = |store: &str| {
        let mut command = binary();
        command.args(["reset-password", "root", "--store", store]);
        run(command, "N3w-Passw0rd\n")
    };
    let empty = store_at(&cluster.endpoint(0)).replace("by-dev", "mistyped");
    let Ended { code, stderr, .. } = reset(&empty);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("there is nothing there") && stderr.contains("mistyped"), "{stderr}");
    assert!(cluster.dump("").is_empty());
    let (one, two) = (replica(&cluster.store()), replica(&cluster.store()));
    let old = [one.grpc(ROOT).await, two.grpc(ROOT).await];
    for root in &old {
        assert!(root.logs_in().await);
    }
    let Ended { code, stderr, .. } = reset(&cluster.store());
    let changed = Instant::now();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!stderr.contains("N3w-Passw0rd"), "{stderr}");
    for root in &old {
        until("the old one is refused", || async { !root.logs_in().await }).await;
    }
    println!("a reset password is the old one everywhere after {:?}", changed.elapsed());
    for replica in [&one, &two] {
        let root = replica.grpc(("root", "N3w-Passw0rd")).await;
        assert!(root.logs_in().await);
        recovered(&root).await;
    }
}
