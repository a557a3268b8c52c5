//! Who we are to etcd: wrong credentials, ones that are taken away while a replica runs, TLS.

use std::time::Instant;

use super::client::*;
use super::history::Outcome;
use crate::support::Certificates;
use crate::support::etcd::{Cluster, Replica};

const SECRET: &str = "s3cret-of-etcd";
const WRONG: &str = "wr0ng-of-etcd";

fn with_login(password: &str) -> Vec<(&str, &str)> {
    let login = [("etcd.auth.enabled", "true"), ("etcd.auth.userName", "rbac")];
    [&QUICK[..], &login, &[("etcd.auth.password", password)]].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_wrong_login_is_refused_at_the_start_in_words_without_the_password() {
    let cluster = Cluster::start(1);
    cluster.enable_auth("rbac", SECRET, "by-dev/meta");
    let begun = Instant::now();
    let log = Replica::start(&cluster.store(), &with_login(WRONG)).map(drop).unwrap_err();
    println!("refused after {:?}", begun.elapsed());
    assert!(log.contains("refuses this user") && log.contains("authentication failed"), "{log}");
    assert!(log.contains("check etcd.auth.userName, etcd.auth.password"), "{log}");
    assert!(!log.contains(WRONG), "{log}");
    let log = Replica::start(&cluster.store(), &QUICK).map(drop).unwrap_err();
    assert!(log.contains("user name is empty") && log.contains("etcd.auth"), "{log}");
    // A root path that this user may not read.
    let other = store_at(&cluster.endpoint(0)).replace("by-dev", "other");
    let log = Replica::start(&other, &with_login(SECRET)).map(drop).unwrap_err();
    assert!(log.contains("permission denied") && log.contains("root path"), "{log}");
    assert!(!log.contains(SECRET), "{log}");
    assert!(Replica::start(&cluster.store(), &with_login(SECRET)).is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_login_that_is_taken_away_fails_closed_and_its_return_is_noticed() {
    let cluster = Cluster::start(1);
    cluster.enable_auth("rbac", SECRET, "by-dev/meta");
    let one = Replica::start(&cluster.store(), &with_login(SECRET)).unwrap();
    let root = root_of(&one).await;
    lister(&root, ("ann", "reader")).await;
    let ann = one.grpc(("ann", GOOD)).await;
    let take_role = |cluster: &Cluster| {
        cluster.etcdctl(&["user", "revoke-role", "rbac", "rbac"]);
    };
    let give_role = |cluster: &Cluster| {
        cluster.etcdctl(&["user", "grant-role", "rbac", "rbac"]);
    };
    let new_password = |cluster: &Cluster, password: &str| {
        cluster.etcdctl(&["user", "delete", "rbac"]);
        cluster.etcdctl(&["user", "add", &format!("rbac:{password}")]);
        cluster.etcdctl(&["user", "grant-role", "rbac", "rbac"]);
    };
    for round in 0..2 {
        assert_eq!(ask(&ann).await, Answer::Allowed);
        if round == 0 {
            take_role(&cluster);
        } else {
            new_password(&cluster, WRONG);
        }
        let taken = Instant::now();
        let first = outcome_of(&root.create_role("never").await);
        assert!(matches!(first, Outcome::Nothing), "{first:?}");
        until("too old", || async { ask(&ann).await == Answer::Stale }).await;
        println!("taken away: stale after {:?}", taken.elapsed());
        assert!(taken.elapsed() < 2 * MOST);
        until("health says so", || async { !is_serving(one.address()).await }).await;
        if round == 0 {
            give_role(&cluster);
        } else {
            new_password(&cluster, SECRET);
        }
        let given = Instant::now();
        until("answers again", || async { ask(&ann).await == Answer::Allowed }).await;
        println!("given back: answers after {:?}", given.elapsed());
        recovered(&root).await;
        println!("  changes after {:?}", given.elapsed());
        assert!(!root.list_roles().await.unwrap().contains(&"never".to_owned()));
        succeeded(root.create_role(&format!("after_{round}")).await);
    }
    let log = one.log();
    assert!(log.contains("refuses this user"), "{log}");
    assert!(!log.contains(SECRET) && !log.contains(WRONG), "{log}");
    assert_eq!((count(&one, TOO_OLD), count(&one, CONFIRMED)), (2, 2), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn tls_is_spoken_with_and_without_a_certificate_of_our_own() {
    for asks in [false, true] {
        let cluster = Cluster::start_with_tls(asks);
        let found = cluster.certificates();
        let text = |path: &std::path::Path| path.display().to_string();
        let (ca, cert, key) = (text(&found.ca), text(&found.client), text(&found.client_key));
        let ssl = [("etcd.ssl.enabled", "true"), ("etcd.ssl.tlsCACert", &*ca)];
        let ours = [("etcd.ssl.tlsCert", &*cert), ("etcd.ssl.tlsKey", &*key)];
        let whole = [&QUICK[..], &ssl, &ours].concat();
        for version in ["1.2", "1.3"] {
            let settings = [&whole[..], &[("etcd.ssl.tlsMinVersion", version)]].concat();
            let one = Replica::start(&cluster.store(), &settings).unwrap();
            let root = root_of(&one).await;
            succeeded(root.create_role(&format!("over_{}", version.replace('.', "_"))).await);
        }
        let begun = Instant::now();
        let bare = [&QUICK[..], &ssl].concat();
        match Replica::start(&cluster.store(), &bare) {
            Ok(_) => assert!(!asks),
            Err(log) => assert!(asks && log.contains("etcd.ssl.tlsCert"), "{log}"),
        }
        let foreign = Certificates::make();
        let (ca, cert, key) = (text(&foreign.ca), text(&foreign.client), text(&foreign.client_key));
        let wrong = [&whole[..], &[("etcd.ssl.tlsCACert", &*ca)]].concat();
        let log = Replica::start(&cluster.store(), &wrong).map(drop).unwrap_err();
        assert!(log.contains("certificate"), "{log}");
        if asks {
            let ours = [("etcd.ssl.tlsCert", &*cert), ("etcd.ssl.tlsKey", &*key)];
            let wrong = [&QUICK[..], &ssl, &ours].concat();
            let log = Replica::start(&cluster.store(), &wrong).map(drop).unwrap_err();
            assert!(log.contains("cannot read etcd://"), "{log}");
            println!("a certificate of others: {log}");
        }
        // Plain text to a port that speaks TLS.
        let log = Replica::start(&cluster.store(), &QUICK).map(drop).unwrap_err();
        assert!(log.contains("cannot"), "{log}");
        println!("asks {asks}: refusals after {:?}", begun.elapsed());
    }
}
