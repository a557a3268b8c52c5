//! Every RPC of the table, called by nobody, by a user without roles, by an administrator and by
//! `root`.

use milvus_rbac::config::Compat;
use milvus_rbac::policy::{Need, Requirement, all};
use tonic::Code;

use super::MISSING;
use crate::support::{ROOT, TestServer, Wire, basic, framed, settings, success};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    Plain,
    Admin,
    Root,
}

/// What an empty request must come to.
fn expected(need: Need, served: bool, who: Who) -> Code {
    let may = match need {
        Need::AnyUser | Need::Filtered | Need::Health => true,
        Need::Refused => false,
        Need::RootOnly => who == Who::Root,
        // No request here is about its caller.
        Need::Privilege { .. } => who != Who::Plain,
    };
    match (may, served) {
        (false, _) => Code::PermissionDenied,
        (true, false) => Code::Unimplemented,
        (true, true) => Code::Ok,
    }
}

/// The rows that Milvus knows; health and reflection are tested by themselves.
fn rows() -> impl Iterator<Item = &'static Requirement> {
    let rows = all().iter().filter(|row| row.service.starts_with("milvus."));
    assert!(rows.clone().count() > 150);
    rows
}

#[tokio::test]
async fn every_rpc_is_answered_as_its_row_says_to_everybody() {
    for compat in [Compat::Documented, Compat::Milvus] {
        let server = TestServer::with(settings(compat)).await;
        let root = server.grpc(ROOT).await;
        for name in ["ann", "boss"] {
            assert_eq!(root.create_user(name, "P@ssw0rd").await.unwrap(), success());
        }
        assert_eq!(root.operate_user_role("boss", "admin", 0).await.unwrap(), success());
        let logins = [
            (Who::Plain, basic("ann", "P@ssw0rd")),
            (Who::Admin, basic("boss", "P@ssw0rd")),
            (Who::Root, basic(ROOT.0, ROOT.1)),
        ];
        let wire = Wire::connect(server.address).await;
        for row in rows() {
            let answer = wire.send(row.path, &[], framed(&[])).await;
            assert_eq!(answer.outcome(), (Code::Unauthenticated, MISSING), "{}", row.path);
            let need = if compat == Compat::Milvus { row.milvus } else { row.documented };
            for (who, login) in &logins {
                let answer = wire.send(row.path, &[("authorization", login)], framed(&[])).await;
                let expected = expected(need, row.served, *who);
                assert_eq!(answer.code, expected, "{} {who:?}: {}", row.path, answer.text);
                let told = match expected {
                    Code::PermissionDenied => "permission deny to",
                    Code::Unimplemented => row.method,
                    _ => continue,
                };
                assert!(answer.text.contains(told), "{} {who:?}: {}", row.path, answer.text);
                assert!(answer.body.is_empty());
            }
        }
    }
}
