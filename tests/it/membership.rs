//! Who holds which role, over gRPC: `OperateUserRole`, `SelectRole`, `SelectUser`.

use milvus_rbac::proto::common::Status as MilvusStatus;
use milvus_rbac::proto::milvus as pb;
use tonic::Code;

use crate::support::{Grpc, ROOT, TestServer, input_error, success};

const GOOD: &str = "P@ssw0rd";
const BIND: i32 = 0;
const UNBIND: i32 = 1;
const UNKNOWN_ROLE: &str =
    "not found the role, maybe the role isn't existed or internal system error: invalid parameter";
const EMPTY_ROLE: &str =
    "role name should be not empty: invalid parameter[expected=not empty][actual=]";
const EMPTY_USER: &str = "username must be not empty: invalid parameter";

async fn bind(client: &Grpc, user: &str, role: &str) {
    assert_eq!(client.operate_user_role(user, role, BIND).await.unwrap(), success());
}

async fn select_role(client: &Grpc, name: Option<&str>, users: bool) -> pb::SelectRoleResponse {
    let role = name.map(|name| pb::RoleEntity { name: name.into(), description: String::new() });
    let request = pb::SelectRoleRequest { base: None, role, include_user_info: users };
    client.rpc().select_role(request).await.unwrap().into_inner()
}

async fn select_user(client: &Grpc, name: Option<&str>, roles: bool) -> pb::SelectUserResponse {
    let user = name.map(|name| pb::UserEntity { name: name.to_owned() });
    let request = pb::SelectUserRequest { base: None, user, include_role_info: roles };
    client.rpc().select_user(request).await.unwrap().into_inner()
}

/// The members of each role that is found.
async fn members(client: &Grpc, name: Option<&str>) -> Vec<(String, Vec<String>)> {
    let answer = select_role(client, name, true).await;
    assert_eq!(answer.status, Some(success()));
    let names = |users: Vec<pb::UserEntity>| users.into_iter().map(|user| user.name).collect();
    answer
        .results
        .into_iter()
        .map(|result| (result.role.unwrap().name, names(result.users)))
        .collect()
}

/// The roles of each user that is found.
async fn roles(client: &Grpc, name: Option<&str>) -> Vec<(String, Vec<String>)> {
    let answer = select_user(client, name, true).await;
    assert_eq!(answer.status, Some(success()));
    let named = |roles: Vec<pb::RoleEntity>| {
        let bare = |role: pb::RoleEntity| {
            assert_eq!(role.description, "", "roles inside users carry their name only");
            role.name
        };
        roles.into_iter().map(bare).collect()
    };
    answer
        .results
        .into_iter()
        .map(|result| (result.user.unwrap().name, named(result.roles)))
        .collect()
}

fn shown(name: &str, others: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), others.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn user_then_role_name_then_role_then_user_then_type_are_checked() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        assert_eq!(root.create_user("ann", GOOD).await.unwrap(), success());
        assert_eq!(root.create_role("r").await.unwrap(), success());
        let refused = |legacy, reason: &str| input_error(1100, legacy, reason);
        let no_user = "failed to check if operate user role: user \"bob\" not found: invalid \
                       parameter";
        let no_type = "invalid operate user role type: invalid parameter";
        for number in [BIND, UNBIND, 2, -1, i32::MAX] {
            let known = number == UNBIND;
            for (user, role, expected) in [
                ("", "", refused(5, EMPTY_USER)),
                (" ", "1", refused(5, EMPTY_USER)),
                ("ann", "", refused(5, EMPTY_ROLE)),
                ("bob", " ", refused(5, EMPTY_ROLE)),
                ("bob", "nothing", refused(37, UNKNOWN_ROLE)),
                ("ann", "nothing", refused(37, UNKNOWN_ROLE)),
                ("ann", " r ", refused(37, UNKNOWN_ROLE)),
                ("bob", "r", if known { success() } else { refused(37, no_user) }),
            ] {
                let answer = root.operate_user_role(user, role, number).await.unwrap();
                assert_eq!(answer, expected, "{user:?} {role:?} {number}");
            }
            if ![BIND, UNBIND].contains(&number) {
                let answer = root.operate_user_role("ann", "r", number).await.unwrap();
                assert_eq!(answer, refused(37, no_type));
            }
        }
        assert_eq!(roles(&root, Some("ann")).await, [shown("ann", &[])]);
    }
}

#[tokio::test]
async fn binding_and_unbinding_twice_succeeds_and_is_one_change() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        assert_eq!(root.create_user("ann", GOOD).await.unwrap(), success());
        assert_eq!(root.create_role("r").await.unwrap(), success());
        let revision = || server.deployment.admin().snapshots().get().revision().0;
        for (number, held) in [(BIND, &["r"][..]), (UNBIND, &[]), (BIND, &["r"])] {
            let before = revision();
            for user in ["ann", " ann ", "ann"] {
                let answer = root.operate_user_role(user, "r", number).await.unwrap();
                assert_eq!(answer, success());
            }
            assert_eq!(revision(), before + 1);
            assert_eq!(roles(&root, Some("ann")).await, [shown("ann", held)]);
        }
    }
}

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
    assert_eq!(answer.results, [ann.clone()]);
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
async fn as_documented_root_shows_admin_and_no_binding_is_stored() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user("zoe", GOOD).await.unwrap(), success());
    bind(&root, "zoe", "admin").await;
    let before = server.deployment.admin().snapshots().get();
    for _ in 0..2 {
        assert_eq!(members(&root, None).await, [shown("admin", &["root", "zoe"])]);
        assert_eq!(members(&root, Some("admin")).await, [shown("admin", &["root", "zoe"])]);
        assert_eq!(roles(&root, Some("root")).await, [shown("root", &["admin"])]);
        let all = [shown("root", &["admin"]), shown("zoe", &["admin"])];
        assert_eq!(roles(&root, None).await, all);
        bind(&root, "root", "admin").await;
    }
    let refused = "the role[admin] is a default role, which can't be unbound: privilege not \
                   permitted";
    for user in ["root", " root "] {
        let answer = root.operate_user_role(user, "admin", UNBIND).await.unwrap();
        assert_eq!(answer, input_error(1401, 1, refused));
    }
    let after = server.deployment.admin().snapshots().get();
    assert_eq!(after.revision(), before.revision());
    assert!(after.roles_of("root").is_empty());

    // Any other role root holds like anybody else.
    assert_eq!(root.create_role("z").await.unwrap(), success());
    bind(&root, "root", "z").await;
    assert_eq!(roles(&root, Some("root")).await, [shown("root", &["admin", "z"])]);
}

#[tokio::test]
async fn in_milvus_root_shows_what_is_bound_and_nothing_else() {
    let server = TestServer::milvus().await;
    let root = server.grpc(ROOT).await;
    assert_eq!(roles(&root, Some("root")).await, [shown("root", &[])]);
    assert_eq!(members(&root, Some("admin")).await, [shown("admin", &[])]);
    bind(&root, "root", "admin").await;
    bind(&root, "root", "public").await;
    assert_eq!(roles(&root, Some("root")).await, [shown("root", &["admin", "public"])]);
    assert_eq!(members(&root, Some("public")).await, [shown("public", &["root"])]);
    for role in ["admin", "public"] {
        assert_eq!(root.operate_user_role("root", role, UNBIND).await.unwrap(), success());
    }
    assert_eq!(roles(&root, Some("root")).await, [shown("root", &[])]);
    assert_eq!(root.list_users().await.unwrap(), ["root"]);
}

#[tokio::test]
async fn as_documented_public_is_a_reserved_name() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user("ann", GOOD).await.unwrap(), success());
    assert_eq!(members(&root, Some("public")).await, []);
    for (number, verb) in [(BIND, "bound"), (UNBIND, "unbound"), (2, "bound")] {
        for user in ["ann", "nobody"] {
            let answer: MilvusStatus =
                root.operate_user_role(user, "public", number).await.unwrap();
            let text = format!("the role[public] is a default role, which can't be {verb}");
            let text = format!("{text}: privilege not permitted");
            assert_eq!(answer, input_error(1401, 1, &text));
        }
    }
    assert_eq!(members(&root, None).await, [shown("admin", &["root"])]);
}

#[tokio::test]
async fn a_member_of_admin_may_do_everything_at_once_and_nothing_at_once_after() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        assert_eq!(root.create_user("ann", GOOD).await.unwrap(), success());
        let ann = server.grpc(("ann", GOOD)).await;
        for _ in 0..3 {
            assert_eq!(ann.list_users().await.unwrap_err().code(), Code::PermissionDenied);
            assert_eq!(ann.create_role("r").await.unwrap_err().code(), Code::PermissionDenied);
            bind(&root, "ann", "admin").await;
            assert_eq!(ann.list_users().await.unwrap(), ["ann", "root"]);
            assert_eq!(ann.create_role("r").await.unwrap(), success());
            assert_eq!(ann.drop_role("r").await.unwrap(), success());
            assert_eq!(ann.create_user("bob", GOOD).await.unwrap(), success());
            assert_eq!(ann.delete_user("bob").await.unwrap(), success());
            // Also giving it away themselves.
            assert_eq!(ann.operate_user_role("ann", "admin", UNBIND).await.unwrap(), success());
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
        let denied = ann.operate_user_role("ann", "admin", BIND).await.unwrap_err();
        let text = "PrivilegeManageOwnership: permission deny to ann in the `*` database";
        assert_eq!((denied.code(), denied.message()), (Code::PermissionDenied, text));
    }
}
