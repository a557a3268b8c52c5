//! What the server says of itself, its time and its databases, over gRPC.

use futures_util::future::join_all;
use milvus_rbac::clock::{Clock, SystemClock};
use milvus_rbac::proto::common::ClientInfo;
use milvus_rbac::proto::milvus as pb;
use prost::Message as _;
use tonic::{Code, Request};

use crate::support::{
    Grpc, ROOT, TestServer, Wire, basic, failure, framed, input_error, milvus_path, success,
};

const ANN: (&str, &str) = ("ann", "P@ssw0rd");

/// A request on a connection that names a database.
fn on<T>(database: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("dbname", database.parse().unwrap());
    request
}

async fn connect(client: &Grpc, database: &str) -> pb::ConnectResponse {
    let request = on(database, pb::ConnectRequest::default());
    client.rpc().connect(request).await.unwrap().into_inner()
}

async fn list_databases(client: &Grpc) -> pb::ListDatabasesResponse {
    let request = pb::ListDatabasesRequest::default();
    client.rpc().list_databases(request).await.unwrap().into_inner()
}

/// A user without any role.
async fn ann(server: &TestServer) -> Grpc {
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user(ANN.0, ANN.1).await.unwrap(), success());
    server.grpc(ANN).await
}

#[tokio::test]
async fn connecting_tells_a_version_and_an_identifier_of_its_own() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let ann = ann(&server).await;
        let version = ann.rpc().get_version(pb::GetVersionRequest {}).await.unwrap().into_inner();
        assert_eq!(version.status, Some(success()));
        let number = version.version.strip_prefix('v').unwrap();
        assert!(number.starts_with(|first: char| first.is_ascii_digit()), "{number}");
        let mut last = 0;
        for client_info in [None, Some(ClientInfo::default()), None] {
            let request = pb::ConnectRequest { base: None, client_info };
            let answer = ann.rpc().connect(request).await.unwrap().into_inner();
            assert_eq!(answer.status, Some(success()));
            assert!(answer.identifier > last);
            last = answer.identifier;
            let info = answer.server_info.unwrap();
            assert_eq!(info.build_tags, version.version);
            assert_eq!(info.deploy_mode, "STANDALONE");
            assert!(info.reserved.is_empty());
        }
    }
}

#[tokio::test]
async fn connecting_to_a_database_that_is_not_there_fails() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        for database in ["", "default"] {
            assert_eq!(connect(&root, database).await.status, Some(success()));
        }
        for database in ["nothing", "Default", "*"] {
            let reason = format!("database not found[database={database}]");
            let status = Some(input_error(800, 1, &reason));
            let refused = pb::ConnectResponse { status, server_info: None, identifier: 0 };
            assert_eq!(connect(&root, database).await, refused);
        }
    }
}

#[tokio::test]
async fn any_user_learns_that_the_server_is_healthy() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let ann = ann(&server).await;
        let health = ann.rpc().check_health(pb::CheckHealthRequest {}).await.unwrap();
        let healthy = pb::CheckHealthResponse {
            status: Some(success()),
            is_healthy: true,
            ..Default::default()
        };
        assert_eq!(health.into_inner(), healthy);
        let states = ann.rpc().get_component_states(pb::GetComponentStatesRequest {}).await;
        let proxy = pb::ComponentInfo {
            node_id: 1,
            role: "proxy".to_owned(),
            state_code: 1,
            extra_info: vec![],
        };
        let healthy = pb::ComponentStates {
            state: Some(proxy),
            subcomponent_states: vec![],
            status: Some(success()),
        };
        assert_eq!(states.unwrap().into_inner(), healthy);
    }
}

#[tokio::test]
async fn timestamps_are_hybrid_and_never_come_twice() {
    let server = TestServer::start().await;
    let ann = ann(&server).await;
    let before = SystemClock.unix_millis();
    let next = async || {
        let answer = ann.rpc().alloc_timestamp(pb::AllocTimestampRequest::default()).await;
        let answer = answer.unwrap().into_inner();
        assert_eq!(answer.status, Some(success()));
        answer.timestamp
    };
    let mut last = 0;
    for _ in 0..50 {
        // One source for both.
        let identifier = u64::try_from(connect(&ann, "").await.identifier).unwrap();
        let timestamp = next().await;
        assert!(last < identifier && identifier < timestamp);
        last = timestamp;
    }
    let mut all = join_all((0..200).map(|_| next())).await;
    all.sort_unstable();
    assert!(last < all[0]);
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
    let after = SystemClock.unix_millis();
    assert!((before..=after).contains(&(all[199] >> 18)));
}

#[tokio::test]
async fn the_default_database_is_listed_to_all_or_in_milvus_to_those_with_a_right_in_it() {
    for (server, listed) in [(TestServer::start().await, true), (TestServer::milvus().await, false)]
    {
        let root = server.grpc(ROOT).await;
        let all = list_databases(&root).await;
        assert_eq!((&*all.db_names, &*all.db_ids), (&["default".to_owned()][..], &[1][..]));
        let started = all.created_timestamp[0] / 1_000_000;
        let now = SystemClock.unix_millis();
        assert!((now - 600_000..=now).contains(&started));
        assert_eq!(all.status, Some(success()));

        let ann = ann(&server).await;
        let none = pb::ListDatabasesResponse { status: Some(success()), ..Default::default() };
        let plain = if listed { all.clone() } else { none };
        assert_eq!(list_databases(&ann).await, plain);
        // A role alone is no right.
        assert_eq!(root.create_role("r").await.unwrap(), success());
        assert_eq!(root.operate_user_role("ann", "r", 0).await.unwrap(), success());
        assert_eq!(list_databases(&ann).await, plain);
        assert_eq!(root.operate_user_role("ann", "admin", 0).await.unwrap(), success());
        assert_eq!(list_databases(&ann).await, all);
        assert_eq!(root.operate_user_role("ann", "admin", 1).await.unwrap(), success());
        assert_eq!(list_databases(&ann).await, plain);
    }
}

#[tokio::test]
async fn a_database_is_described_by_its_own_name_that_of_the_connection_or_as_default() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        let describe = async |client: &Grpc, name: &str, connection: &str| {
            let message = pb::DescribeDatabaseRequest { base: None, db_name: name.to_owned() };
            let answer = client.rpc().describe_database(on(connection, message)).await;
            answer.map(tonic::Response::into_inner)
        };
        let created_timestamp = list_databases(&root).await.created_timestamp[0];
        let default = pb::DescribeDatabaseResponse {
            status: Some(success()),
            db_name: "default".to_owned(),
            db_id: 1,
            created_timestamp,
            properties: vec![],
        };
        for (name, connection) in [("default", ""), ("", ""), ("", "default"), ("default", "x")] {
            assert_eq!(describe(&root, name, connection).await.unwrap(), default);
        }
        for (name, connection, unknown) in [("x", "", "x"), ("", "x", "x"), ("x", "default", "x")] {
            let reason = format!("database not found[database={unknown}]");
            let status = Some(failure(800, 1, &reason));
            let refused = pb::DescribeDatabaseResponse { status, ..Default::default() };
            assert_eq!(describe(&root, name, connection).await.unwrap(), refused);
        }
        let ann = ann(&server).await;
        for (name, connection, checked) in
            [("", "", "default"), ("x", "y", "x"), ("", "y", "y"), ("default", "y", "default")]
        {
            let denied = describe(&ann, name, connection).await.unwrap_err();
            let text = format!(
                "PrivilegeDescribeDatabase: permission deny to ann in the `{checked}` database"
            );
            assert_eq!((denied.code(), denied.message()), (Code::PermissionDenied, &*text));
        }
    }
}

#[tokio::test]
async fn every_answer_carries_its_status_on_the_wire_even_if_it_says_success() {
    let server = TestServer::start().await;
    let wire = Wire::connect(server.address).await;
    let login = basic(ROOT.0, ROOT.1);
    let role = Some(pb::RoleEntity { name: "admin".into(), description: String::new() });
    let entity = Some(pb::GrantEntity { role, ..Default::default() });
    let grants = pb::SelectGrantRequest { base: None, entity }.encode_to_vec();
    for method in [
        "ListCredUsers",
        "SelectRole",
        "SelectUser",
        "SelectGrant",
        "Connect",
        "GetVersion",
        "CheckHealth",
        "AllocTimestamp",
        "ListDatabases",
        "DescribeDatabase",
    ] {
        let message = if method == "SelectGrant" { &*grants } else { &[] };
        let answer = wire.call(method, &[&login], message).await;
        // Field 1, a message of no bytes.
        assert_eq!(answer.message()[..2], [0x0a, 0], "{method}");
    }
    let answer = wire.call("GetComponentStates", &[&login], &[]).await;
    assert!(answer.message().ends_with(&[0x1a, 0]), "field 3");

    // Where the answer is a Status, success is nothing at all.
    let name = pb::DeleteCredentialRequest { base: None, username: "nobody".into() };
    let answer = wire.call("DeleteCredential", &[&login], &name.encode_to_vec()).await;
    assert_eq!(answer.message(), [0_u8; 0]);
    assert_eq!(answer.body, [0; 5]);
}

#[tokio::test]
async fn a_database_in_letters_of_any_kind_is_not_there() {
    let server = TestServer::start().await;
    let wire = Wire::connect(server.address).await;
    let login = basic(ROOT.0, ROOT.1);
    for database in ["d\u{e9}fault", "\u{6570}\u{636e}\u{5e93}"] {
        let headers = [("authorization", &*login), ("dbname", database)];
        let answer = wire.send(&milvus_path("Connect"), &headers, framed(&[])).await;
        let answer = pb::ConnectResponse::decode(answer.message()).unwrap();
        let reason = format!("database not found[database={database}]");
        assert_eq!(answer.status, Some(input_error(800, 1, &reason)));
    }
}
