//! What happens between the check of a request and its commit: rights that are taken away, callers
//! that are deleted, hashes that are raised, and a server that goes down.
//!
//! The order is certain: what comes in between is in the queue already, and holds it up, when the
//! operation begins.

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
use milvus_rbac::model::{Change, Credential, Record, RecordKey, RoleName, UserName};
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
    deployment.authorizer().log_in(login, Peer::LOCAL).await.ok()
}

fn hash_of(admin: &Admin, user: &str) -> String {
    admin.snapshots().read().user(user).unwrap().credential.hash.expose().to_owned()
}

/// Polls an operation once. It has passed its first check then, on the state that there is now.
fn begun<F: Future>(operation: F) -> Pin<Box<F>> {
    let mut operation = Box::pin(operation);
    assert!((&mut operation).now_or_never().is_none(), "it is over already");
    operation
}

/// A change that is next in the queue and holds it up until [`Later::now`].
struct Later<F> {
    go_on: mpsc::Sender<()>,
    change: Pin<Box<F>>,
}

fn later(admin: &Admin, change: Change) -> Later<impl Future<Output = ()>> {
    let (go_on, wait) = mpsc::channel();
    let writer = admin.writer().clone();
    let plan = move |_: &Snapshot| {
        wait.recv().unwrap();
        Ok::<_, Infallible>(((), vec![change.clone()]))
    };
    let change = begun(async move { assert!(writer.submit(plan).await.unwrap().changed) });
    Later { go_on, change }
}

impl<F: Future<Output = ()>> Later<F> {
    async fn now(self) {
        self.go_on.send(()).unwrap();
        self.change.await;
    }
}

/// Another hash of `ann`, of a password of its own.
async fn other_hash(deployment: &Deployment, password: &str) -> Change {
    let password = Password::from(password.as_bytes().to_vec());
    let hash = deployment.verifier().hash(&password, Peer::LOCAL).await.unwrap();
    let credential = Credential { hash, description: None, time_tick: 0 };
    Change::Put(Record::User(UserName::new("ann").unwrap(), credential))
}

#[tokio::test]
async fn an_old_password_stays_right_when_its_hash_is_made_anew() {
    let deployment = with_boss().await;
    let admin = deployment.admin();
    let raised = later(admin, other_hash(&deployment, GOOD).await);
    let caller = nobody();
    let updating = begun(admin.update_user(&caller, update("ann", GOOD)));
    raised.now().await;
    updating.await.unwrap();
    assert!(log_in(&deployment, "ann", GOOD).await.is_none());
    assert!(log_in(&deployment, "ann", NEW).await.is_some());
}

#[tokio::test]
async fn right_after_a_login_that_has_its_hash_raised_the_password_can_be_changed() {
    let cheap = with_boss().await;
    let hash = hash_of(cheap.admin(), "ann");
    let value = json!({"encrypted_password": hash}).to_string().into_bytes();
    let pair = (b"root-coord/credential/users/ann".to_vec(), value);
    for _ in 0..20 {
        let deployment = open(MemoryStore::from_pairs([pair.clone()]), 5);
        let ann = log_in(&deployment, "ann", GOOD).await.unwrap();
        deployment.admin().update_user(&ann, update("ann", GOOD)).await.unwrap();
        assert!(hash_of(deployment.admin(), "ann").starts_with("$2a$05$"));
        assert!(log_in(&deployment, "ann", GOOD).await.is_none());
        assert!(log_in(&deployment, "ann", NEW).await.is_some());
    }
}

#[tokio::test]
async fn an_old_password_that_is_changed_meanwhile_is_wrong() {
    const OTHER: &str = "0ther-Passw0rd";
    let deployment = with_boss().await;
    let admin = deployment.admin();
    let changed = later(admin, other_hash(&deployment, OTHER).await);
    let caller = nobody();
    let updating = begun(admin.update_user(&caller, update("ann", GOOD)));
    changed.now().await;
    let error = updating.await.unwrap_err();
    assert!(matches!(&error, AdminError::OldPassword(name) if name == "ann"), "{error}");
    assert!(log_in(&deployment, "ann", OTHER).await.is_some());
}

#[tokio::test]
async fn an_administrator_unbound_meanwhile_resets_no_password() {
    let deployment = with_boss().await;
    let admin = deployment.admin();
    let boss = log_in(&deployment, "boss", GOOD).await.unwrap();
    let binding = (UserName::new("boss").unwrap(), RoleName::new("admin").unwrap());
    let unbound = later(admin, Change::Delete(RecordKey::Binding(binding.0, binding.1)));
    let resetting = begun(admin.update_user(&boss, update("ann", "")));
    unbound.now().await;
    let error = resetting.await.unwrap_err();
    assert!(matches!(&error, AdminError::OldPassword(name) if name == "ann"), "{error}");
    assert!(log_in(&deployment, "ann", GOOD).await.is_some());

    let bind = Some(Membership::Bind);
    admin.operate_user_role(&nobody(), "boss", "admin", bind).await.unwrap();
    admin.update_user(&boss, update("ann", "")).await.unwrap();
    assert!(log_in(&deployment, "ann", NEW).await.is_some());
}

/// The deletion of a user.
fn deletion(user: &str) -> Change {
    Change::Delete(RecordKey::User(UserName::new(user).unwrap()))
}

#[tokio::test]
async fn a_caller_deleted_meanwhile_changes_nothing() {
    let deployment = with_boss().await;
    let admin = deployment.admin();
    let boss = log_in(&deployment, "boss", GOOD).await.unwrap();
    let deleted = later(admin, deletion("boss"));
    let creating = begun(admin.create_user(&boss, new_user("bob")));
    let resetting = begun(admin.update_user(&boss, update("ann", "")));
    let dropping = begun(admin.delete_user(&boss, "ann"));
    deleted.now().await;
    let bind = Some(Membership::Bind);
    for error in [
        creating.await.unwrap_err(),
        resetting.await.unwrap_err(),
        dropping.await.unwrap_err(),
        admin.create_role(&boss, "role_a", "").await.unwrap_err(),
        admin.drop_role(&boss, "role_a", true).await.unwrap_err(),
        admin.operate_user_role(&boss, "ann", "admin", bind).await.unwrap_err(),
    ] {
        assert!(matches!(error, AdminError::CallerGone), "{error}");
    }
    assert_eq!(admin.list_users(), ["ann", "root"]);
    assert!(log_in(&deployment, "ann", GOOD).await.is_some());
    assert_eq!(admin.snapshots().read().roles().len(), 1);
}

/// Waits until as many bcrypts have been made.
async fn bcrypts(deployment: &Deployment, wanted: u64) {
    let deadline = Instant::now() + PATIENCE;
    while deployment.verifier().jobs_done() < wanted {
        assert!(Instant::now() < deadline, "the bcrypts were not made");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
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
        let deleted = later(admin, deletion(name));
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
        deleted.now().await;
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
