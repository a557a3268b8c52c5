//! What logins cost and give away: time, place in the queue, and hashes that grow stronger.

use std::path::Path;
use std::time::{Duration, Instant};

use milvus_rbac::config::{Compat, Settings, StoreSetting};
use milvus_rbac::credential::{CredentialError, Login, Password, Peer, RefusedWhy};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::store::MemoryStore;
use serde_json::json;
use tokio::task::JoinSet;
use tonic::Code;

use crate::support::{Grpc, Process, ROOT, TestServer, basic, serve, settings};

const PATIENCE: Duration = Duration::from_secs(20);
const ANN: (&str, &str) = ("ann", "Passw0rd!");

/// A deployment in memory with root, where failed logins are looked at however many there are.
async fn deployment() -> Deployment {
    let store = Box::new(MemoryStore::new());
    let mut settings = settings(Compat::Documented);
    settings.passwords.failed_logins_burst = 0;
    let deployment = Deployment::open(store, &settings).unwrap();
    let password = Password::from(ROOT.1.as_bytes().to_vec());
    deployment.admin().bootstrap(Some(&password)).await.unwrap();
    deployment
}

async fn login(deployment: &Deployment, user: &str, password: &str) -> Result<(), RefusedWhy> {
    let login = Login::new(user, password.as_bytes());
    match deployment.authorizer().log_in(login, Peer::LOCAL).await {
        Ok(_) => Ok(()),
        Err(CredentialError::Refused { why }) => Err(why),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_refusal_costs_one_bcrypt_whoever_was_asked_for() {
    let deployment = deployment().await;
    let jobs = || deployment.verifier().jobs_done();
    for number in 0..20 {
        let before = jobs();
        let password = format!("wrong-{number}");
        assert_eq!(login(&deployment, "root", &password).await, Err(RefusedWhy::WrongPassword));
        assert_eq!(jobs(), before + 1);
        assert_eq!(login(&deployment, "nobody", &password).await, Err(RefusedWhy::UnknownUser));
        assert_eq!(jobs(), before + 2);
    }
}

#[tokio::test]
async fn a_wrong_guess_after_a_good_login_costs_as_much_as_any() {
    let deployment = deployment().await;
    let jobs = || deployment.verifier().jobs_done();
    assert_eq!(login(&deployment, "root", "Milvus").await, Ok(()));
    let before = jobs();
    for number in 0..20 {
        let password = format!("Milvu{number}");
        assert_eq!(login(&deployment, "root", &password).await, Err(RefusedWhy::WrongPassword));
        assert_eq!(login(&deployment, "root", "Milvus").await, Ok(()));
        assert_eq!(jobs(), before + 1 + number, "the good one is remembered, the guess is not");
    }
}

/// Welch's t of the times of refusals of a known and of an unknown user, in turns.
async fn welch(deployment: &Deployment, tries: u32) -> f64 {
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..tries * 2 {
        // In pairs whose order alternates, so that neither is always the first.
        let who = usize::from((number % 4 == 1) || (number % 4 == 2));
        let password = format!("wrong-{number}");
        let begun = Instant::now();
        login(deployment, ["root", "toor"][who], &password).await.unwrap_err();
        times[who].push(begun.elapsed().as_secs_f64());
    }
    let [known, unknown] = times.map(|mut times| {
        // What the machine did meanwhile is in the slowest ones.
        times.sort_by(f64::total_cmp);
        times.truncate(times.len() * 9 / 10);
        let count = f64::from(u32::try_from(times.len()).unwrap());
        let mean = times.iter().sum::<f64>() / count;
        let squares: f64 = times.iter().map(|time| (time - mean).powi(2)).sum();
        (mean, squares / (count - 1.0) / count)
    });
    (known.0 - unknown.0) / (known.1 + unknown.1).sqrt()
}

/// Three attempts: a machine that is busy otherwise can make one look bad, a leak all of them.
async fn times_are_alike(tries: u32) {
    let deployment = deployment().await;
    let mut found = Vec::new();
    for _ in 0..3 {
        found.push(welch(&deployment, tries).await);
        println!("t = {found:?}");
        if found.last().unwrap().abs() < 4.5 {
            return;
        }
    }
    panic!("known and unknown users can be told apart: t = {found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_a_refusal_does_not_tell_who_exists() {
    times_are_alike(500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "20,000 bcrypts; for a quiet machine"]
async fn the_time_of_many_refusals_does_not_tell_who_exists() {
    times_are_alike(10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_logins_is_bounded_and_those_known_already_do_not_notice() {
    const BUSY: &str = "too many password checks are waiting, try again later";
    let mut settings = settings(Compat::Documented);
    settings.passwords.bcrypt_threads = 1;
    settings.passwords.bcrypt_queue = 4;
    // An unknown user costs this much, so the flood is faster than the thread.
    settings.passwords.bcrypt_cost = 9;
    let server = TestServer::with(settings).await;
    let root = server.grpc(ROOT).await;
    assert!(root.logs_in().await);
    let before = server.deployment.verifier().jobs_done();

    let mut flood = JoinSet::new();
    for number in 0..200 {
        let stranger = root.with_authorization(&basic("nobody", &format!("guess-{number}")));
        flood.spawn(async move { stranger.list_users().await.unwrap_err() });
    }
    let mut refused = 0;
    let mut looked_at = 0;
    let mut known = 0;
    while !flood.is_empty() {
        assert_eq!(root.list_users().await.unwrap(), ["root"]);
        known += 1;
        while let Some(status) = flood.try_join_next() {
            let status = status.unwrap();
            if status.code() == Code::ResourceExhausted {
                assert_eq!(status.message(), BUSY);
                refused += 1;
            } else {
                assert_eq!(status.code(), Code::Unauthenticated, "{status}");
                looked_at += 1;
            }
        }
    }
    assert!(refused > 0 && looked_at > 0, "{refused} refused, {looked_at} looked at");
    assert_eq!(server.deployment.verifier().jobs_done(), before + looked_at);
    assert!(known >= 5, "{known} calls of a known caller while strangers waited");

    let mut flood = JoinSet::new();
    for number in 0..100 {
        let stranger = server.rest(("nobody", &format!("other-guess-{number}")));
        flood.spawn(async move { stranger.post("users/list", &json!({})).await });
    }
    let answers = flood.join_all().await;
    let (busy, wrong): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 429);
    assert!(!busy.is_empty() && !wrong.is_empty());
    for answer in busy {
        assert_eq!(answer.json(), json!({"code": 8, "message": BUSY}));
    }
    for answer in wrong {
        assert_eq!(answer.status, 401);
    }
}

/// A directory with `ann`, whose hash has cost 4.
async fn with_cheap_hash(data: &Path) {
    let server = TestServer::with(on(data, Compat::Documented, 4)).await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user(ANN.0, ANN.1).await.unwrap().code, 0);
    assert!(hash_of_ann(&server).starts_with("$2a$04$"));
    server.stop().await;
}

fn on(data: &Path, compat: Compat, cost: u32) -> Settings {
    let mut settings = settings(compat);
    settings.store = StoreSetting::Sled(data.to_owned());
    settings.passwords.bcrypt_cost = cost;
    settings
}

fn hash_of_ann(server: &TestServer) -> String {
    let state = server.deployment.admin().snapshots().get();
    state.user(ANN.0).unwrap().credential.hash.expose().to_owned()
}

fn revision(server: &TestServer) -> u64 {
    server.deployment.admin().snapshots().get().revision().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cheap_hash_is_raised_once_by_the_first_logins() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    with_cheap_hash(&data).await;
    let server = TestServer::with(on(&data, Compat::Documented, 5)).await;
    let before = revision(&server);
    let ann = server.grpc(ANN).await;
    let mut logins = JoinSet::new();
    for _ in 0..20 {
        let ann = ann.clone();
        logins.spawn(async move { ann.logs_in().await });
    }
    assert!(logins.join_all().await.into_iter().all(|accepted| accepted));
    let deadline = Instant::now() + PATIENCE;
    while !hash_of_ann(&server).starts_with("$2a$05$") {
        assert!(Instant::now() < deadline, "the hash was not raised");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let raised = hash_of_ann(&server);
    assert!(ann.logs_in().await);
    assert!(!server.grpc((ANN.0, "Passw0rd?")).await.logs_in().await);
    server.stop().await;

    let server = TestServer::with(on(&data, Compat::Documented, 5)).await;
    assert_eq!(hash_of_ann(&server), raised, "it is the stored one");
    assert_eq!(revision(&server), before + 1, "one change, not one for each login");
    assert!(server.grpc(ANN).await.logs_in().await);
}

#[tokio::test]
async fn in_milvus_mode_a_cheap_hash_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    with_cheap_hash(&data).await;
    let server = TestServer::with(on(&data, Compat::Milvus, 5)).await;
    let hash = hash_of_ann(&server);
    assert!(server.grpc(ANN).await.logs_in().await);
    server.stop().await;
    let server = TestServer::with(on(&data, Compat::Milvus, 5)).await;
    assert_eq!(hash_of_ann(&server), hash);
    let login = Login::new(ANN.0, ANN.1.as_bytes()).unwrap();
    let snapshots = server.deployment.admin().snapshots();
    let verifier = server.deployment.verifier();
    let known = verifier.authenticate(snapshots, &login, Peer::LOCAL).await.unwrap();
    assert!(known.raise.is_none(), "nobody is asked to raise it");
}

#[tokio::test]
async fn a_crash_before_the_raised_hash_is_stored_leaves_the_old_one_valid() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    with_cheap_hash(&data).await;
    let mut command = serve(&data);
    // More than a second: the process is dead before it is hashed.
    command.env("MILVUS_RBAC_RBAC_BCRYPTCOST", "14");
    let process = Process::spawn(command).unwrap();
    assert!(Grpc::connect(process.address, ANN).await.logs_in().await);
    process.kill();
    let server = TestServer::with(on(&data, Compat::Documented, 4)).await;
    assert!(hash_of_ann(&server).starts_with("$2a$04$"));
    assert!(server.grpc(ANN).await.logs_in().await);
}

#[tokio::test]
async fn who_has_no_rights_lists_neither_users_nor_roles() {
    for compat in [Compat::Documented, Compat::Milvus] {
        let server = TestServer::with(settings(compat)).await;
        let root = server.grpc(ROOT).await;
        assert_eq!(root.create_user(ANN.0, ANN.1).await.unwrap().code, 0);
        let ann = server.grpc(ANN).await;
        let denied = [ann.list_users().await.unwrap_err(), ann.list_roles().await.unwrap_err()];
        for status in denied {
            assert_eq!(status.code(), Code::PermissionDenied);
            let text = "PrivilegeSelectOwnership: permission deny to ann in the `*` database";
            assert_eq!(status.message(), text);
        }
        for path in ["users/list", "roles/list"] {
            let answer = server.rest(ANN).post(path, &json!({})).await;
            let text = "rpc error: code = PermissionDenied desc = PrivilegeSelectOwnership: \
                        permission deny to ann in the `*` database";
            assert_eq!(answer.status, 403);
            assert_eq!(answer.json(), json!({"code": 65535, "message": text}));
        }
    }
}

/// How nice the threads of bcrypt of a process are.
fn nice(process: u32) -> Vec<i32> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let read = |task: &Path, name: &str| std::fs::read_to_string(task.join(name)).ok();
    let nice = |task: &Path| {
        let (name, stat) = (read(task, "comm")?, read(task, "stat")?);
        let (_, fields) = stat.rsplit_once(") ")?;
        name.starts_with("bcrypt-").then(|| fields.split(' ').nth(16).unwrap().parse().unwrap())
    };
    tasks.filter_map(|task| nice(&task.unwrap().path())).collect()
}

#[tokio::test]
async fn the_threads_of_bcrypt_let_all_others_go_first() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::start(&home.path().join("data"));
    let deadline = Instant::now() + PATIENCE;
    // Each thread does that first.
    loop {
        let nice = nice(process.id());
        if !nice.is_empty() && nice.iter().all(|value| *value >= 10) {
            return;
        }
        assert!(Instant::now() < deadline, "{nice:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
