//! Many callers at once: each change happens once, and none is lost.

use std::convert::Infallible;

use milvus_rbac::model::Record;
use milvus_rbac::snapshot::Snapshot;
use milvus_rbac::store::{SledOptions, SledStore, Store as _};
use milvus_rbac::writer::{Plan, SubmitError, WriteError};
use tokio::task::JoinSet;

use crate::support::{Grpc, ROOT, TestServer};

/// Calls in flight on one connection; more wait in the client.
const CONNECTIONS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_concurrent_changes_are_all_acknowledged_and_all_there() {
    let server = TestServer::start().await;
    let mut roots = Vec::new();
    for _ in 0..CONNECTIONS {
        roots.push(server.grpc(ROOT).await);
    }
    let mut calls = JoinSet::new();
    for number in 0..2000 {
        let root = roots[number % CONNECTIONS].clone();
        calls.spawn(async move { root.create_role(&format!("role_{number}")).await });
    }
    while let Some(answer) = calls.join_next().await {
        assert_eq!(answer.unwrap().unwrap().code, 0);
    }
    let mut expected: Vec<String> = (0..2000).map(|number| format!("role_{number}")).collect();
    expected.push("admin".to_owned());
    expected.sort();
    assert_eq!(roots[0].list_roles().await.unwrap(), expected);
    let data = server.data();
    let _directory = server.stop().await;
    let mut stored = records(&data)
        .into_iter()
        .filter_map(|record| match record {
            Record::Role(name, _) => Some(name.to_string()),
            _ => None,
        })
        .collect::<Vec<_>>();
    stored.sort();
    assert_eq!(stored, expected);
}

fn records(data: &std::path::Path) -> Vec<Record> {
    let mut store = SledStore::open(data, SledOptions::default()).unwrap();
    let records = store.load().unwrap().records;
    store.close().unwrap();
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_create_the_same_user_one_wins_and_its_password_counts() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    let mut calls = JoinSet::new();
    for number in 0..40 {
        let root = root.clone();
        let password = format!("Passw0rd!{number}");
        calls.spawn(async move { (root.create_user("ann", &password).await.unwrap(), password) });
    }
    let mut winners = Vec::new();
    for (status, password) in calls.join_all().await {
        if status.code == 0 {
            winners.push(password);
        } else {
            assert_eq!(status.reason, "user already exists: ann: invalid parameter");
            assert_eq!(status.code, 1100);
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert!(server.grpc(("ann", &winners[0])).await.logs_in().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_change_a_password_with_the_same_old_one_one_wins() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user("ann", "Passw0rd!").await.unwrap().code, 0);
    let mut calls = JoinSet::new();
    for number in 0..40 {
        let root = root.clone();
        let new = format!("NewPassw0rd!{number}");
        calls.spawn(
            async move { (root.update_password("ann", "Passw0rd!", &new).await.unwrap(), new) },
        );
    }
    let mut winners = Vec::new();
    for (status, password) in calls.join_all().await {
        if status.code == 0 {
            winners.push(password);
        } else {
            assert_eq!(status.reason, "old password not correct for ann: not authenticated");
            assert_eq!(status.code, 1400);
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert!(server.grpc(("ann", &winners[0])).await.logs_in().await);
    assert!(!server.grpc(("ann", "Passw0rd!")).await.logs_in().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binding_while_role_or_user_are_dropped_leaves_no_binding_to_nothing() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    let mut calls = JoinSet::new();
    for number in 0..60 {
        calls.spawn(bind_and_drop(root.clone(), number));
    }
    calls.join_all().await;
    let data = server.data();
    let _directory = server.stop().await;
    let left = records(&data);
    assert!(!left.iter().any(|record| matches!(record, Record::Binding(..))), "{left:?}");
    // Of each pair one is left, and root and admin.
    assert_eq!(left.len(), 62, "{left:?}");
}

/// Binds a user to a role twice while one of them is dropped. The other one stays: dropping it
/// would take a binding to nothing along.
async fn bind_and_drop(root: Grpc, number: u32) {
    let (user, role) = (format!("user_{number}"), format!("role_{number}"));
    assert_eq!(root.create_user(&user, "Passw0rd!").await.unwrap().code, 0);
    assert_eq!(root.create_role(&role).await.unwrap().code, 0);
    let dropping = async {
        if number.is_multiple_of(2) {
            root.drop_role(&role).await.unwrap()
        } else {
            root.delete_user(&user).await.unwrap()
        }
    };
    let (first, second) = (root.clone(), root.clone());
    let (first, dropped, second) = tokio::join!(
        first.operate_user_role(&user, &role, 0),
        dropping,
        second.operate_user_role(&user, &role, 0),
    );
    assert_eq!(dropped.code, 0);
    for bound in [first.unwrap(), second.unwrap()] {
        let gone = bound.reason.contains("not found");
        assert!(bound.code == 0 || (bound.code == 1100 && gone), "{bound:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_one_operation_is_its_own_and_the_others_go_on() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    let mut calls = JoinSet::new();
    for number in 0..50 {
        let root = root.clone();
        let writer = server.deployment.admin().writer().clone();
        calls.spawn(async move {
            let broken = |_: &Snapshot| -> Result<Plan<()>, Infallible> { panic!("injected") };
            let outcome = writer.submit(broken).await;
            assert!(matches!(outcome, Err(SubmitError::Write(WriteError::Panicked))));
            root.create_role(&format!("role_{number}")).await.unwrap().code
        });
    }
    assert!(calls.join_all().await.into_iter().all(|code| code == 0));
    assert_eq!(root.list_roles().await.unwrap().len(), 51);
    assert!(server.deployment.admin().writer().is_writable());
    // It closes as usual, and all of it is there.
    let data = server.data();
    let _directory = server.stop().await;
    assert_eq!(records(&data).len(), 52);
}
