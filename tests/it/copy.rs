//! `copy`: everything of ours from one store to another, or nothing, and what is refused.

use std::fs;
use std::path::Path;
use std::process::Command;

use milvus_rbac::store::{Commit, SledOptions, SledStore, Store as _, Writes};

use crate::support::{Ended, Grpc, Process, ROOT, binary, run};

pub(crate) type Pair = (Vec<u8>, Vec<u8>);

pub(crate) fn command(from: &str, to: &str) -> Command {
    let mut command = binary();
    command.args(["copy", "--from", from, "--to", to]);
    command
}

pub(crate) fn sled(path: &Path) -> String {
    format!("sled:{}", path.display())
}

/// Copies between two directories, and gives the closing line and the log.
#[track_caller]
fn copied(from: &Path, to: &Path, more: &[&str]) -> (String, String) {
    let mut command = command(&sled(from), &sled(to));
    command.args(more);
    let Ended { code, stdout, stderr } = run(command, "");
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    (stdout, stderr)
}

/// Runs a copy that is refused with this code and text.
#[track_caller]
pub(crate) fn refused(command: Command, wanted: i32, text: &str) {
    let Ended { code, stdout, stderr } = run(command, "");
    assert_eq!((code, stdout.as_str()), (Some(wanted), ""), "{stderr}");
    assert!(stderr.contains(text), "{text} is not in {stderr}");
}

/// Everything in a directory but what sled's store keeps for itself.
pub(crate) fn pairs(path: &Path) -> Vec<Pair> {
    let mut store = SledStore::open(path, SledOptions::default()).unwrap();
    let mut pairs = Vec::new();
    store.scan(&mut |key, value| pairs.push((key.to_vec(), value.to_vec()))).unwrap();
    store.close().unwrap();
    pairs.sort();
    pairs
}

/// Writes pairs into a directory as they are.
pub(crate) fn put(path: &Path, pairs: &[(&str, &[u8])]) {
    let mut store = SledStore::open(path, SledOptions::default()).unwrap();
    let base = store.load().unwrap().revision;
    let pairs = pairs.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.to_vec()));
    assert!(matches!(store.write(base, Writes::of_pairs(pairs)), Commit::Committed(_)));
    store.close().unwrap();
}

/// A directory as a server leaves it: root, a user in a role, and a grant under an id.
async fn served(path: &Path, user: &str, id: &str, privilege: &str) {
    let process = Process::start(path);
    let root = Grpc::connect(process.address, ROOT).await;
    assert_eq!(root.create_user(user, "Passw0rd!").await.unwrap().code, 0);
    assert_eq!(root.create_role("role_a").await.unwrap().code, 0);
    assert_eq!(root.operate_user_role(user, "role_a", 0).await.unwrap().code, 0);
    process.kill();
    let row = "root-coord/credential/grantee-privileges/role_a/Collection/default.c1";
    let granted = format!("root-coord/credential/grantee-id/{id}/{privilege}");
    put(path, &[(row, id.as_bytes()), (&granted, b"root")]);
}

#[tokio::test]
async fn a_copy_holds_the_same_bytes_and_is_served_like_the_original() {
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("from"), home.path().join("to"));
    served(&from, "ann", "a", "PrivilegeSearch").await;
    // What this version does not know, and what is somebody else's.
    let unknown: [(&str, &[u8]); 3] = [
        ("root-coord/credential/of-next-year/x", b"\x00\xff"),
        ("root-coord/credential/users/a/b", b"{"),
        ("root-coord/privilege-group/a/b", b""),
    ];
    put(&from, &unknown);
    let ours = pairs(&from);
    put(&from, &[("root-coord/database/db-info/1", b"somebody else's")]);
    let before = pairs(&from);
    let (line, log) = copied(&from, &to, &[]);
    let written = ours.len();
    let counts = format!(
        "copied users=2 roles=2 bindings=1 grants=1 groups=0 unknown=3 written={written} \
         deleted=0 leftovers=0 left_out=1 from={} to={}\n",
        sled(&from),
        sled(&to)
    );
    assert_eq!(line, counts);
    for word in [&format!("{} records of the source read", written + 1), "verifying"] {
        assert!(log.contains(word), "{word} is not in {log}");
    }
    assert!(log.contains(&format!("writing {written} records")), "{log}");
    assert_eq!(pairs(&to), ours);
    assert_eq!(pairs(&from), before);
    let process = Process::start(&to);
    assert!(Grpc::connect(process.address, ROOT).await.logs_in().await);
    let ann = Grpc::connect(process.address, ("ann", "Passw0rd!")).await;
    let seen = ann.select_user("ann").await.unwrap().unwrap();
    assert_eq!(seen.roles[0].name, "role_a");
}

#[tokio::test]
async fn two_stores_are_united_only_when_it_is_said() {
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("from"), home.path().join("to"));
    served(&from, "ann", "a", "PrivilegeSearch").await;
    served(&to, "bob", "b", "PrivilegeInsert").await;
    let before = pairs(&to);
    let text = format!("the target holds {} records already; nothing was written", before.len());
    refused(command(&sled(&from), &sled(&to)), 1, &text);
    assert_eq!(pairs(&to), before);
    let (line, _) = copied(&from, &to, &["--merge"]);
    // Root, ann, her membership and one privilege; rows, roles and admin are there.
    assert!(line.starts_with("copied users=2 ") && line.contains(" written=4 "), "{line}");
    let process = Process::start(&to);
    let root = Grpc::connect(process.address, ROOT).await;
    assert_eq!(root.list_users().await.unwrap(), ["ann", "bob", "root"]);
    for user in ["ann", "bob"] {
        let seen = root.select_user(user).await.unwrap().unwrap();
        assert_eq!(seen.roles[0].name, "role_a", "{user}");
    }
    process.kill();
    let keys = pairs(&to).into_iter().map(|(key, _)| String::from_utf8(key).unwrap());
    let granted: Vec<String> = keys.filter(|key| key.contains("/grantee-id/")).collect();
    let under_b = |name: &str| format!("root-coord/credential/grantee-id/b/Privilege{name}");
    assert_eq!(granted, [under_b("Insert"), under_b("Search")]);
    let (line, log) = copied(&from, &to, &["--merge"]);
    assert!(line.contains(" written=0 ") && !log.contains("writing"), "{line}{log}");
}

#[tokio::test]
async fn a_merge_brings_no_right_back_by_a_name() {
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("from"), home.path().join("to"));
    served(&from, "ann", "a", "PrivilegeSearch").await;
    let process = Process::start(&to);
    let root = Grpc::connect(process.address, ROOT).await;
    assert_eq!(root.create_role("role_b").await.unwrap().code, 0);
    process.kill();
    // As an old Milvus leaves it when a user and a role are dropped.
    let leftovers: [(&str, &[u8]); 4] = [
        ("root-coord/credential/user-role-mapping/ann/role_b", b""),
        ("root-coord/credential/user-role-mapping/root/role_a", b""),
        ("root-coord/credential/grantee-privileges/role_a/Global/default.*", b"x"),
        ("root-coord/credential/grantee-id/x/PrivilegeAll", b"root"),
    ];
    put(&to, &leftovers);
    put(&from, &[("root-coord/credential/user-role-mapping/ann/role_b", b"")]);
    let (line, log) = copied(&from, &to, &["--merge"]);
    assert!(line.contains(" deleted=4 leftovers=1 left_out=0 "), "{line}");
    assert!(log.contains("4 leftovers of users, roles and groups of the target"), "{log}");
    assert!(log.contains("1 leftovers of users, roles and groups of the source"), "{log}");
    let keys: Vec<Vec<u8>> = pairs(&to).into_iter().map(|(key, _)| key).collect();
    assert!(leftovers.iter().all(|(key, _)| !keys.iter().any(|kept| kept == key.as_bytes())));
    let process = Process::start(&to);
    let ann = Grpc::connect(process.address, ("ann", "Passw0rd!")).await;
    let roles = ann.select_user("ann").await.unwrap().unwrap().roles;
    assert_eq!(roles.iter().map(|role| &*role.name).collect::<Vec<_>>(), ["role_a"]);
}

#[test]
fn a_store_that_keeps_nothing_is_neither_source_nor_target() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    put(&data, &[("root-coord/credential/users/root", b"{}")]);
    let text = "`memory:` keeps nothing between runs";
    refused(command("memory:", &sled(&data)), 2, &format!("--from: {text}"));
    refused(command(&sled(&data), "memory:"), 2, &format!("--to: {text}"));
}

#[test]
fn the_same_store_on_both_sides_is_refused_however_it_is_written() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    put(&data, &[("root-coord/credential/users/root", b"{}")]);
    std::os::unix::fs::symlink(&data, home.path().join("link")).unwrap();
    let text = "--from and --to are the same store";
    let dotted = data.join("../data/.");
    for to in [&data, &home.path().join("link"), &dotted] {
        let mut command = command(&sled(&data), &sled(to));
        command.arg("--merge");
        refused(command, 2, text);
    }
    refused(command("etcd://a:1,b:2/x", "etcd://c:3,b:2/x"), 2, text);
    refused(command("etcd://", "etcd://localhost:2379/by-dev/meta"), 2, text);
}

#[test]
fn a_source_that_is_not_there_or_empty_makes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("from"), home.path().join("to"));
    refused(command(&sled(&from), &sled(&to)), 1, "is no data directory");
    assert!(!from.exists() && !to.exists());
    fs::create_dir(&from).unwrap();
    refused(command(&sled(&from), &sled(&to)), 1, "is no data directory");
    fs::remove_dir(&from).unwrap();
    put(&from, &[("root-coord/database/db-info/1", b"x")]);
    refused(
        command(&sled(&from), &sled(&to)),
        1,
        "the source holds no users, roles, grants or groups (1 keys of others)",
    );
    assert!(!to.exists());
}

#[test]
fn addresses_are_judged_together_and_never_repeated() {
    let ended = run(command("etcd://root:hunter2@a:1", "rocks://hunter2"), "");
    assert_eq!(ended.code, Some(2));
    let text = ended.stderr;
    assert!(text.contains("--from: an address holds no user and no password"), "{text}");
    assert!(text.contains("--to: `rocks:` is no store"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let mut wrong = command("sled:a", "etcd://a");
    wrong.env("MILVUS_RBAC_NONSENSE", "1");
    let text = run(wrong, "").stderr;
    assert_eq!(text.matches("MILVUS_RBAC_NONSENSE").count(), 1, "{text}");
    assert!(text.contains("--to: endpoint 1 names no port"), "{text}");
}

#[tokio::test]
async fn a_directory_that_is_served_is_refused_on_either_side() {
    let home = tempfile::tempdir().unwrap();
    let (used, other) = (home.path().join("used"), home.path().join("other"));
    put(&other, &[("root-coord/credential/users/root", b"{}")]);
    let process = Process::start(&used);
    for (from, to) in [(&used, &other), (&other, &used)] {
        refused(command(&sled(from), &sled(to)), 1, "is in use by another process");
    }
    assert!(Grpc::connect(process.address, ROOT).await.logs_in().await);
}

#[test]
fn a_loss_is_accepted_of_the_source_and_never_of_the_target() {
    let home = tempfile::tempdir().unwrap();
    let (behind, whole) = (home.path().join("behind"), home.path().join("whole"));
    put(&whole, &[("root-coord/credential/users/ann", b"{}")]);
    // A mark of two revisions later stands beside a store of one.
    put(&behind, &[("root-coord/credential/users/root", b"{}")]);
    let old = home.path().join("old");
    copy_files(&behind, &old);
    put(&behind, &[("root-coord/credential/users/root", b"{ }")]);
    put(&behind, &[("root-coord/credential/users/root", b"{  }")]);
    fs::copy(behind.join("high-water"), old.join("high-water")).unwrap();
    let text = "is behind its high-water mark";
    let accepting = |from: &Path, to: &Path| {
        let mut command = command(&sled(from), &sled(to));
        command.args(["--merge", "--accept-data-loss"]);
        command
    };
    refused(command(&sled(&old), &sled(&whole)), 1, text);
    refused(accepting(&whole, &old), 1, text);
    assert_eq!(run(accepting(&old, &whole), "").code, Some(0));
    assert_eq!(pairs(&whole).len(), 2);
}

/// Copies a directory with its modes, as an administrator would.
fn copy_files(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

#[test]
fn help_tells_the_rule() {
    let mut command = binary();
    command.args(["copy", "--help"]);
    let help = run(command, "").stdout;
    for part in ["--merge", "no right comes back", "the target's ids stay", "etcd.auth", "by-dev"] {
        assert!(help.contains(part), "{part} is not in {help}");
    }
}
