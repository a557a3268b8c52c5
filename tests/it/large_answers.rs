//! Answers that grow with what there is, at `proxy.grpc.serverMaxSendSize` and one byte above it.

use milvus_rbac::config::Compat;
use milvus_rbac::proto::milvus as pb;
use prost::Message as _;
use serde_json::json;
use tonic::{Code, Status};

use crate::support::{Grpc, ROOT, Rest, TestServer, settings};

const ROLES: usize = 50;

/// A server with this limit and fifty roles, and root's clients.
async fn served(most: usize) -> (TestServer, Grpc, Rest) {
    let mut settings = settings(Compat::Documented);
    settings.transport.max_answer_bytes = most;
    let server = TestServer::with(settings).await;
    let root = Grpc::connect(server.address, ROOT).await;
    for number in 0..ROLES {
        assert_eq!(root.create_role(&format!("role_{number}")).await.unwrap().code, 0);
    }
    let rest = Rest::new(server.address, Some(ROOT));
    (server, root, rest)
}

async fn roles(root: &Grpc, name: Option<&str>) -> Result<pb::SelectRoleResponse, Status> {
    let role = name.map(|name| pb::RoleEntity { name: name.to_owned(), ..Default::default() });
    let request = pb::SelectRoleRequest { role, ..Default::default() };
    root.rpc().select_role(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn over_grpc_a_list_goes_out_at_the_limit_and_not_above_it() {
    let (_server, root, _) = served(usize::MAX).await;
    let bytes = roles(&root, None).await.unwrap().encoded_len();

    let (_server, root, _) = served(bytes).await;
    assert_eq!(roles(&root, None).await.unwrap().results.len(), ROLES + 1);

    let (_server, root, _) = served(bytes - 1).await;
    let refused = roles(&root, None).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let text = format!(
        "the answer has {bytes} bytes, and proxy.grpc.serverMaxSendSize allows {}: ask for one \
         user, role or group at a time, or raise the limit and with it what the client takes",
        bytes - 1
    );
    assert_eq!(refused.message(), text);
    // What the text advises works, and so does everything else.
    assert_eq!(roles(&root, Some("role_7")).await.unwrap().results.len(), 1);
    assert_eq!(root.list_users().await.unwrap(), ["root"]);
    assert_eq!(root.create_role("one_more").await.unwrap().code, 0);
}

#[tokio::test]
async fn over_grpc_every_answer_that_grows_is_bounded() {
    let (_server, root, _) = served(1).await;
    let mut rpc = root.rpc();
    let user = pb::SelectUserRequest {
        user: Some(pb::UserEntity { name: "root".into() }),
        ..Default::default()
    };
    let grants = pb::SelectGrantRequest {
        entity: Some(pb::GrantEntity {
            role: Some(pb::RoleEntity { name: "role_1".into(), ..Default::default() }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let refusals = [
        roles(&root, None).await.err(),
        root.list_users().await.err(),
        rpc.select_user(user).await.err(),
        rpc.select_grant(grants).await.err(),
        rpc.list_privilege_groups(pb::ListPrivilegeGroupsRequest::default()).await.err(),
        rpc.backup_rbac(pb::BackupRbacMetaRequest::default()).await.err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.unwrap().code(), Code::ResourceExhausted);
    }
}

#[tokio::test]
async fn over_rest_a_list_goes_out_at_the_limit_and_not_above_it() {
    let path = "roles/list";
    let (_server, _, rest) = served(usize::MAX).await;
    let bytes = rest.post(path, &json!({})).await.body.len();

    let (_server, _, rest) = served(bytes).await;
    assert_eq!(rest.post(path, &json!({})).await.code(), 0);

    let (_server, _, rest) = served(bytes - 1).await;
    let refused = rest.post(path, &json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (413, 1801));
    let begin = format!("the answer has {bytes} bytes, and proxy.grpc.serverMaxSendSize allows ");
    assert!(refused.message().starts_with(&begin), "{}", refused.message());
    let one = rest.post("roles/describe", &json!({"roleName": "role_7"})).await;
    assert_eq!(one.code(), 0);
}
