//! Guessing passwords: after a hundred failed logins a name may fail ten times a minute, whoever
//! tries it, from where, and over which protocol. Who is logged in goes on working.

use std::net::{Ipv4Addr, SocketAddr};

use milvus_rbac::config::Compat;
use milvus_rbac::proto::common::ErrorCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tonic::Code;

use crate::support::{Grpc, Log, ROOT, TestServer, basic, settings};

const TEXT: &str = "too many failed logins for this user, try again later; programs that are \
                    logged in go on working";
const ANN: (&str, &str) = ("ann", "Passw0rd!");

/// A server on which no token comes back while a test runs: one an hour, so to speak.
async fn server(burst: u32) -> TestServer {
    let mut settings = settings(Compat::Documented);
    settings.passwords.failed_logins_burst = burst;
    settings.passwords.failed_logins_per_minute = 1;
    TestServer::with(settings).await
}

async fn with_ann(burst: u32) -> (TestServer, Grpc) {
    let server = server(burst).await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user(ANN.0, ANN.1).await.unwrap().code, 0);
    (server, root)
}

/// How a login with this password ends.
async fn try_login(client: &Grpc, user: &str, password: &str) -> Code {
    let client = client.with_authorization(&basic(user, password));
    // Of oneself, which everybody may.
    client.select_user(user).await.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn a_hundred_guesses_later_no_guess_is_looked_at_and_who_is_logged_in_goes_on() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    assert!(root.logs_in().await);
    for name in ["root", "nobody"] {
        let before = server.deployment.verifier().jobs_done();
        let mut ends = Vec::new();
        for number in 0..110 {
            ends.push(try_login(&root, name, &format!("guess-{number}")).await);
        }
        let looked_at = server.deployment.verifier().jobs_done() - before;
        let refused = ends.iter().filter(|end| **end == Code::Unauthenticated).count();
        let throttled = ends.iter().filter(|end| **end == Code::ResourceExhausted).count();
        // Ten a minute come back meanwhile.
        assert!((100..=110).contains(&refused) && refused + throttled == 110, "{ends:?}");
        assert!(ends[..100].iter().all(|end| *end == Code::Unauthenticated));
        assert_eq!(looked_at, u64::try_from(refused).unwrap());
        assert!(throttled > 0);
    }
    assert_eq!(root.list_users().await.unwrap(), ["root"]);
}

#[tokio::test]
async fn while_a_name_is_throttled_no_password_is_right_and_all_names_are_told_the_same() {
    let (server, root) = with_ann(3).await;
    for name in [ANN.0, "nobody"] {
        for number in 0..3 {
            let end = try_login(&root, name, &format!("guess-{number}")).await;
            assert_eq!(end, Code::Unauthenticated);
        }
        for password in [ANN.1, "another guess"] {
            let client = root.with_authorization(&basic(name, password));
            let status = client.list_roles().await.unwrap_err();
            assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, TEXT));
            let answer = server.rest((name, password)).post("users/list", &json!({})).await;
            assert_eq!(answer.status, 429);
            assert_eq!(answer.json(), json!({"code": 8, "message": TEXT}));
        }
    }
    assert!(root.logs_in().await, "other names are not touched");
}

#[tokio::test]
async fn both_protocols_and_wrong_old_passwords_count_together() {
    let (server, root) = with_ann(4).await;
    let ann = server.grpc(ANN).await;
    assert!(ann.logs_in().await);
    assert_eq!(try_login(&root, ANN.0, "guess-1").await, Code::Unauthenticated);
    let answer = server.rest((ANN.0, "guess-2")).post("users/list", &json!({})).await;
    assert_eq!(answer.status, 401);
    for old in ["guess-3", "guess-4"] {
        let answer = ann.update_password(ANN.0, old, "N3w-Passw0rd").await.unwrap();
        assert_eq!(answer.code, 1400, "{answer:?}");
    }
    let status = ann.update_password(ANN.0, "guess-5", "N3w-Passw0rd").await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let text = "too many failed logins for this user, try again later; nothing was written";
    assert_eq!(status.message(), text);
    assert_eq!(try_login(&root, ANN.0, "guess-6").await, Code::ResourceExhausted);
    // The right old password is looked at no more than any; root needs none for another user.
    let status = ann.update_password(ANN.0, ANN.1, "N3w-Passw0rd").await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(ann.logs_in().await);
    let reset = root.update_password(ANN.0, "", "N3w-Passw0rd").await.unwrap();
    assert_eq!(reset.error_code, i32::from(ErrorCode::Success), "{reset:?}");
}

#[tokio::test]
async fn who_repeats_one_wrong_password_locks_nobody_out() {
    let (server, root) = with_ann(3).await;
    let before = server.deployment.verifier().jobs_done();
    for _ in 0..50 {
        assert_eq!(try_login(&root, ANN.0, "yesterday's").await, Code::Unauthenticated);
        assert_eq!(try_login(&root, "nobody", "yesterday's").await, Code::Unauthenticated);
    }
    // Once in five seconds.
    let looked_at = server.deployment.verifier().jobs_done() - before;
    assert!((2..=6).contains(&looked_at), "{looked_at}");
    assert_eq!(try_login(&root, ANN.0, ANN.1).await, Code::Ok);
}

#[tokio::test]
async fn a_good_login_gives_its_token_back_and_guesses_beside_it_get_no_way_around() {
    let (_server, root) = with_ann(5).await;
    for number in 0..5 {
        assert_eq!(try_login(&root, ANN.0, ANN.1).await, Code::Ok);
        let end = try_login(&root, ANN.0, &format!("guess-{number}")).await;
        assert_eq!(end, Code::Unauthenticated);
    }
    assert_eq!(try_login(&root, ANN.0, "guess-5").await, Code::ResourceExhausted);
    assert_eq!(try_login(&root, ANN.0, ANN.1).await, Code::Ok);
}

#[tokio::test]
async fn who_guesses_from_a_thousand_addresses_has_one_burst() {
    let server = server(100).await;
    let mut statuses = Vec::new();
    for number in 0..1_000_u32 {
        let [_, _, high, low] = number.to_be_bytes();
        let from = SocketAddr::from((Ipv4Addr::new(127, 1, high, low), 0));
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(from).unwrap();
        let mut stream = socket.connect(server.address).await.unwrap();
        let request = format!(
            "POST /v2/vectordb/users/list HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\
             Content-Type: application/json\r\nAuthorization: Bearer root:guess-{number}\r\n\
             Connection: close\r\n\r\n{{}}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        statuses.push(answer.split(' ').nth(1).unwrap().to_owned());
    }
    let refused = statuses.iter().filter(|status| *status == "401").count();
    let throttled = statuses.iter().filter(|status| *status == "429").count();
    assert!((100..=103).contains(&refused) && refused + throttled == 1_000, "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_that_come_all_at_once_have_one_burst_too() {
    let server = server(20).await;
    let root = server.grpc(ROOT).await;
    assert!(root.logs_in().await);
    let guesses = (0..200).map(|number| {
        let root = root.clone();
        async move { try_login(&root, "root", &format!("guess-{number}")).await }
    });
    let ends = futures_util::future::join_all(guesses).await;
    let refused = ends.iter().filter(|end| **end == Code::Unauthenticated).count();
    assert!((20..=22).contains(&refused), "{refused}");
}

#[tokio::test]
async fn a_burst_of_nought_switches_it_off() {
    let server = server(0).await;
    let root = server.grpc(ROOT).await;
    for number in 0..300 {
        let end = try_login(&root, "root", &format!("guess-{number}")).await;
        assert_eq!(end, Code::Unauthenticated);
    }
}

#[tokio::test]
async fn an_operator_is_warned_of_a_name_that_is_throttled() {
    let log = Log::begin();
    let (server, root) = with_ann(1).await;
    for number in 0..2 {
        try_login(&root, "warned_of", &format!("guess-{number}")).await;
    }
    let lines = log.lines("warned_of");
    let levels: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let levels: Vec<&str> = levels.iter().map(|line| line["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["INFO", "WARN"], "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("login refused") && !line.contains("guess-")));
    server.stop().await;
}
