//! `SelectGrant` over gRPC: a query is checked in full, and finds nothing as long as nothing can
//! be granted.

use milvus_rbac::proto::common::Status as MilvusStatus;
use milvus_rbac::proto::milvus as pb;
use tonic::Code;

use crate::support::{Grpc, ROOT, TestServer, input_error, success};

const NO_ENTITY: &str = "the grant entity in the request is nil: invalid parameter";
const NO_ROLE: &str = "the role entity in the grant entity is nil: invalid parameter";

/// Role, object type and object name, each absent or given.
type Query<'a> = (Option<&'a str>, Option<&'a str>, &'a str);

fn request((role, object, object_name): Query<'_>) -> pb::SelectGrantRequest {
    let entity = pb::GrantEntity {
        role: role.map(|name| pb::RoleEntity { name: name.into(), description: String::new() }),
        object: object.map(|name| pb::ObjectEntity { name: name.to_owned() }),
        object_name: object_name.to_owned(),
        ..Default::default()
    };
    pb::SelectGrantRequest { base: None, entity: Some(entity) }
}

async fn select(client: &Grpc, request: pb::SelectGrantRequest) -> MilvusStatus {
    let answer = client.rpc().select_grant(request).await.unwrap().into_inner();
    assert_eq!(answer.entities, []);
    answer.status.unwrap()
}

#[tokio::test]
async fn a_query_is_checked_in_order() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        assert_eq!(root.create_role("r").await.unwrap(), success());
        let none = select(&root, pb::SelectGrantRequest::default()).await;
        assert_eq!(none, input_error(1100, 5, NO_ENTITY));
        let empty = |what: &str| {
            format!("{what} should be not empty: invalid parameter[expected=not empty][actual=]")
        };
        let other = |what: &str, found: &str| {
            format!(
                "{what} can only contain numbers, letters, underscores, and allowed characters \
                 ($), found {found}: invalid parameter"
            )
        };
        let unknown = |role: &str| format!("the role \"{role}\" does not exist: invalid parameter");
        let no_type = "not found the object type[name: Nope], supported the object types: \
                       [Collection Global User]: invalid parameter";
        for (query, legacy, reason) in [
            ((None, Some(""), ""), 5, empty("ObjectType")),
            ((None, Some("a-"), ""), 5, other("ObjectType", "- at 1")),
            ((None, Some("Nope"), ""), 5, empty("object name")),
            ((Some(""), Some("Nope"), "a.b"), 5, other("object name", ". at 1")),
            ((None, Some("Nope"), "*"), 5, NO_ROLE.to_owned()),
            ((None, None, "a.b"), 5, NO_ROLE.to_owned()),
            ((Some(""), Some("Nope"), "c"), 5, empty("role name")),
            ((Some("r-"), None, ""), 5, other("role name", "- at 1")),
            ((Some("nothing"), Some("Nope"), "c"), 42, unknown("nothing")),
            ((Some(" r "), None, ""), 42, unknown(" r ")),
            ((Some("r"), Some("Nope"), "c"), 42, no_type.to_owned()),
        ] {
            let answer = select(&root, request(query)).await;
            assert_eq!(answer, input_error(1100, legacy, &reason), "{query:?}");
        }
    }
}

#[tokio::test]
async fn what_is_granted_to_a_role_is_an_empty_list() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        assert_eq!(root.create_role("r").await.unwrap(), success());
        for role in ["r", "admin"] {
            for object in [None, Some("Collection"), Some("Global"), Some("User")] {
                for name in ["*", "c", "_c$1"] {
                    let answer = select(&root, request((Some(role), object, name))).await;
                    assert_eq!(answer, success());
                }
            }
        }
    }
}

#[tokio::test]
async fn public_has_grants_to_ask_for_only_where_it_exists() {
    let server = TestServer::start().await;
    let answer = select(&server.grpc(ROOT).await, request((Some("public"), None, ""))).await;
    let unknown = "the role \"public\" does not exist: invalid parameter";
    assert_eq!(answer, input_error(1100, 42, unknown));
    let server = TestServer::milvus().await;
    let root = server.grpc(ROOT).await;
    let mut query = request((Some("public"), None, ""));
    let answer = root.rpc().select_grant(query.clone()).await.unwrap().into_inner();
    assert_eq!(answer.status, Some(success()));
    let names: Vec<String> = answer
        .entities
        .into_iter()
        .map(|grant| grant.grantor.unwrap().privilege.unwrap().name)
        .collect();
    assert_eq!(names, ["IndexDetail", "DescribeCollection", "ListAliases"]);
    // Everybody may look at what everybody may do.
    assert_eq!(root.create_user("ann", "P@ssw0rd").await.unwrap(), success());
    let ann = server.grpc(("ann", "P@ssw0rd")).await;
    if let Some(entity) = &mut query.entity {
        entity.db_name = "*".to_owned();
    }
    assert_eq!(ann.rpc().select_grant(query).await.unwrap().into_inner().entities.len(), 3);
}

#[tokio::test]
async fn a_plain_user_may_not_ask_about_roles_of_others() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user("ann", "P@ssw0rd").await.unwrap(), success());
    let ann = server.grpc(("ann", "P@ssw0rd")).await;
    let text = "PrivilegeSelectOwnership: permission deny to ann in the `*` database";
    for query in [request((Some("admin"), None, "")), pb::SelectGrantRequest::default()] {
        let denied = ann.rpc().select_grant(query).await.unwrap_err();
        assert_eq!((denied.code(), denied.message()), (Code::PermissionDenied, text));
    }
}
