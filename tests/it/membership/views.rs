//! `SelectRole` and `SelectUser`: what is found, in which order, and for whom.

use milvus_rbac::proto::milvus as pb;
use tonic::Code;

use super::{
    BIND, EMPTY_ROLE, EMPTY_USER, GOOD, bind, members, roles, select_role, select_user, shown,
};
use crate::support::{ROOT, TestServer, input_error, success};

#[tokio::test]
async fn lists_are_sorted_members_by_the_text_of_user_slash_role() {
    let server = TestServer::milvus().await;
    let root = server.grpc(ROOT).await;
    for user in ["a", "a-b", "a.b", "ab", "Z"] {
        assert_eq!(root.create_user(user, GOOD).await.unwrap(), success());
    }
    for role in ["r", "R", "_r"] {
        assert_eq!(root.create_role(role).await.unwrap(), success());
    }
    for (user, role) in [("ab", "r"), ("a", "r"), ("a.b", "r"), ("a-b", "r"), ("Z", "r")] {
        bind(&root, user, role).await;
    }
    bind(&root, "a", "_r").await;
    bind(&root, "a", "R").await;
    let in_r = ["Z", "a-b", "a.b", "a", "ab"];
    assert_eq!(members(&root, Some("r")).await, [shown("r", &in_r)]);
    let all = [
        shown("R", &["a"]),
        shown("_r", &["a"]),
        shown("admin", &[]),
        shown("public", &[]),
        shown("r", &in_r),
    ];
    assert_eq!(members(&root, None).await, all);
    let all = [
        shown("Z", &["r"]),
        shown("a", &["R", "_r", "r"]),
        shown("a-b", &["r"]),
        shown("a.b", &["r"]),
        shown("ab", &["r"]),
        shown("root", &[]),
    ];
    assert_eq!(roles(&root, None).await, all);
}

#[tokio::test]
async fn what_is_not_asked_for_is_not_in_the_answer_but_descriptions_are() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    let entity = pb::RoleEntity { name: "r".into(), description: "of the role".into() };
    let request = pb::CreateRoleRequest { base: None, entity: Some(entity.clone()) };
    root.rpc().create_role(request).await.unwrap();
    let request = pb::CreateCredentialRequest {
        username: "ann".into(),
        password: crate::support::encoded(GOOD),
        description: Some("of the user".into()),
        ..Default::default()
    };
    root.rpc().create_credential(request).await.unwrap();
    bind(&root, "ann", "r").await;
    let answer = select_role(&root, Some("r"), false).await;
    assert_eq!(answer.results, [pb::RoleResult { role: Some(entity), users: vec![] }]);
    let answer = select_user(&root, Some("ann"), false).await;
    let ann = pb::UserResult {
        user: Some(pb::UserEntity { name: "ann".into() }),
        roles: vec![],
        description: "of the user".into(),
    };
    assert_eq!(answer.results, std::slice::from_ref(&ann));
    let role = pb::RoleEntity { name: "r".into(), description: String::new() };
    let answer = select_user(&root, Some(" ann "), true).await;
    assert_eq!(answer.results, [pb::UserResult { roles: vec![role], ..ann }]);
}

#[tokio::test]
async fn an_empty_name_is_refused_and_an_unknown_one_finds_nothing() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        for name in ["", " "] {
            let answer = select_role(&root, Some(name), true).await;
            let status = Some(input_error(1100, 5, EMPTY_ROLE));
            assert_eq!(answer, pb::SelectRoleResponse { status, results: vec![] });
            let answer = select_user(&root, Some(name), true).await;
            let status = Some(input_error(1100, 5, EMPTY_USER));
            assert_eq!(answer, pb::SelectUserResponse { status, results: vec![] });
        }
        for name in ["nothing", "Admin", "_$"] {
            assert_eq!(members(&root, Some(name)).await, []);
        }
        for name in ["nobody", "Root", "a-b.c"] {
            assert_eq!(roles(&root, Some(name)).await, []);
        }
    }
}

#[tokio::test]
async fn everybody_sees_themselves_and_nobody_else() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        assert_eq!(root.create_user("ann", GOOD).await.unwrap(), success());
        assert_eq!(root.create_role("r").await.unwrap(), success());
        bind(&root, "ann", "r").await;
        let ann = server.grpc(("ann", GOOD)).await;
        assert_eq!(roles(&ann, Some("ann")).await, [shown("ann", &["r"])]);
        let text = "PrivilegeSelectUser: permission deny to ann in the `*` database";
        for name in [None, Some(""), Some("root"), Some("Ann"), Some("*")] {
            let user = name.map(|name| pb::UserEntity { name: name.to_owned() });
            let request = pb::SelectUserRequest { base: None, user, include_role_info: true };
            let denied = ann.rpc().select_user(request).await.unwrap_err();
            assert_eq!((denied.code(), denied.message()), (Code::PermissionDenied, text));
        }
        // Not even a role that they hold.
        let denied = ann.list_roles().await.unwrap_err();
        let text = "PrivilegeSelectOwnership: permission deny to ann in the `*` database";
        assert_eq!((denied.code(), denied.message()), (Code::PermissionDenied, text));
        let role = Some(pb::RoleEntity { name: "r".to_owned(), description: String::new() });
        let request = pb::SelectRoleRequest { base: None, role, include_user_info: false };
        let denied = ann.rpc().select_role(request).await.unwrap_err();
        assert_eq!((denied.code(), denied.message()), (Code::PermissionDenied, text));
        let denied = ann.operate_user_role("ann", "admin", BIND).await.unwrap_err();
        let text = "PrivilegeManageOwnership: permission deny to ann in the `*` database";
        assert_eq!((denied.code(), denied.message()), (Code::PermissionDenied, text));
    }
}
