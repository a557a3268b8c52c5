//! `reset-password`: the way back in for whoever has the data directory, and for nobody else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use milvus_rbac::config::Compat;
use milvus_rbac::deployment::Deployment;
use milvus_rbac::model::{Change, Record, RecordKey, UserName};
use milvus_rbac::store::{SledOptions, SledStore};

use crate::support::{Ended, Grpc, Process, ROOT, binary, run, serve, settings};

const NEW: &str = "N3w-Passw0rd";

fn command(data: &Path, user: &str) -> Command {
    let mut command = binary();
    command.args(["reset-password", user, "--store"]).arg(format!("sled:{}", data.display()));
    command
}

/// Resets and expects success.
#[track_caller]
fn reset(data: &Path, user: &str, stdin: &str) {
    let Ended { code, stdout, stderr } = run(command(data, user), stdin);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stdout, format!("the password of {} has been set\n", user.trim()));
    assert!(!stderr.contains(stdin.trim()), "{stderr}");
}

/// Resets and expects a refusal that says this.
#[track_caller]
fn refused(command: Command, stdin: &str, wanted_code: i32, text: &str) {
    let Ended { code, stdout, stderr } = run(command, stdin);
    assert_eq!((code, stdout.as_str()), (Some(wanted_code), ""), "{stderr}");
    assert!(stderr.contains(text), "{text} is not in {stderr}");
    assert!(stdin.trim().is_empty() || !stderr.contains(stdin.trim()), "{stderr}");
}

/// Whether each of these logins is accepted by a server on the directory, which is stopped again.
async fn accepted<const N: usize>(data: &Path, logins: [(&str, &str); N]) -> [bool; N] {
    let process = Process::start(data);
    let mut accepted = [false; N];
    for (accepted, login) in accepted.iter_mut().zip(logins) {
        *accepted = Grpc::connect(process.address, login).await.logs_in().await;
    }
    process.kill();
    accepted
}

/// A directory with root and `ann`.
async fn with_ann(data: &Path) {
    let process = Process::start(data);
    let root = Grpc::connect(process.address, ROOT).await;
    assert_eq!(root.create_user("ann", "Passw0rd!").await.unwrap().code, 0);
    assert_eq!(root.create_role("role_a").await.unwrap().code, 0);
    assert_eq!(root.operate_user_role("ann", "role_a", 0).await.unwrap().code, 0);
    process.kill();
}

/// A directory with users but without root, as somebody may have left it behind.
async fn without_root(data: &Path) {
    with_ann(data).await;
    let store = SledStore::open(data, SledOptions::default()).unwrap();
    let deployment = Deployment::open(Box::new(store), &settings(Compat::Documented)).unwrap();
    let root = UserName::new("root").unwrap();
    let remove = move |_: &_| {
        let change = Change::Delete(RecordKey::User(root.clone()));
        Ok::<_, std::convert::Infallible>(((), vec![change]))
    };
    deployment.admin().writer().submit(remove).await.unwrap();
    deployment.close().unwrap();
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_and_everything_else_stays() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    with_ann(&data).await;
    reset(&data, "root", &format!("{NEW}\n"));
    let logins = [ROOT, ("root", NEW), ("ann", "Passw0rd!")];
    assert_eq!(accepted(&data, logins).await, [false, true, true]);
    // Line ends of any kind, none, and a name with blanks around it.
    for (number, end) in ["\n", "\r\n", ""].iter().enumerate() {
        let password = format!("{NEW}{number}");
        reset(&data, " ann ", &format!("{password}{end}"));
        let logins = [("ann", "Passw0rd!"), ("ann", &password)];
        assert_eq!(accepted(&data, logins).await, [false, true], "{end:?}");
    }
    let process = Process::start(&data);
    let root = Grpc::connect(process.address, ("root", NEW)).await;
    let ann = root.select_user("ann").await.unwrap().unwrap();
    assert_eq!(ann.roles[0].name, "role_a");
}

#[tokio::test]
async fn while_the_server_is_up_its_lock_refuses() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let process = Process::start(&data);
    let text = "is in use by another process; stop that one";
    refused(command(&data, "root"), NEW, 1, text);
    assert!(Grpc::connect(process.address, ROOT).await.logs_in().await);
    process.kill();
    reset(&data, "root", NEW);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_and_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    with_ann(&data).await;
    let class_rule = "three of upper-case letters, lower-case letters, digits and special";
    refused(command(&data, "root"), "alllowercase\n", 1, class_rule);
    refused(command(&data, "root"), "Sh0rt!\n", 1, "invalid password");
    refused(command(&data, "root"), &format!("A1!{}", "a".repeat(70)), 1, "invalid password");
    refused(command(&data, "root"), "", 1, "standard input holds no password");
    refused(command(&data, "root"), "\n", 1, "standard input holds no password");
    refused(command(&data, "bob"), NEW, 1, "there is no user `bob` in this store");
    refused(command(&data, "Root"), NEW, 1, "there is no user `Root` in this store");
    refused(command(&data, ""), NEW, 1, "there is no user `` in this store");
    let logins = [ROOT, ("ann", "Passw0rd!"), ("bob", NEW), ("Root", NEW), ("root", NEW)];
    assert_eq!(accepted(&data, logins).await, [true, true, false, false, false]);
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    refused(command(&data, "root"), NEW, 1, "is no data directory");
    assert!(!data.exists());
    let mut memory = binary();
    memory.args(["reset-password", "root", "--store", "memory:"]);
    refused(memory, NEW, 2, "`memory:` keeps nothing between runs");
}

#[tokio::test]
async fn a_lost_root_is_never_made_by_a_start_but_by_the_operator() {
    let home = tempfile::tempdir().unwrap();
    let (data, log) = (home.path().join("data"), home.path().join("log"));
    without_root(&data).await;
    for _ in 0..2 {
        let process = Process::spawn_logging(serve(&data), &log).unwrap();
        assert!(process.ready.contains(" users=1 "), "{}", process.ready);
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(text.contains("there are users but no root"), "{text}");
        assert!(text.contains("milvus-rbac reset-password root"), "{text}");
        assert!(!Grpc::connect(process.address, ROOT).await.logs_in().await);
        assert!(Grpc::connect(process.address, ("ann", "Passw0rd!")).await.logs_in().await);
        process.kill();
    }
    // Nobody else is made, and root only with a password that will do.
    refused(command(&data, "bob"), NEW, 1, "there is no user `bob`");
    refused(command(&data, "root"), "Milvus", 1, "invalid password");
    reset(&data, "root", NEW);
    let logins = [ROOT, ("root", NEW), ("ann", "Passw0rd!")];
    assert_eq!(accepted(&data, logins).await, [false, true, true]);
    let process = Process::start(&data);
    let root = Grpc::connect(process.address, ("root", NEW)).await;
    assert_eq!(root.list_users().await.unwrap(), ["ann", "root"]);
    assert_eq!(root.create_role("role_b").await.unwrap().code, 0);
}

#[tokio::test]
async fn the_password_is_the_first_line_and_nothing_after_it() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    with_ann(&data).await;
    for (number, rest) in ["\n", "\nmore\n", "\r\nmore", "\n\n\n"].iter().enumerate() {
        let password = format!("{NEW}{number}");
        reset(&data, "ann", &format!("{password}{rest}"));
        let logins = [("ann", &*password), ("ann", "Passw0rd!")];
        assert_eq!(accepted(&data, logins).await, [true, false], "{rest:?}");
    }
    refused(command(&data, "ann"), &format!("\n{NEW}\n"), 1, "standard input holds no password");
}

#[test]
fn an_empty_directory_is_no_data_directory_and_stays_empty() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    refused(command(&data, "root"), NEW, 1, "is no data directory");
    assert_eq!(fs::read_dir(&data).unwrap().count(), 0);
}

#[tokio::test]
async fn a_user_stored_with_blanks_around_the_name_is_meant_by_them() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    with_ann(&data).await;
    let store = SledStore::open(&data, SledOptions::default()).unwrap();
    let deployment = Deployment::open(Box::new(store), &settings(Compat::Documented)).unwrap();
    let ann = deployment.admin().snapshots().get().user("ann").unwrap().credential.clone();
    let copy = Change::Put(Record::User(UserName::new(" ann ").unwrap(), ann));
    let plan = move |_: &_| Ok::<_, std::convert::Infallible>(((), vec![copy.clone()]));
    deployment.admin().writer().submit(plan).await.unwrap();
    deployment.close().unwrap();
    let ended = run(command(&data, " ann "), NEW);
    assert_eq!((ended.code, &*ended.stdout), (Some(0), "the password of  ann  has been set\n"));
    let logins = [(" ann ", NEW), ("ann", NEW), ("ann", "Passw0rd!")];
    assert_eq!(accepted(&data, logins).await, [true, false, true]);
}
