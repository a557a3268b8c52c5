//! What happens between the check of a request and its commit: rights that are taken away, callers
//! that are deleted, hashes that are raised, and a server that goes down.
//!
//! An operation that is polled once has passed its first check and waits for a bcrypt; it goes on
//! when it is polled again, and not before.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use milvus_rbac::admin::{Admin, AdminError, GivenPassword, Membership, NewUser, UserUpdate};
use milvus_rbac::config::Compat;
use milvus_rbac::credential::{Caller, Login, Password, Peer};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::model::{Change, RecordKey, UserName};
use milvus_rbac::snapshot::Snapshot;
use milvus_rbac::store::{MemoryStore, Store};
use serde_json::json;
use tonic::Code;

use crate::support::{ROOT, TestServer, settings};

const PATIENCE: Duration = Duration::from_secs(20);
const GOOD: &str = "Passw0rd!";
const NEW: &str = "N3w-Passw0rd";

fn nobody() -> Caller {
    Caller::unauthenticated(Peer::LOCAL)
}

fn plain(text: &str) -> GivenPassword {
    GivenPassword::plain(text.to_owned())
}

fn new_user(name: &str) -> NewUser {
    NewUser { name: name.to_owned(), password: plain(GOOD), description: None }
}

fn update(name: &str, old: &str) -> UserUpdate {
    UserUpdate {
        name: name.to_owned(),
        old_password: plain(old),
        new_password: plain(NEW),
        description: None,
    }
}

/// A deployment with bcrypt of this cost.
fn open(store: impl Store + 'static, cost: u32) -> Deployment {
    let mut settings = settings(Compat::Documented);
    settings.passwords.bcrypt_cost = cost;
    Deployment::open(Box::new(store), &settings).unwrap()
}

/// A deployment with root, `ann`, and `boss` who is a member of `admin`.
async fn with_boss() -> Deployment {
    let deployment = open(MemoryStore::new(), 4);
    let admin = deployment.admin();
    let password = Password::from(ROOT.1.as_bytes().to_vec());
    admin.bootstrap(Some(&password)).await.unwrap();
    for name in ["ann", "boss"] {
        admin.create_user(&nobody(), new_user(name)).await.unwrap();
    }
    let bind = Some(Membership::Bind);
    admin.operate_user_role(&nobody(), "boss", "admin", bind).await.unwrap();
    deployment
}

async fn log_in(deployment: &Deployment, user: &str, password: &str) -> Option<Caller> {
    let login = Login::new(user, password.as_bytes());
    deployment.authorizer().authenticate(login, Peer::LOCAL).await.ok()
}

fn hash_of(admin: &Admin, user: &str) -> String {
    admin.snapshots().read().user(user).unwrap().credential.hash.expose().to_owned()
}

/// Polls an operation once: it has been checked, and waits for its bcrypt.
fn begun<F: Future>(operation: F) -> Pin<Box<F>> {
    let mut operation = Box::pin(operation);
    assert!((&mut operation).now_or_never().is_none(), "it is over already");
    operation
}

#[tokio::test]
async fn an_old_password_stays_right_while_a_login_has_its_hash_raised() {
    let cheap = with_boss().await;
    let hash = hash_of(cheap.admin(), "ann");
    let value = json!({"encrypted_password": hash}).to_string().into_bytes();
    let pair = (b"root-coord/credential/users/ann".to_vec(), value);
    for _ in 0..10 {
        let deployment = open(MemoryStore::from_pairs([pair.clone()]), 5);
        let admin = deployment.admin();
        let caller = nobody();
        let updating = begun(admin.update_user(&caller, update("ann", GOOD)));
        assert!(log_in(&deployment, "ann", GOOD).await.is_some());
        let deadline = Instant::now() + PATIENCE;
        while !hash_of(admin, "ann").starts_with("$2a$05$") {
            assert!(Instant::now() < deadline, "the hash was not raised");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        updating.await.unwrap();
        assert!(log_in(&deployment, "ann", GOOD).await.is_none());
        assert!(log_in(&deployment, "ann", NEW).await.is_some());
    }
}

#[tokio::test]
async fn an_old_password_that_is_changed_meanwhile_is_wrong() {
    let deployment = with_boss().await;
    let admin = deployment.admin();
    let caller = nobody();
    let late = begun(admin.update_user(&caller, update("ann", GOOD)));
    let first = UserUpdate { new_password: plain("0ther-Passw0rd"), ..update("ann", GOOD) };
    admin.update_user(&nobody(), first).await.unwrap();
    let error = late.await.unwrap_err();
    assert!(matches!(&error, AdminError::OldPassword(name) if name == "ann"), "{error}");
    assert!(log_in(&deployment, "ann", "0ther-Passw0rd").await.is_some());
}

#[tokio::test]
async fn an_administrator_unbound_meanwhile_resets_no_password() {
    let deployment = with_boss().await;
    let admin = deployment.admin();
    let boss = log_in(&deployment, "boss", GOOD).await.unwrap();
    let resetting = begun(admin.update_user(&boss, update("ann", "")));
    let unbind = Some(Membership::Unbind);
    admin.operate_user_role(&nobody(), "boss", "admin", unbind).await.unwrap();
    let error = resetting.await.unwrap_err();
    assert!(matches!(&error, AdminError::OldPassword(name) if name == "ann"), "{error}");
    assert!(log_in(&deployment, "ann", GOOD).await.is_some());

    let bind = Some(Membership::Bind);
    admin.operate_user_role(&nobody(), "boss", "admin", bind).await.unwrap();
    begun(admin.update_user(&boss, update("ann", ""))).await.unwrap();
    assert!(log_in(&deployment, "ann", NEW).await.is_some());
}

#[tokio::test]
async fn a_caller_deleted_meanwhile_changes_nothing() {
    let deployment = with_boss().await;
    let admin = deployment.admin();
    let boss = log_in(&deployment, "boss", GOOD).await.unwrap();
    let creating = begun(admin.create_user(&boss, new_user("bob")));
    let resetting = begun(admin.update_user(&boss, update("ann", "")));
    admin.delete_user(&nobody(), "boss").await.unwrap();
    let before = admin.snapshots().read().revision();
    for error in [
        creating.await.unwrap_err(),
        resetting.await.unwrap_err(),
        admin.create_role(&boss, "role_a", "").await.unwrap_err(),
        admin.drop_role(&boss, "role_a", true).await.unwrap_err(),
        admin.delete_user(&boss, "ann").await.unwrap_err(),
        admin.operate_user_role(&boss, "ann", "admin", Some(Membership::Bind)).await.unwrap_err(),
    ] {
        assert!(matches!(error, AdminError::CallerGone), "{error}");
    }
    assert_eq!(admin.snapshots().read().revision(), before);
}

/// Waits until as many bcrypts have been made.
async fn bcrypts(deployment: &Deployment, wanted: u64) {
    let deadline = Instant::now() + PATIENCE;
    while deployment.verifier().jobs_done() < wanted {
        assert!(Instant::now() < deadline, "the bcrypts were not made");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Holds the writer up until told to go on, and then deletes a user as the next change.
fn deleting_later(admin: &Admin, user: &str) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
    let (go_on, wait) = mpsc::channel();
    let (writer, user) = (admin.writer().clone(), UserName::new(user).unwrap());
    let task = tokio::spawn(async move {
        let plan = move |_: &Snapshot| {
            wait.recv().unwrap();
            Ok::<_, Infallible>(((), vec![Change::Delete(RecordKey::User(user.clone()))]))
        };
        writer.submit(plan).await.unwrap();
    });
    (go_on, task)
}

#[tokio::test]
async fn over_both_apis_a_caller_deleted_meanwhile_is_not_logged_in_any_more() {
    const TEXT: &str = "the calling user does not exist any more";
    let server = TestServer::start().await;
    let (root, admin) = (server.grpc(ROOT).await, server.deployment.admin());
    for (name, rest) in [("boss_g", false), ("boss_r", true)] {
        assert_eq!(root.create_user(name, GOOD).await.unwrap().code, 0);
        assert_eq!(root.operate_user_role(name, "admin", 0).await.unwrap().code, 0);
        let before = server.deployment.verifier().jobs_done();
        let (go_on, deleting) = deleting_later(admin, name);
        let (grpc, http) = (server.grpc((name, GOOD)).await, server.rest((name, GOOD)));
        let asked = tokio::spawn(async move {
            if rest {
                let body = json!({"userName": "bob", "password": GOOD});
                let answer = http.post("users/create", &body).await;
                assert_eq!((answer.status.as_u16(), answer.message()), (401, TEXT.to_owned()));
            } else {
                let status = grpc.create_user("bob", GOOD).await.unwrap_err();
                assert_eq!((status.code(), status.message()), (Code::Unauthenticated, TEXT));
            }
        });
        // The login and the new hash: the request has been let through.
        bcrypts(&server.deployment, before + 2).await;
        go_on.send(()).unwrap();
        deleting.await.unwrap();
        asked.await.unwrap();
    }
    assert_eq!(root.list_users().await.unwrap(), ["root"]);
}

#[tokio::test]
async fn a_change_that_comes_while_the_server_goes_down_may_be_tried_again() {
    const TEXT: &str = "the server is shutting down; nothing was written";
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.list_roles().await.unwrap(), ["admin"]);
    let deployment = server.deployment.clone();
    tokio::task::spawn_blocking(move || deployment.close().unwrap()).await.unwrap();
    for status in [
        root.create_role("role_a").await.unwrap_err(),
        root.create_user("ann", GOOD).await.unwrap_err(),
        root.delete_user("ann").await.unwrap_err(),
    ] {
        assert_eq!((status.code(), status.message()), (Code::Unavailable, TEXT));
    }
    let answer = server.rest(ROOT).post("roles/create", &json!({"roleName": "role_a"})).await;
    assert_eq!((answer.status.as_u16(), answer.message()), (503, TEXT.to_owned()));
    assert_eq!(root.list_roles().await.unwrap(), ["admin"], "what only reads goes on");
}
