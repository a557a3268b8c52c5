//! `copy` from and to a true etcd: the same bytes, all or nothing, whoever looks on and whatever
//! ends it.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use milvus_rbac::policy::find;
use milvus_rbac::proto::milvus as pb;
use milvus_rbac::store::{EtcdOptions, EtcdStore, Store as _};
use serde_json::{Value, json};
use tonic::Code;

use crate::copy::{Pair, command, pairs, put, refused, sled};
use crate::decisions_served::message;
use crate::support::etcd::{Cluster, Mode, Relay, Replica};
use crate::support::{Ended, Grpc, ROOT, Wire, basic, framed, milvus_path, number_of, run};

const CREDENTIAL: &str = "root-coord/credential/";
/// A user whose password is `Milvus`.
const MILVUS: &str =
    r#"{"encrypted_password":"$2a$04$3GowI3ujzdFTvpz0wIUxieG2dWgEAiqmKPCzp/PonyiCkuv29zota"}"#;
/// Longest wait for what always happens.
const PATIENCE: Duration = Duration::from_secs(30);

fn etcd(cluster: &Cluster, root: &str) -> String {
    format!("etcd://{}/{root}", cluster.endpoint(0))
}

/// Copies, and gives the closing line and the log.
#[track_caller]
fn copied(from: &str, to: &str, more: &[&str]) -> (String, String) {
    let mut command = command(from, to);
    command.args(more);
    let Ended { code, stdout, stderr } = run(command, "");
    assert_eq!(code, Some(0), "{stderr}");
    (stdout, stderr)
}

/// What stands under Milvus's keys below a root path, without it.
fn records(cluster: &Cluster, root: &str) -> Vec<Pair> {
    let whole = cluster.dump(format!("{root}/root-coord/"));
    whole.into_iter().map(|(key, value)| (key[root.len() + 1..].to_vec(), value)).collect()
}

/// How many keys a large change has left below a root path.
fn journal(cluster: &Cluster, root: &str) -> usize {
    cluster.dump(format!("{root}/milvus-rbac/journal")).len()
}

fn waits_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A directory with so many users, each in one of a hundred roles with a grant; with root or not.
fn fill(path: &Path, users: usize, has_root: bool) {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    if has_root {
        all.insert(format!("{CREDENTIAL}users/root"), MILVUS.to_owned());
    }
    for number in 0..100 {
        let id = format!("{number:032x}");
        all.insert(format!("{CREDENTIAL}roles/r{number}"), r#"{"description":""}"#.to_owned());
        let row = format!("{CREDENTIAL}grantee-privileges/r{number}/Collection/default.c");
        all.insert(row, id.clone());
        all.insert(format!("{CREDENTIAL}grantee-id/{id}/PrivilegeSearch"), "root".to_owned());
    }
    for number in 0..users {
        all.insert(format!("{CREDENTIAL}users/u{number}"), MILVUS.to_owned());
        let role = number % 100;
        all.insert(format!("{CREDENTIAL}user-role-mapping/u{number}/r{role}"), String::new());
    }
    let all: Vec<_> = all.iter().map(|(key, value)| (key.as_str(), value.as_bytes())).collect();
    put(path, &all);
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn what_went_to_etcd_and_back_is_the_same_bytes() {
    let cluster = Cluster::start(1);
    let home = tempfile::tempdir().unwrap();
    let (from, back) = (home.path().join("from"), home.path().join("back"));
    fill(&from, 3, true);
    let any: Vec<u8> = (0..=255).collect();
    put(
        &from,
        &[
            ("root-coord/credential/users/ bl anks ", b"\0{"),
            ("root-coord/credential/users/a/b", b"too many parts"),
            ("root-coord/credential/of-next-year/x", &any),
            ("root-coord/credential/grantee-privileges/r/Global/x/y", b"a row that nobody reads"),
            ("root-coord/credential/user-role-mapping/nobody/nothing", b"left over"),
            ("root-coord/credential/grantee-id/orphan/PrivilegeLoad", b""),
            ("root-coord/privilege-group/g", b"\n\x01g"),
            ("root-coord/privilege-group/broken", b"\xff"),
        ],
    );
    let ours = pairs(&from);
    // Somebody else's, here and there.
    put(&from, &[("root-coord/database/db-info/1", b"x")]);
    let foreign = "there/root-coord/database/db-info/2";
    cluster.put(foreign, "y");
    cluster.put("there/root-coord/credentials", "z");
    let there = etcd(&cluster, "there");
    let (line, _) = copied(&sled(&from), &there, &[]);
    assert!(line.contains(" unknown=3 ") && line.contains(" left_out=1 "), "{line}");
    let found = records(&cluster, "there");
    let is_ours = |key: &[u8]| !key.starts_with(b"root-coord/database/") && !key.ends_with(b"ials");
    let found: Vec<Pair> = found.into_iter().filter(|(key, _)| is_ours(key)).collect();
    assert_eq!(found, ours);
    assert_eq!(cluster.get(foreign).unwrap(), b"y");
    let (line, _) = copied(&there, &sled(&back), &[]);
    assert!(line.contains(" left_out=0 "), "{line}");
    assert_eq!(pairs(&back), ours);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The call, answered by nobody here, that needs a privilege of the dump.
fn call_of(privilege: &str) -> Option<&'static str> {
    Some(match privilege {
        "Delete" => "Delete",
        "IndexDetail" => "DescribeIndex",
        "Insert" => "Insert",
        "Load" => "LoadCollection",
        "Query" => "Query",
        "Search" => "Search",
        "CreateCollection" => "CreateCollection",
        "DropCollection" => "DropCollection",
        _ => return None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn what_a_milvus_has_left_is_served_from_a_directory_as_the_milvus_did() {
    let dump: Value = serde_json::from_str(include_str!("../../data/metastore-dump.json")).unwrap();
    let entries = dump["entries"].as_array().unwrap();
    let entry =
        |entry: &Value| (text(&entry["key"]).to_owned(), text(&entry["value_utf8"]).to_owned());
    let cluster = Cluster::start(1);
    cluster.put_all(entries.iter().map(entry));
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let before = cluster.dump("");
    let (line, _) = copied(&cluster.store(), &sled(&data), &[]);
    let counts = "copied users=4 roles=5 bindings=4 grants=11 groups=0 unknown=0 written=34 ";
    assert!(line.starts_with(counts), "{line}");
    assert_eq!(cluster.dump(""), before, "the source is only read");
    assert_eq!(pairs(&data), records(&cluster, "by-dev/meta"));

    let server = Replica::start(&sled(&data), &[("rbac.compat", "milvus")]).unwrap();
    for login in dump["expected"]["logins"].as_array().unwrap() {
        let client = server.grpc((text(&login[0]), text(&login[1]))).await;
        assert_eq!(client.logs_in().await, login[2].as_bool().unwrap(), "{login}");
    }
    let wire = Wire::connect(server.address()).await;
    let (mut allowed, mut denied) = (0, 0);
    for decision in dump["expected"]["decisions"].as_array().unwrap() {
        let [user, _, privilege, database, object] =
            std::array::from_fn(|column| text(&decision[column]));
        let Some(call) = call_of(privilege) else { continue };
        let path = milvus_path(call);
        let check = json!({"db": database, "objects": [object]});
        let body = framed(&message(&check, find(&path).unwrap()));
        let login = basic(user, text(&dump["passwords"][user]));
        let answer = wire.send(&path, &[("authorization", &login)], body).await;
        let (wanted, count) = if decision[5].as_bool().unwrap() {
            (Code::Unimplemented, &mut allowed)
        } else {
            (Code::PermissionDenied, &mut denied)
        };
        assert_eq!(answer.code, wanted, "{decision}: {}", answer.text);
        *count += 1;
    }
    println!("allowed={allowed} denied={denied}");
    assert!(allowed > 20 && denied > 20);
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn ten_thousand_users_go_to_etcd_at_once_and_leave_no_journal() {
    let cluster = Cluster::start(1);
    let home = tempfile::tempdir().unwrap();
    let from = home.path().join("from");
    fill(&from, 10_000, true);
    let begun = Instant::now();
    let (line, log) = copied(&sled(&from), &cluster.store(), &[]);
    println!("{:.1?}: {line}{log}", begun.elapsed());
    assert!(line.contains("users=10001 roles=100 bindings=10000 grants=100 "), "{line}");
    assert!(line.contains(" written=20301 deleted=0 "), "{line}");
    let words = ["20301 records of the source read", "writing 20301 records", "verifying"];
    let places: Vec<usize> = words.iter().map(|word| log.find(word).expect(word)).collect();
    assert!(places.is_sorted(), "{log}");
    assert!(log.contains("a large change is written in pieces"), "{log}");
    assert_eq!(records(&cluster, "by-dev/meta"), pairs(&from));
    assert_eq!(journal(&cluster, "by-dev/meta"), 0);
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn an_etcd_that_holds_something_is_united_only_when_it_is_said() {
    let cluster = Cluster::start(1);
    let home = tempfile::tempdir().unwrap();
    let from = home.path().join("from");
    // More than goes into one transaction, deletions included.
    fill(&from, 300, true);
    let below = format!("by-dev/meta/{CREDENTIAL}");
    cluster.put(format!("{below}users/bob"), MILVUS);
    cluster.put_all((0..200).map(|number| (format!("{below}user-role-mapping/u{number}/r1"), "")));
    cluster.put(format!("{below}grantee-privileges/r7/Global/*.*"), "id");
    cluster.put(format!("{below}grantee-id/id/PrivilegeAll"), "root");
    let before = cluster.dump("");
    let (from, to) = (sled(&from), cluster.store());
    let text = "the target holds 203 records already; nothing was written";
    refused(command(&from, &to), 1, text);
    assert_eq!(cluster.dump(""), before);
    let (line, _) = copied(&from, &to, &["--merge"]);
    // Of the memberships in r1, those of u1 and u101 are the source's, too.
    assert!(line.contains(" written=899 deleted=200 leftovers=0 left_out=0 "), "{line}");
    let mut wanted = pairs(&home.path().join("from"));
    wanted.push((format!("{CREDENTIAL}users/bob").into_bytes(), MILVUS.into()));
    wanted.sort();
    assert_eq!(records(&cluster, "by-dev/meta"), wanted);
    assert_eq!(journal(&cluster, "by-dev/meta"), 0);
    let (line, log) = copied(&from, &to, &["--merge"]);
    assert!(line.contains(" written=0 deleted=0 ") && !log.contains("writing"), "{line}{log}");
}

/// How many users a replica has; if it is all of them, each has its role.
async fn users_seen(root: &Grpc, all: usize) -> usize {
    let request = pb::SelectUserRequest { include_role_info: true, ..Default::default() };
    let users = root.rpc().select_user(request).await.unwrap().into_inner().results;
    if users.len() == all {
        assert!(users.iter().all(|user| user.roles.len() == 1));
    }
    users.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_replica_that_runs_meanwhile_sees_all_of_a_copy_or_nothing() {
    let users = 3000;
    let cluster = Cluster::start(1);
    let home = tempfile::tempdir().unwrap();
    let from = home.path().join("from");
    fill(&from, users, false);
    let replica = Replica::start(&cluster.store(), &[]).unwrap();
    let root = replica.grpc(ROOT).await;
    assert_eq!(users_seen(&root, users + 1).await, 1);
    let (source, target) = (sled(&from), cluster.store());
    let copy = tokio::task::spawn_blocking(move || copied(&source, &target, &["--merge"]));
    let (mut nothing, mut all) = (0, 0);
    while !copy.is_finished() || all == 0 {
        let seen = users_seen(&root, users + 1).await;
        assert!(seen == 1 || seen == users + 1, "{seen} users");
        assert!(all == 0 || seen > 1, "what was there is gone");
        if seen == 1 { nothing += 1 } else { all += 1 }
    }
    let (line, _) = copy.await.unwrap();
    println!("nothing={nothing} all={all}: {line}");
    assert!(nothing > 0 && all > 0);
    assert!(line.contains("users=3000 "), "{line}");
    assert_eq!(journal(&cluster, "by-dev/meta"), 0);
    // A user who came may do what the role may, and no more.
    let login = basic("u5", "Milvus");
    let wire = Wire::connect(replica.address()).await;
    for (call, code) in [("Search", Code::Unimplemented), ("Insert", Code::PermissionDenied)] {
        let path = milvus_path(call);
        let body = framed(&message(&json!({"objects": ["c"]}), find(&path).unwrap()));
        let answer = wire.send(&path, &[("authorization", &login)], body).await;
        assert_eq!(answer.code, code, "{call}: {}", answer.text);
    }
}

/// Starts a copy and waits until it says that it writes.
fn writing(mut command: Command) -> std::process::Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("writing")));
    // What nobody reads must not make it wait.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

/// How many records a replica finds that opens a root path now.
fn found(cluster: &Cluster, root: &str) -> usize {
    let options = EtcdOptions { root: root.to_owned(), ..EtcdOptions::new(cluster.endpoints()) };
    let mut store = EtcdStore::open(options).unwrap();
    let mut count = 0;
    store.scan(&mut |_, _| count += 1).unwrap();
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_copy_that_is_killed_leaves_all_of_it_or_nothing() {
    let cycles = number_of("KILL_CYCLES").unwrap_or(8);
    let cluster = Cluster::start(1);
    let home = tempfile::tempdir().unwrap();
    let (from, users) = (home.path().join("from"), 3000);
    fill(&from, users, true);
    let all = pairs(&from);
    let mut whole = writing(command(&sled(&from), &etcd(&cluster, "whole")));
    let begun = Instant::now();
    assert!(whole.wait().unwrap().success());
    let usual = begun.elapsed();
    let (mut empty, mut made, mut unfinished) = (0, 0, 0);
    for cycle in 0..cycles {
        let root = format!("kill{cycle}");
        let to = etcd(&cluster, &root);
        let mut child = writing(command(&sled(&from), &to));
        // The moment of the kill is what is random here; nothing is waited for. Every other one
        // comes early, while the pieces are written and nothing is made yet.
        let part = if cycle % 2 == 0 { usual / 10 } else { usual };
        let random = RandomState::new().hash_one(cycle) % 1000;
        std::thread::sleep(part * u32::try_from(random).unwrap() / 1000);
        child.kill().unwrap();
        child.wait().unwrap();
        match found(&cluster, &root) {
            0 => {
                empty += 1;
                assert_eq!(records(&cluster, &root), []);
                copied(&sled(&from), &to, &[]);
            }
            count => {
                made += 1;
                assert_eq!(count, all.len());
                let is_finished = journal(&cluster, &root) == 0;
                unfinished += usize::from(!is_finished);
                let back = home.path().join(&root);
                copied(&to, &sled(&back), &[]);
                assert_eq!(pairs(&back), all);
                // For a Milvus that reads along somebody has to make the rest of the writes.
                if made % 2 == 0 {
                    let replica = Replica::start(&to, &[]).unwrap();
                    assert_eq!(users_seen(&replica.grpc(ROOT).await, 0).await, users + 1);
                    waits_until("the journal is gone", || journal(&cluster, &root) == 0);
                } else {
                    let mut again = command(&sled(&from), &to);
                    again.arg("--merge");
                    if !is_finished {
                        let text =
                            "a large change in it was still being written; nothing was written";
                        refused(again, 1, text);
                    }
                    let (line, _) = copied(&sled(&from), &to, &["--merge"]);
                    assert!(line.contains(" written=0 deleted=0 "), "{line}");
                    assert_eq!(journal(&cluster, &root), 0);
                }
            }
        }
        let now: Vec<Pair> = records(&cluster, &root);
        let kept = now.iter().filter(|pair| all.binary_search(pair).is_ok()).count();
        assert_eq!(kept, all.len());
    }
    println!("usual={usual:.1?} empty={empty} whole={made}, of these unfinished={unfinished}");
    assert_eq!(empty + made, cycles);
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn an_etcd_that_does_not_answer_is_told_and_nothing_is_made() {
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("from"), home.path().join("to"));
    fill(&from, 3, true);
    let before = pairs(&from);
    let cluster = Cluster::start(1);
    let relay = Relay::to(&cluster.endpoint(0));
    let stranger = Replica::start("memory:", &[]).unwrap();
    let other = stranger.address().to_string();
    for (mode, endpoint, part) in [
        (Mode::Cut, relay.endpoint(), "Connection refused"),
        (Mode::Stall, relay.endpoint(), "no answer in time"),
        (Mode::Pass, other, "refuses this user"),
    ] {
        relay.set(mode);
        let address = format!("etcd://{endpoint}/by-dev/meta");
        for (source, target) in [(&address, &sled(&to)), (&sled(&from), &address)] {
            let mut command = command(source, target);
            command.env("MILVUS_RBAC_ETCD_REQUESTTIMEOUT", "500");
            let begun = Instant::now();
            let Ended { code, stdout, stderr } = run(command, "");
            println!("{stderr}");
            assert_eq!((code, &*stdout), (Some(1), ""), "{stderr}");
            let last = stderr.lines().last().unwrap();
            assert!(last.contains(&address) && last.contains(part), "{stderr}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{mode:?}");
        }
        assert!(!to.exists());
    }
    assert_eq!(pairs(&from), before);
    assert_eq!(cluster.dump(""), []);
}
