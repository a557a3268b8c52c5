//! Every RPC of the table, called by nobody, by a user without roles, by an administrator and by
//! `root`.

use milvus_rbac::config::Compat;
use milvus_rbac::policy::{Condition, Need, Requirement, all};
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
fn expected(row: &Requirement, compat: Compat, who: Who) -> Code {
    let need = if compat == Compat::Milvus { row.milvus } else { row.documented };
    let may = match need {
        // A list without a name is not for anybody but root.
        Need::Privilege { .. } if row.method == "Flush" => who == Who::Root,
        // It is checked only where it names a collection.
        Need::Privilege { .. } if row.conditions.contains(&Condition::IfNamed) => true,
        // In Milvus everybody holds `public`.
        Need::Privilege { privilege, .. }
            if compat == Compat::Milvus
                && ["DescribeCollection", "ListAliases", "IndexDetail"]
                    .contains(&privilege.name()) =>
        {
            true
        }
        Need::AnyUser | Need::Filtered | Need::Health => true,
        Need::Refused => false,
        Need::RootOnly => who == Who::Root,
        // No request here is about its caller.
        Need::Privilege { .. } => who != Who::Plain,
    };
    match (may, row.served) {
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
            for (who, login) in &logins {
                let answer = wire.send(row.path, &[("authorization", login)], framed(&[])).await;
                let expected = expected(row, compat, *who);
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
