//! What others write under our own keys, and what a newer version would: a replica that cannot be
//! sure what it means decides nothing, says so, and goes on once it is gone.

use std::time::{Duration, Instant};

use milvus_rbac::store::DEFAULT_ROOT;

use super::client::*;
use super::history::Outcome;
use crate::support::etcd::{Cluster, Replica};

/// A replica that ages quickly.
fn aging(cluster: &Cluster) -> Replica {
    let times = [("rbac.maxStaleness", "1s"), ("etcd.requestTimeout", "2000")];
    replica_with(&cluster.store(), &times)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_format_or_a_journal_that_is_not_understood_closes_a_replica_until_it_is_gone() {
    let cluster = Cluster::start(1);
    let one = aging(&cluster);
    let root = root_of(&one).await;
    lister(&root, ("ann", "reader")).await;
    let ann = one.grpc(("ann", GOOD)).await;
    for (key, garbage, says) in [
        ("format", "x", "it is no number"),
        ("format", "99", "it has format 99, and this version knows up to 1"),
        ("format", "2", "it has format 2, and this version knows up to 1"),
        ("journal-head", "garbage", "journal-head"),
        ("journal-head", "\u{8}\u{2}", "it has format 2, and this version knows 1"),
        ("journal-head", "\u{8}\u{1}\u{12}\u{1}x\u{18}\u{1}", "0 of its 1 pieces are there"),
    ] {
        until("allowed", || async { ask(&ann).await == Answer::Allowed }).await;
        let before = cluster.get(own_key(key));
        let own_key = own_key(key);
        cluster.put(&own_key, garbage);
        let put = Instant::now();
        until("too old", || async { ask(&ann).await == Answer::Stale }).await;
        let closed = put.elapsed();
        assert!(closed < Duration::from_secs(3), "{}", one.log());
        until("health says so", || async { !is_serving(one.address()).await }).await;
        assert_eq!(outcome_of(&root.create_role("never").await), Outcome::Nothing);
        let log = one.log();
        assert!(log.contains(says) && log.contains(&format!("milvus-rbac/{key}")), "{says}: {log}");
        let log = Replica::start(&cluster.store(), &QUICK).map(drop).unwrap_err();
        assert!(log.contains(says) && log.contains("a newer one, or delete the key"), "{log}");
        match before {
            Some(value) => cluster.put(&own_key, value),
            None => cluster.delete(&own_key),
        }
        let gone = Instant::now();
        until("answers again", || async { ask(&ann).await == Answer::Allowed }).await;
        recovered(&root).await;
        println!("{key} {garbage:?}: closed after {closed:?}, open after {:?}", gone.elapsed());
    }
    assert!(!root.list_roles().await.unwrap().contains(&"never".to_owned()));
    assert_eq!(count(&one, TOO_OLD), 6, "{}", one.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_fence_or_pieces_that_others_wrote_keep_nobody_from_anything() {
    let cluster = Cluster::start(1);
    let (one, two) = (replica(&cluster.store()), replica(&cluster.store()));
    let roots = [root_of(&one).await, root_of(&two).await];
    let mut made = 0;
    for what in ["deleted", "garbage", "", "pieces", "odd"] {
        match what {
            "deleted" => cluster.delete(own_key("fence")),
            "pieces" => {
                cluster.put(own_key("journal/stray/00000000"), "garbage");
                cluster.put(own_key("journal/stray/00000001"), "");
            }
            "odd" => {
                cluster.put(own_key("journal/odd"), "x");
                cluster.put(own_key("from-the-future"), "x");
            }
            garbage => cluster.put(own_key("fence"), garbage),
        }
        for root in [&roots[0], &roots[1], &roots[0]] {
            succeeded(root.create_role(&format!("made_{made}")).await);
            made += 1;
        }
        let all = || async {
            let mut all = true;
            for root in &roots {
                all &= root.list_roles().await.unwrap().len() == made + 1;
            }
            all
        };
        until("both see all", all).await;
        for root in &roots {
            assert_eq!(complaints(root).await, Some(Vec::new()), "{what}");
        }
    }
    for replica in [&one, &two] {
        assert_eq!(count(replica, "milvus-rbac/from-the-future"), 1, "{}", replica.log());
        assert_eq!(count(replica, "the whole state is read again"), 0, "{}", replica.log());
    }
    // Pieces of nobody do not keep a newcomer from starting, either.
    let three = replica(&cluster.store());
    assert_eq!(root_of(&three).await.list_roles().await.unwrap().len(), made + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn records_of_a_newer_version_are_kept_reported_once_and_give_no_right() {
    let cluster = Cluster::start(1);
    let one = replica(&cluster.store());
    let root = root_of(&one).await;
    succeeded(root.create_role("reader").await);
    succeeded(root.create_user("ann", GOOD).await);
    let below = |key: &str| format!("{DEFAULT_ROOT}/root-coord/credential/{key}");
    let records = [
        (below("user-role-mapping/ann/reader/until/2030"), "{}"),
        (below("users/ann/v2"), "{}"),
        (below("new-kind/ann"), "{\"role\":\"admin\"}"),
        (below("users/newcomer"), "\u{1}not what this version reads"),
        (below("roles/"), ""),
    ];
    cluster.put_all(records.clone());
    succeeded(may_list(&root, "reader", 0).await);
    let ann = one.grpc(("ann", GOOD)).await;
    until("the login is known", || async { ask(&ann).await != Answer::Stranger }).await;
    assert_eq!(ask(&ann).await, Answer::Denied);
    let newcomer = one.grpc(("newcomer", GOOD)).await;
    assert_eq!(ask(&newcomer).await, Answer::Stranger);
    let two = replica(&cluster.store());
    for replica in [&one, &two] {
        assert!(count(replica, "does not understand") >= 1, "{}", replica.log());
        assert_eq!(
            count(replica, "user-role-mapping/ann/reader/until/2030"),
            1,
            "{}",
            replica.log()
        );
    }
    let other = root_of(&two).await;
    succeeded(other.operate_user_role("ann", "reader", 0).await);
    until("ann may list", || async { ask(&ann).await == Answer::Allowed }).await;
    succeeded(other.delete_user("ann").await);
    for (key, value) in &records {
        assert_eq!(cluster.get(key).as_deref(), Some(value.as_bytes()), "{key}");
    }
}
