//! Stores that this version would not have written: users that cannot be read, names with white
//! space around them, and bindings that outlived what they bind.

use std::convert::Infallible;
use std::path::Path;

use milvus_rbac::admin::{AdminError, GivenPassword, NewUser};
use milvus_rbac::config::{Compat, Settings, StoreSetting};
use milvus_rbac::credential::{Caller, Login, Password, Peer};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::model::{Change, Credential, Record, Role, RoleName, UserName};
use milvus_rbac::store::{MemoryStore, SledOptions, SledStore};
use serde_json::json;
use tonic::Code;

use crate::store_contract::add_behind_its_back;
use crate::support::{Grpc, Log, ROOT, TestServer, input_error, settings, success};

const GOOD: &str = "Passw0rd!";
const USERS: &str = "root-coord/credential/users/";

fn nobody() -> Caller {
    Caller::unauthenticated(Peer::LOCAL)
}

fn password(text: &str) -> Password {
    Password::from(text.as_bytes().to_vec())
}

/// A deployment in memory on these pairs.
fn on_pairs(pairs: &[(&str, &str)]) -> Deployment {
    let pairs = pairs.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.as_bytes().into()));
    let store = Box::new(MemoryStore::from_pairs(pairs));
    Deployment::open(store, &settings(Compat::Documented)).unwrap()
}

async fn logs_in(deployment: &Deployment, user: &str, password: &str) -> bool {
    let login = Login::new(user, password.as_bytes());
    deployment.authorizer().log_in(login, Peer::LOCAL).await.is_ok()
}

#[tokio::test]
async fn a_root_that_cannot_be_read_is_not_made_anew() {
    for value in ["{", "", "[]", "nonsense", "{\"encrypted_password\":5}"] {
        let deployment = on_pairs(&[(&format!("{USERS}root"), value)]);
        let found = deployment.admin().bootstrap(Some(&password(ROOT.1))).await.unwrap();
        assert_eq!((found.root_created, found.root_missing), (false, false), "{value}");
        assert!(!logs_in(&deployment, "root", ROOT.1).await, "{value}");
        assert_eq!(deployment.admin().list_users(), ["root"], "{value}");
        // The way back in is the operator's.
        deployment.admin().reset_password("root", &password(GOOD)).await.unwrap();
        assert!(logs_in(&deployment, "root", GOOD).await, "{value}");
    }
}

#[tokio::test]
async fn a_server_starts_on_a_root_that_cannot_be_read() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    write(&data, &["ann"], Vec::new()).await;
    add_behind_its_back(&data, &[(&format!("{USERS}root"), b"{")]);
    std::fs::remove_file(data.join("high-water")).unwrap();
    let server = TestServer::with(on(&data, settings(Compat::Documented))).await;
    assert!(!server.grpc(ROOT).await.logs_in().await);
    assert!(server.grpc(("ann", GOOD)).await.logs_in().await);
    assert_eq!(server.deployment.admin().list_users(), ["ann", "root"]);
}

#[tokio::test]
async fn a_user_that_cannot_be_read_is_there_and_keeps_its_name() {
    let deployment = on_pairs(&[(&format!("{USERS}ann"), "{")]);
    let admin = deployment.admin();
    let found = admin.bootstrap(Some(&password(ROOT.1))).await.unwrap();
    assert_eq!((found.root_created, found.root_missing), (false, true), "there are users");
    let again = NewUser {
        name: "ann".to_owned(),
        password: GivenPassword::plain(GOOD.to_owned()),
        description: None,
    };
    let error = admin.create_user(&nobody(), again).await.unwrap_err();
    assert!(matches!(&error, AdminError::UserExists(name) if name == "ann"), "{error}");
    for password in ["", GOOD] {
        assert!(!logs_in(&deployment, "ann", password).await);
    }
    admin.delete_user(&nobody(), "ann").await.unwrap();
    assert_eq!(admin.list_users(), [""; 0]);
}

/// Puts these records, as they are, and these users with [`GOOD`] into a sled directory.
async fn write(data: &Path, users: &[&str], mut records: Vec<Record>) {
    let store = SledStore::open(data, SledOptions::default()).unwrap();
    let deployment = Deployment::open(Box::new(store), &settings(Compat::Documented)).unwrap();
    for user in users {
        let hash = deployment.verifier().hash(&password(GOOD), Peer::LOCAL).await.unwrap();
        let credential = Credential { hash, description: None, time_tick: 0 };
        records.push(Record::User(UserName::new(user).unwrap(), credential));
    }
    let changes: Vec<Change> = records.into_iter().map(Change::Put).collect();
    let plan = move |_: &_| Ok::<_, Infallible>(((), changes.clone()));
    deployment.admin().writer().submit(plan).await.unwrap();
    deployment.close().unwrap();
}

fn on(data: &Path, mut settings: Settings) -> Settings {
    settings.store = StoreSetting::Sled(data.to_owned());
    settings
}

const PADDED: &str = " ms_sp ";

/// A server whose store has `ms_sp`, the same with blanks around it, and root.
async fn with_padded(data: &Path, compat: Compat) -> TestServer {
    write(data, &["ms_sp", PADDED, "root"], Vec::new()).await;
    TestServer::with(on(data, settings(compat))).await
}

/// The name of the one user that a look-up shows, or the code that it was refused with.
async fn seen(client: &Grpc, name: &str) -> Result<String, Code> {
    let found = client.select_user(name).await.map_err(|status| status.code())?;
    Ok(found.unwrap().user.unwrap().name)
}

#[tokio::test]
async fn a_user_sees_itself_and_not_the_one_with_blanks_around_the_name() {
    for compat in [Compat::Documented, Compat::Milvus] {
        let home = tempfile::tempdir().unwrap();
        let server = with_padded(&home.path().join("data"), compat).await;
        let (bare, padded) =
            (server.grpc(("ms_sp", GOOD)).await, server.grpc((PADDED, GOOD)).await);
        assert_eq!(seen(&bare, PADDED).await, Err(Code::PermissionDenied));
        assert_eq!(seen(&padded, "ms_sp").await, Err(Code::PermissionDenied));
        assert_eq!(seen(&padded, PADDED).await.unwrap(), PADDED);
        // Other blanks are no name of anybody's, and trimmed.
        for name in ["ms_sp", "  ms_sp", "\tms_sp"] {
            assert_eq!(seen(&bare, name).await.unwrap(), "ms_sp", "{name:?}");
            assert_eq!(seen(&padded, name).await, Err(Code::PermissionDenied), "{name:?}");
        }
        for (login, name, status) in [
            ("ms_sp", PADDED, 403),
            (PADDED, PADDED, 200),
            (PADDED, "ms_sp", 403),
            ("ms_sp", "ms_sp", 200),
        ] {
            let body = json!({"userName": name});
            let answer = server.rest((login, GOOD)).post("users/describe", &body).await;
            assert_eq!(answer.status, status, "{login:?} looks at {name:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_name_with_blanks_that_is_stored_so_is_changed_and_deleted_alone() {
    const NEW: &str = "N3w-Passw0rd";
    for compat in [Compat::Documented, Compat::Milvus] {
        let home = tempfile::tempdir().unwrap();
        let server = with_padded(&home.path().join("data"), compat).await;
        let root = server.grpc(("root", GOOD)).await;
        let log = Log::begin();
        assert_eq!(root.update_password(PADDED, GOOD, NEW).await.unwrap(), success());
        assert_eq!(root.operate_user_role(PADDED, "admin", 0).await.unwrap(), success());
        log.line(r#""operation":"update user","target":"\" ms_sp \"","outcome":"done""#).await;
        log.line(r#""target":"\" ms_sp  to admin\"","outcome":"done""#).await;
        assert!(server.grpc((PADDED, NEW)).await.logs_in().await);
        assert!(server.grpc(("ms_sp", GOOD)).await.logs_in().await);
        assert_eq!(root.delete_user(PADDED).await.unwrap(), success());
        assert_eq!(root.list_users().await.unwrap(), ["ms_sp", "root"]);
        // From now on it means the other one.
        assert_eq!(root.delete_user(PADDED).await.unwrap(), success());
        assert_eq!(root.list_users().await.unwrap(), ["root"]);
    }
}

#[tokio::test]
async fn root_with_blanks_is_root_unless_it_is_stored_so() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    write(&data, &["root", "\troot"], Vec::new()).await;
    let server = TestServer::with(on(&data, settings(Compat::Documented))).await;
    let root = server.grpc(("root", GOOD)).await;
    let text = "root user cannot be deleted: privilege not permitted";
    for name in ["root", " root ", "root "] {
        assert_eq!(root.delete_user(name).await.unwrap(), input_error(1401, 1, text), "{name:?}");
    }
    // It is a user like any other.
    let padded = server.grpc(("\troot", GOOD)).await;
    assert_eq!(padded.list_users().await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(root.delete_user("\troot").await.unwrap(), success());
    assert_eq!(root.delete_user("\troot").await.unwrap(), input_error(1401, 1, text));
    assert_eq!(root.list_users().await.unwrap(), ["root"]);
}

/// The role admin, and a binding of root to it.
fn leftovers() -> Vec<Record> {
    let (root, admin) = (UserName::new("root").unwrap(), RoleName::new("admin").unwrap());
    vec![Record::Role(admin.clone(), Role::default()), Record::Binding(root, admin)]
}

#[tokio::test]
async fn a_root_made_anew_has_no_roles_of_an_earlier_one() {
    for others in [&[][..], &["ann"]] {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        write(&data, others, leftovers()).await;
        if !others.is_empty() {
            // Only the operator makes it then.
            let store = SledStore::open(&data, SledOptions::default()).unwrap();
            let offline = Deployment::open(Box::new(store), &settings(Compat::Documented)).unwrap();
            offline.admin().reset_password("root", &password(GOOD)).await.unwrap();
            offline.close().unwrap();
        }
        let mut settings = on(&data, settings(Compat::Documented));
        settings.security.root_should_bind_role = true;
        let server = TestServer::with(settings).await;
        let login = ("root", if others.is_empty() { ROOT.1 } else { GOOD });
        let root = server.grpc(login).await;
        let status = root.create_role("role_a").await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{status}");
        assert_eq!(root.select_user("root").await.unwrap().unwrap().roles, []);
        let state = server.deployment.admin().snapshots().get();
        assert!(state.roles_of("root").is_empty() && state.role("admin").is_some());
    }
}
