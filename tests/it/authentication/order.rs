//! The order of the guard's steps: login, row, message, decision, service.

use milvus_rbac::proto::milvus as pb;
use prost::Message as _;
use tonic::Code;

use super::MISSING;
use crate::support::{ROOT, TestServer, Wire, basic, framed, milvus_path, success};

/// A field that ends too early, in every message.
const TORN: &[u8] = b"\x12\x05ab";

async fn with_ann(server: &TestServer) -> (Wire, String, String) {
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user("ann", "P@ssw0rd").await.unwrap(), success());
    let wire = Wire::connect(server.address).await;
    (wire, basic(ROOT.0, ROOT.1), basic("ann", "P@ssw0rd"))
}

fn not_served(method: &str) -> String {
    format!(
        "method {method} is not served here: this server answers users and roles, and keeps no \
         data"
    )
}

#[tokio::test]
async fn an_unknown_rpc_needs_a_login_and_is_then_unimplemented_for_everybody() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let (wire, root, ann) = with_ann(&server).await;
        let service = "unknown service";
        for (path, text) in [
            (
                milvus_path("Nope"),
                "unknown method Nope for service milvus.proto.milvus.MilvusService".to_owned(),
            ),
            (
                milvus_path("createRole"),
                "unknown method createRole for service milvus.proto.milvus.MilvusService".into(),
            ),
            (
                milvus_path(""),
                "unknown method  for service milvus.proto.milvus.MilvusService".into(),
            ),
            (
                milvus_path("CreateRole/"),
                format!("{service} milvus.proto.milvus.MilvusService/CreateRole"),
            ),
            (
                "/grpc.health.v1.Health/Nope".into(),
                "unknown method Nope for service grpc.health.v1.Health".into(),
            ),
            ("/foo.Bar/Baz".into(), format!("{service} foo.Bar")),
            ("//CreateRole".into(), format!("{service} ")),
            ("/CreateRole".into(), "malformed method name: \"/CreateRole\"".into()),
        ] {
            // Not even the message matters.
            for message in [&[][..], TORN] {
                let answer = wire.send(&path, &[], framed(message)).await;
                assert_eq!(answer.outcome(), (Code::Unauthenticated, MISSING), "{path}");
                for login in [&root, &ann] {
                    let login = [("authorization", login.as_str())];
                    let answer = wire.send(&path, &login, framed(message)).await;
                    assert_eq!(answer.outcome(), (Code::Unimplemented, &*text), "{path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_known_and_not_served_is_told_only_to_those_who_may() {
    for (server, polling) in
        [(TestServer::start().await, false), (TestServer::milvus().await, true)]
    {
        let (wire, root, ann) = with_ann(&server).await;
        for (method, database, privilege) in [
            ("CreateCollection", "default", "CreateCollection"),
            ("Insert", "default", "Insert"),
            ("CreateResourceGroup", "*", "CreateResourceGroup"),
            ("AddUserTags", "*", "UpdateUser"),
            ("ListUsersWithTag", "*", "SelectUser"),
        ] {
            let answer = wire.call(method, &[&root], &[]).await;
            assert_eq!(answer.outcome(), (Code::Unimplemented, &*not_served(method)));
            let answer = wire.call(method, &[&ann], &[]).await;
            let text = format!(
                "Privilege{privilege}: permission deny to ann in the `{database}` database"
            );
            assert_eq!(answer.outcome(), (Code::PermissionDenied, &*text));
        }
        for method in ["ShowCollections", "ComputePhraseMatchSlop"] {
            let answer = wire.call(method, &[&ann], &[]).await;
            assert_eq!(answer.outcome(), (Code::Unimplemented, &*not_served(method)));
        }
        for method in ["GetMetrics", "GetCompactionState"] {
            let code = if polling { Code::Unimplemented } else { Code::PermissionDenied };
            assert_eq!(wire.call(method, &[&ann], &[]).await.code, code);
            assert_eq!(wire.call(method, &[&root], &[]).await.code, Code::Unimplemented);
        }
        // Tags of oneself.
        let answer = wire.call("AddUserTags", &[&ann], b"\x12\x03ann").await;
        assert_eq!(answer.outcome(), (Code::Unimplemented, &*not_served("AddUserTags")));
    }
}

#[tokio::test]
async fn some_rpcs_are_for_root_only_and_some_for_nobody() {
    let server = TestServer::start().await;
    let (wire, root, boss) = with_ann(&server).await;
    let client = server.grpc(ROOT).await;
    assert_eq!(client.operate_user_role("ann", "admin", 0).await.unwrap(), success());
    for (who, login) in [("root", &root), ("ann", &boss)] {
        for method in ["Dummy", "CalcDistance", "RegisterLink"] {
            let answer = wire.call(method, &[login], &[]).await;
            let text = format!("{method}: permission deny to {who}, nobody may call it");
            assert_eq!(answer.outcome(), (Code::PermissionDenied, &*text));
        }
    }
    let path = "/milvus.proto.milvus.ClientTelemetryService/PushClientCommand";
    let answer = wire.send(path, &[("authorization", &root)], framed(&[])).await;
    assert_eq!(answer.outcome(), (Code::Unimplemented, &*not_served("PushClientCommand")));
    let answer = wire.send(path, &[("authorization", &boss)], framed(&[])).await;
    let text = "PushClientCommand: permission deny to ann, only root may call it";
    assert_eq!(answer.outcome(), (Code::PermissionDenied, text));
}

#[tokio::test]
async fn a_message_is_read_after_the_login_and_before_the_decision() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let (wire, root, ann) = with_ann(&server).await;
        for method in ["CreateRole", "UpdateCredential", "Insert", "GetVersion"] {
            let answer = wire.call(method, &[], TORN).await;
            assert_eq!(answer.outcome(), (Code::Unauthenticated, MISSING));
            for login in [&root, &ann] {
                let answer = wire.call(method, &[login], TORN).await;
                let text = "grpc: error unmarshalling request: unexpected end of the message";
                assert_eq!(answer.outcome(), (Code::Internal, text), "{method}");
            }
        }
    }
}

#[tokio::test]
async fn a_denial_names_privilege_caller_and_the_database_that_was_checked() {
    let server = TestServer::start().await;
    let (wire, _, ann) = with_ann(&server).await;
    let named = pb::DescribeDatabaseRequest { base: None, db_name: "body".into() };
    for (message, connection, database) in [
        (vec![], None, "default"),
        (vec![], Some(""), "default"),
        (vec![], Some("header"), "header"),
        (named.encode_to_vec(), Some("header"), "body"),
    ] {
        let mut headers = vec![("authorization", ann.as_str())];
        headers.extend(connection.map(|name| ("dbname", name)));
        let path = milvus_path("DescribeDatabase");
        let answer = wire.send(&path, &headers, framed(&message)).await;
        let text = format!(
            "PrivilegeDescribeDatabase: permission deny to ann in the `{database}` database"
        );
        assert_eq!(answer.outcome(), (Code::PermissionDenied, &*text));
        // What reaches everywhere is checked everywhere.
        let answer = wire.send(&milvus_path("ListCredUsers"), &headers, framed(&[])).await;
        let text = "PrivilegeSelectOwnership: permission deny to ann in the `*` database";
        assert_eq!(answer.outcome(), (Code::PermissionDenied, text));
    }
}
