//! The lines that changes and refusals leave in the log: none is lost because its caller went
//! away, none that matters is kept back, and none is longer than it is worth.

use std::time::Instant;

use futures_util::FutureExt as _;
use milvus_rbac::admin::{AdminError, Membership};
use milvus_rbac::config::Compat;
use milvus_rbac::credential::{Caller, Peer};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::model::Revision;
use milvus_rbac::proto::milvus as pb;
use milvus_rbac::store::{Commit, MemoryStore, Scanned, Store, StoreError, Writes};
use milvus_rbac::writer::WriteError;
use tonic::Code;

use crate::support::{Grpc, Log, ROOT, TestServer, settings};

/// Most lines of one kind in a second.
const PACE: usize = 20;

fn nobody() -> Caller {
    Caller::unauthenticated(Peer::LOCAL)
}

fn open(store: impl Store + 'static) -> Deployment {
    Deployment::open(Box::new(store), &settings(Compat::Documented)).unwrap()
}

/// A store that never learns how a commit ended, although it was written.
#[derive(Debug)]
struct Doubtful(MemoryStore);

impl Store for Doubtful {
    fn describe(&self) -> String {
        "doubtful:".to_owned()
    }

    fn scan(&mut self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<Scanned, StoreError> {
        self.0.scan(visit)
    }

    fn write(&mut self, base: Revision, writes: Writes) -> Commit {
        match self.0.write(base, writes) {
            Commit::Committed(_) => Commit::Unknown(StoreError::NotOpen),
            other => other,
        }
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_change_whose_caller_goes_away_is_made_and_leaves_its_line() {
    let log = Log::begin();
    let deployment = open(MemoryStore::new());
    let admin = deployment.admin();
    let caller = nobody();
    {
        let mut asked = Box::pin(admin.create_role(&caller, "logged_abandoned", ""));
        // Once it has been polled it is in the queue.
        let _ = (&mut asked).now_or_never();
    }
    let line = log.line("logged_abandoned").await;
    assert_eq!(line["fields"]["operation"], "create role");
    assert_eq!(line["fields"]["outcome"], "done");
    assert_eq!(line["fields"]["revision"], 1);
    assert!(admin.snapshots().read().role("logged_abandoned").is_some());
}

#[tokio::test]
async fn every_change_of_unknown_outcome_leaves_a_warning() {
    let log = Log::begin();
    let deployment = open(Doubtful(MemoryStore::new()));
    let changes = 3 * PACE;
    for number in 0..changes {
        let role = format!("logged_doubt_{number}");
        let error = deployment.admin().create_role(&nobody(), &role, "").await.unwrap_err();
        assert!(matches!(error, AdminError::Write(WriteError::Unknown)), "{error}");
    }
    let lines = log.lines("logged_doubt_");
    assert_eq!(lines.len(), changes);
    for line in lines {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&line["level"], &line["fields"]["outcome"]),
            (&"WARN".into(), &"unknown".into())
        );
    }
}

#[tokio::test]
async fn changes_that_change_nothing_are_paced_and_what_is_done_is_not() {
    let log = Log::begin();
    let deployment = open(MemoryStore::new());
    let admin = deployment.admin();
    let begun = Instant::now();
    let idle = 400;
    for number in 0..idle {
        admin.delete_user(&nobody(), &format!("logged_idle_{number}")).await.unwrap();
        if number % 4 == 0 {
            let role = format!("logged_busy_{number}");
            admin.create_role(&nobody(), &role, "").await.unwrap();
        }
    }
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap();
    let lines = log.lines("logged_idle_").len();
    assert!(lines >= PACE && lines <= PACE * (seconds + 2), "{lines} lines in {seconds} s");
    assert!(lines < idle, "{lines} lines in {seconds} s");
    assert_eq!(log.lines("logged_busy_").len(), idle / 4);
}

/// A user without rights on a server of its own.
async fn plain(server: &TestServer, name: &str) -> Grpc {
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user(name, "Passw0rd!").await.unwrap().code, 0);
    server.grpc((name, "Passw0rd!")).await
}

#[tokio::test]
async fn a_flood_without_logins_does_not_keep_back_the_line_of_a_denial() {
    let log = Log::begin();
    let server = TestServer::start().await;
    let ann = plain(&server, "logged_ann").await;
    let stranger = Grpc::anonymous(server.address).await;
    for _ in 0..3 * PACE {
        assert_eq!(stranger.list_users().await.unwrap_err().code(), Code::Unauthenticated);
    }
    // Wrong logins have a pace of their own, too.
    assert!(!server.grpc(("logged_stranger", "wrong")).await.logs_in().await);
    assert_eq!(ann.list_users().await.unwrap_err().code(), Code::PermissionDenied);
    let refused = log.line("logged_stranger").await;
    assert_eq!(refused["fields"]["message"], "login refused");
    let denied = log.line("\"caller\":\"\\\"logged_ann\\\"\"").await;
    assert_eq!(denied["fields"]["message"], "denied");
    assert_eq!(denied["fields"]["rpc"], "ListCredUsers");
}

#[tokio::test]
async fn a_name_of_a_thousand_kib_costs_no_more_than_a_line_and_one_of_2_mib_is_refused() {
    let log = Log::begin();
    let server = TestServer::start().await;
    let ann = plain(&server, "logged_bea").await;
    let huge = format!("logged_huge{}", "x".repeat(1000 << 10));
    assert_eq!(ann.select_user(&huge).await.unwrap_err().code(), Code::PermissionDenied);
    let denied = log.line("logged_huge").await;
    assert_eq!(denied["fields"]["message"], "denied");
    // As an operation's target and in its reason, too.
    let root = server.grpc(ROOT).await;
    let member = huge.replace("huge", "member");
    assert_ne!(root.operate_user_role(&member, "admin", 0).await.unwrap().code, 0);
    let larger = huge.repeat(2);
    assert_eq!(root.select_user(&larger).await.unwrap_err().code(), Code::ResourceExhausted);
    let refused = log.line("logged_member").await;
    assert_eq!(refused["fields"]["outcome"], "refused");
    for name in ["logged_huge", "logged_member"] {
        let lines = log.lines(name);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].len() < 2 << 10, "{} bytes", lines[0].len());
    }
}

#[tokio::test]
async fn a_denial_about_a_database_of_100_kib_arrives_and_is_short() {
    let log = Log::begin();
    let server = TestServer::start().await;
    let ann = plain(&server, "logged_cid").await;
    let request = pb::DescribeDatabaseRequest {
        base: None,
        db_name: format!("logged_db_{}", "d".repeat(100 << 10)),
    };
    let status = ann.rpc().describe_database(request).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied, "{status}");
    let begin = "PrivilegeDescribeDatabase: permission deny to logged_cid in the `logged_db_ddd";
    assert!(status.message().starts_with(begin), "{status}");
    assert!(status.message().ends_with("ddd` database"), "{status}");
    assert!(status.message().len() < 512, "{status}");
    log.line("logged_db_").await;
    assert!(log.lines("logged_db_").iter().all(|line| line.len() < 2 << 10));
}

#[tokio::test]
async fn what_is_bound_already_is_nothing_to_do_and_what_is_bound_anew_is_done() {
    let log = Log::begin();
    let server = TestServer::start().await;
    plain(&server, "logged_dan").await;
    let admin = server.deployment.admin();
    for outcome in ["done", "nothing to do"] {
        let bind = Some(Membership::Bind);
        admin.operate_user_role(&nobody(), "logged_dan", "admin", bind).await.unwrap();
        let lines = log.lines("logged_dan to admin");
        assert!(lines.last().unwrap().contains(&format!("\"outcome\":\"{outcome}\"")), "{lines:?}");
    }
}

#[tokio::test]
async fn an_rpc_that_nobody_knows_is_noted() {
    let server = TestServer::start().await;
    let log = Log::begin();
    let wire = crate::support::Wire::connect(server.address).await;
    let login = crate::support::basic(ROOT.0, ROOT.1);
    let answer = wire.call("LoggedNewRpc", &[&login], &[]).await;
    assert_eq!(answer.code, Code::Unimplemented);
    let line = log.line("LoggedNewRpc").await;
    assert_eq!(line["fields"]["message"], "unknown RPC", "{line}");
    assert!(line["fields"]["caller"].as_str().unwrap().contains("root"), "{line}");
}
