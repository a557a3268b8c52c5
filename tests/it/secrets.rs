//! With the log at its loudest, no secret is in what the process writes, and no client writes a
//! line of its own.

use std::fs;
use std::path::Path;

use base64::prelude::*;
use milvus_rbac::proto::milvus as pb;
use serde_json::{Value, json};

use crate::support::{Grpc, Process, Rest, basic, binary, encoded, run, serve};

/// Everything that must not be seen. No two contain one another, and nothing contains them by
/// chance.
const ROOT: &str = "R00t-xyzzy-1";
const CREATED: &str = "Cre4ted-plugh-2";
const UPDATED: &str = "Upd4ted-frotz-3";
const WRONG: &str = "Wr0ng-gnusto-4";
const MALFORMED: &str = "M4lformed-rezrov-5";
const WEAK: &str = "weakblorb";
const REST_CREATED: &str = "R3st-nitfol-6";
const REST_UPDATED: &str = "R3st-ozmoo-7";
const OFFLINE: &str = "0ffline-yomin-8";
const ALL: [&str; 9] =
    [ROOT, CREATED, UPDATED, WRONG, MALFORMED, WEAK, REST_CREATED, REST_UPDATED, OFFLINE];
const USERS: [&str; 4] = ["root", "ann", "bob", "nobody"];

/// What a line may not contain: a hash, a secret, what it looks like in a header or a body, and
/// each as a list of bytes, which is how storage engines print.
fn forbidden() -> Vec<String> {
    let mut forbidden: Vec<String> = ["$2a$", "$2b$", "$2y$"].map(ToOwned::to_owned).into();
    for secret in ALL {
        forbidden.push(secret.to_owned());
        forbidden.push(encoded(secret));
        forbidden.push(BASE64_STANDARD_NO_PAD.encode(secret));
        forbidden.extend(USERS.map(|user| basic(user, secret)));
    }
    let bytes: Vec<String> = forbidden
        .iter()
        .map(|text| format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned())
        .collect();
    forbidden.extend(bytes);
    forbidden
}

#[track_caller]
fn nothing_forbidden(output: &str) {
    for secret in forbidden() {
        let line = output.lines().find(|line| line.contains(&secret));
        assert!(line.is_none(), "{secret} is in: {}", line.unwrap_or_default());
    }
}

async fn over_grpc(process: &Process) {
    let root = Grpc::connect(process.address, ("root", ROOT)).await;
    assert_eq!(root.create_user("ann", CREATED).await.unwrap().code, 0);
    assert_eq!(root.create_user("ann", CREATED).await.unwrap().code, 1100);
    assert_eq!(root.create_user("bob", WEAK).await.unwrap().code, 1100);
    assert_eq!(root.create_user("bad name", MALFORMED).await.unwrap().code, 1100);
    assert_eq!(root.update_password("ann", WRONG, UPDATED).await.unwrap().code, 1400);
    assert_eq!(root.update_password("ann", CREATED, UPDATED).await.unwrap().code, 0);
    // Not base64, though it holds a password all the same.
    let request = pb::CreateCredentialRequest {
        username: "bob".to_owned(),
        password: format!("{MALFORMED}!"),
        ..Default::default()
    };
    assert_eq!(root.rpc().create_credential(request).await.unwrap().into_inner().code, 1100);
    for (user, password) in [("ann", UPDATED), ("ann", CREATED), ("nobody", WRONG)] {
        let login = root.with_authorization(&basic(user, password));
        assert_eq!(login.logs_in().await, password == UPDATED);
    }
    let reversed: String = basic("root", MALFORMED).chars().rev().collect();
    for header in [
        format!("root:{MALFORMED}"),
        format!("Bearer root:{MALFORMED}"),
        format!("Basic {}", basic("root", MALFORMED)),
        encoded(MALFORMED),
        MALFORMED.to_owned(),
        reversed,
    ] {
        assert!(!root.with_authorization(&header).logs_in().await, "{header}");
    }
    let ann = root.with_authorization(&basic("ann", UPDATED));
    assert_eq!(ann.list_users().await.unwrap_err().code(), tonic::Code::PermissionDenied);
    assert!(root.select_user("ann").await.unwrap().is_some());
}

async fn over_rest(process: &Process) {
    let root = Rest::new(process.address, Some(("root", ROOT)));
    let new = json!({"userName": "bob", "password": REST_CREATED});
    let update = json!({"userName": "bob", "password": REST_CREATED, "newPassword": REST_UPDATED});
    for root in [root.clone(), root.http2()] {
        assert_eq!(root.post("users/create", &new).await.code(), 0);
        assert_eq!(root.post("users/create", &new).await.code(), 1100);
        let wrong = json!({"userName": "bob", "password": WRONG, "newPassword": REST_UPDATED});
        assert_eq!(root.post("users/update_password", &wrong).await.code(), 1400);
        assert_eq!(root.post("users/update_password", &update).await.code(), 0);
        for body in [
            format!(r#"{{"userName": "bob", "password": "{MALFORMED}""#),
            format!(r#"{{"userName": "bob", "password": ["{MALFORMED}"]}}"#),
            format!(r#"{{"userName": {{"{MALFORMED}": 1}}, "password": 5}}"#),
            format!(r#"{{"password": "{MALFORMED}"}}"#),
            format!("password={MALFORMED}"),
        ] {
            let path = "/v2/vectordb/users/create";
            assert_ne!(root.send("POST", path, &[], body.clone()).await.code(), 0, "{body}");
        }
        for header in [
            format!("Bearer bob:{WRONG}"),
            format!("Bearer nobody:{WRONG}"),
            format!("Bearer {MALFORMED}"),
            format!("Basic {}", basic("root", WRONG)),
            format!("Basic {MALFORMED}"),
            format!("Negotiate {MALFORMED}"),
            format!("root:{MALFORMED}"),
        ] {
            let stranger = root.with_authorization(Some(&header));
            let answer = stranger.post("users/list", &json!({})).await;
            assert_eq!(answer.status, 401, "{header}");
        }
        let drop = json!({"userName": "bob"});
        assert_eq!(root.post("users/drop", &drop).await.code(), 0);
    }
}

fn loud(data: &Path, format: &str) -> std::process::Command {
    let mut command = serve(data);
    command.env("RUST_LOG", "trace,h2=trace,hyper=trace,sled=trace");
    command.env("MILVUS_RBAC_COMMON_SECURITY_DEFAULTROOTPASSWORD", ROOT);
    command.args(["--log-format", format]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_written_however_loud_the_log() {
    for format in ["text", "json"] {
        let home = tempfile::tempdir().unwrap();
        let (data, log) = (home.path().join("data"), home.path().join("log"));
        // Twice: the second start reads what the first one stored.
        for round in 0..2 {
            let mut process = Process::spawn_logging(loud(&data, format), &log).unwrap();
            let ready = process.ready.clone();
            if round == 0 {
                over_grpc(&process).await;
                over_rest(&process).await;
            }
            process.terminate();
            let process = tokio::task::spawn_blocking(move || {
                assert!(process.wait().success());
                process
            });
            let rest = process.await.unwrap().rest_of_output();
            let text = fs::read_to_string(&log).unwrap();
            assert!(text.contains("stopped"), "the log was read: {text}");
            assert!(round == 1 || text.contains("login refused"), "{text}");
            nothing_forbidden(&text);
            nothing_forbidden(&ready);
            nothing_forbidden(&rest.join("\n"));
        }
        let mut reset = binary();
        reset.env("RUST_LOG", "trace").args(["reset-password", "root", "--store"]);
        reset.arg(format!("sled:{}", data.display()));
        let ended = run(reset, OFFLINE);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        nothing_forbidden(&ended.stdout);
        nothing_forbidden(&ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_client_sends_stays_inside_its_line() {
    const FORGED: &str = "x\r\n2026-01-01T00:00:00Z  INFO forged: \u{1b}[31m\u{9b}\" \\";
    for format in ["text", "json"] {
        let home = tempfile::tempdir().unwrap();
        let (data, log) = (home.path().join("data"), home.path().join("log"));
        let process = Process::spawn_logging(loud(&data, format), &log).unwrap();
        let root = Grpc::connect(process.address, ("root", ROOT)).await;
        assert_ne!(root.create_role(FORGED).await.unwrap().code, 0);
        assert_ne!(root.create_user(FORGED, CREATED).await.unwrap().code, 0);
        assert_ne!(root.operate_user_role(FORGED, FORGED, 0).await.unwrap().code, 0);
        assert_eq!(root.delete_user(FORGED).await.unwrap().code, 0, "it is not there");
        assert!(!root.with_authorization(&basic(FORGED, WRONG)).logs_in().await);
        let rest = Rest::new(process.address, Some(("root", WRONG)));
        let answer = rest.send("POST", "/v2/%0d%0aforged%1b/x", &[], "").await;
        assert_eq!(answer.status, 401);
        let role = json!({"roleName": FORGED});
        let rest = Rest::new(process.address, Some(("root", ROOT)));
        assert_ne!(rest.post("roles/create", &role).await.code(), 0);
        process.kill();

        let log = fs::read_to_string(log).unwrap();
        let told = log.lines().filter(|line| line.contains("forged")).count();
        assert!(told >= 6, "{told}: {log}");
        for line in log.lines() {
            assert!(!line.contains(char::is_control), "{line:?}");
            if format == "json" {
                let line: Value = serde_json::from_str(line).unwrap();
                assert!(line["level"].is_string(), "{line}");
            } else {
                let mut words = line.split_whitespace();
                let (time, level) = (words.next().unwrap(), words.next().unwrap());
                assert!(time.ends_with('Z') && time != "2026-01-01T00:00:00Z", "{line}");
                assert!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level), "{line}");
            }
        }
    }
}

#[test]
#[ignore = "run by the test below, in a process whose output can be read"]
fn panics_in_a_thread() {
    milvus_rbac::telemetry::init(milvus_rbac::config::LogFormat::Text).unwrap();
    let thread = std::thread::Builder::new().name("writer".to_owned());
    let thread = thread.spawn(|| panic!("it holds {ROOT}")).unwrap();
    assert!(thread.join().is_err());
}

#[test]
fn a_panic_tells_its_place_and_nothing_of_what_it_says() {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["secrets::panics_in_a_thread", "--exact", "--ignored", "--nocapture"]);
    let ended = run(command, "");
    assert!(ended.stdout.contains("1 passed"), "{} {}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("a thread panicked"), "{}", ended.stderr);
    assert!(ended.stderr.contains("secrets.rs:"), "{}", ended.stderr);
    nothing_forbidden(&ended.stderr);
}

#[test]
fn requests_print_without_the_passwords_in_them() {
    let create = pb::CreateCredentialRequest {
        username: "ann".to_owned(),
        password: encoded(CREATED),
        ..Default::default()
    };
    let update = pb::UpdateCredentialRequest {
        username: "ann".to_owned(),
        old_password: encoded(CREATED),
        new_password: encoded(UPDATED),
        ..Default::default()
    };
    for shown in [format!("{create:?}"), format!("{update:?}"), format!("{create:#?}")] {
        assert!(shown.contains("ann"), "{shown}");
        nothing_forbidden(&shown);
        assert!(!shown.contains("password"), "{shown}");
    }
}
