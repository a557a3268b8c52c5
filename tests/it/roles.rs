//! Roles over gRPC: `CreateRole`, `AlterRole`, `DropRole`.

use milvus_rbac::config::Compat;
use milvus_rbac::proto::common::Status as MilvusStatus;
use milvus_rbac::proto::milvus as pb;
use tonic::Code;

use crate::support::{Grpc, ROOT, TestServer, failure, input_error, settings, success};

const EMPTY: &str = "role name should be not empty: invalid parameter[expected=not empty][actual=]";
const LONG: &str = "the length of role name must be not greater than limit: invalid \
                    parameter[256 out of range 0 <= value <= 255]";
const DESCRIPTION: &str = "the length of role description must be not greater than limit: invalid \
                           parameter[1025 out of range 0 <= value <= 1024]";
const UNKNOWN: &str =
    "not found the role, maybe the role isn't existed or internal system error: invalid parameter";

async fn create(client: &Grpc, entity: Option<(&str, &str)>) -> MilvusStatus {
    let entity = entity.map(|(name, description)| pb::RoleEntity {
        name: name.to_owned(),
        description: description.to_owned(),
    });
    let request = pb::CreateRoleRequest { base: None, entity };
    client.rpc().create_role(request).await.unwrap().into_inner()
}

async fn alter(client: &Grpc, name: &str, description: &str) -> MilvusStatus {
    let request = pb::AlterRoleRequest {
        base: None,
        role_name: name.to_owned(),
        description: description.to_owned(),
    };
    client.rpc().alter_role(request).await.unwrap().into_inner()
}

async fn drop(client: &Grpc, name: &str, force_drop: bool) -> MilvusStatus {
    let request = pb::DropRoleRequest { base: None, role_name: name.to_owned(), force_drop };
    client.rpc().drop_role(request).await.unwrap().into_inner()
}

async fn description(client: &Grpc, name: &str) -> String {
    let role = Some(pb::RoleEntity { name: name.to_owned(), description: String::new() });
    let request = pb::SelectRoleRequest { base: None, role, include_user_info: false };
    let answer = client.rpc().select_role(request).await.unwrap().into_inner();
    answer.results[0].role.clone().unwrap().description
}

/// Names that break a rule, and what is said of them without the common end.
fn bad_names(compat: Compat) -> Vec<(&'static str, String)> {
    let other = |allowed: &str, found: char, at: usize| {
        format!("role name can only contain {allowed}, found {found} at {at}: invalid parameter")
    };
    let first = |expected: &str, which: &str, actual: u8| {
        format!(
            "the first character of role name must be {which}: invalid \
             parameter[expected={expected}][actual={actual}]"
        )
    };
    match compat {
        Compat::Documented => {
            let words = "numbers, letters and underscores";
            vec![
                ("1a", first("letter", "a letter", b'1')),
                ("_a", first("letter", "a letter", b'_')),
                (" r ", first("letter", "a letter", b' ')),
                ("role-a", other(words, '-', 4)),
                ("role$", other(words, '$', 4)),
                ("r ", other(words, ' ', 1)),
                ("rolé", other(words, 'Ã', 3)),
            ]
        }
        Compat::Milvus => {
            let words = "numbers, letters, underscores, and allowed characters ($)";
            vec![
                ("1a", first("95", "an underscore or letter", b'1')),
                ("$a", first("95", "an underscore or letter", b'$')),
                (" role-a", other(words, '-', 4)),
                ("rolé", other(words, 'Ã', 3)),
            ]
        }
    }
}

#[tokio::test]
async fn a_name_that_breaks_the_rule_is_refused_before_anything_else_is_looked_at() {
    for compat in [Compat::Documented, Compat::Milvus] {
        let server = TestServer::with(settings(compat)).await;
        let root = server.grpc(ROOT).await;
        let roles = root.list_roles().await.unwrap();
        let long = "r".repeat(256);
        let mut cases = vec![("", EMPTY.to_owned()), (" \t", EMPTY.into()), (&long, LONG.into())];
        cases.extend(bad_names(compat));
        let text = "d".repeat(1025);
        for (name, reason) in cases {
            let refused = input_error(1100, 5, &reason);
            assert_eq!(create(&root, Some((name, &text))).await, refused, "{name:?}");
        }
        assert_eq!(create(&root, None).await, input_error(1100, 5, EMPTY));
        for name in ["fine", "admin"] {
            let refused = input_error(1100, 5, DESCRIPTION);
            assert_eq!(create(&root, Some((name, &text))).await, refused);
        }
        assert_eq!(root.list_roles().await.unwrap(), roles);
        for name in [&long[1..], "Role_1"] {
            assert_eq!(create(&root, Some((name, &text[1..]))).await, success());
            assert_eq!(description(&root, name).await, text[1..]);
        }
    }
}

#[tokio::test]
async fn altering_and_dropping_check_the_name_as_one_that_may_be_stored() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        let other = "role name can only contain numbers, letters, underscores, and allowed \
                     characters ($), found - at 1: invalid parameter";
        let first = "the first character of role name must be an underscore or letter: invalid \
                     parameter[expected=95][actual=49]";
        let long = "r".repeat(256);
        for (name, reason) in [("", EMPTY), ("r-", other), ("1", first), (&long, LONG)] {
            let refused = input_error(1100, 5, reason);
            assert_eq!(alter(&root, name, &"d".repeat(1025)).await, refused);
            assert_eq!(drop(&root, name, true).await, refused);
        }
        for name in ["admin", "nothing"] {
            let refused = input_error(1100, 5, DESCRIPTION);
            assert_eq!(alter(&root, name, &"d".repeat(1025)).await, refused);
        }
        let missing = failure(65535, 1, "failed to check if alter role: role not exists");
        for name in ["nothing", "_$", "Admin"] {
            assert_eq!(alter(&root, name, "d").await, missing);
            for force in [false, true] {
                assert_eq!(drop(&root, name, force).await, input_error(1100, 36, UNKNOWN));
            }
        }
    }
}

#[tokio::test]
async fn a_role_that_exists_is_shown_in_the_refusal_as_it_was_sent() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        assert_eq!(create(&root, Some(("r", "first"))).await, success());
        for (name, text, shown) in [
            ("r", "", r#"name:"r""#),
            ("r", "D", r#"name:"r" description:"D""#),
            ("r", "a \"b\"", r#"name:"r" description:"a \"b\"""#),
            ("admin", "", r#"name:"admin""#),
            ("public", "", r#"name:"public""#),
        ] {
            let reason = format!("role [{shown}] already exists: invalid parameter");
            assert_eq!(create(&root, Some((name, text))).await, input_error(1100, 35, &reason));
        }
        assert_eq!(description(&root, "r").await, "first");
    }
}

#[tokio::test]
async fn a_description_is_replaced_cleared_and_set_again() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        assert_eq!(create(&root, Some(("r", "first"))).await, success());
        for text in ["second", "second", "", "", "third"] {
            assert_eq!(alter(&root, "r", text).await, success());
            assert_eq!(description(&root, "r").await, text);
        }
    }
}

#[tokio::test]
async fn admin_and_public_are_protected_whether_they_are_listed_or_not() {
    for (server, listed) in [
        (TestServer::start().await, &["admin"][..]),
        (TestServer::milvus().await, &["admin", "public"]),
    ] {
        let root = server.grpc(ROOT).await;
        assert_eq!(root.list_roles().await.unwrap(), listed);
        for name in ["admin", "public"] {
            let refused = |verb: &str| {
                let end = "privilege not permitted";
                let text = format!("the role[{name}] is a default role, which can't be {verb}");
                input_error(1401, 1, &format!("{text}: {end}"))
            };
            assert_eq!(alter(&root, name, "mine").await, refused("altered"));
            for force in [false, true] {
                assert_eq!(drop(&root, name, force).await, refused("dropped"));
            }
        }
        assert_eq!(root.list_roles().await.unwrap(), listed);
    }
}

#[tokio::test]
async fn the_limit_of_ten_counts_admin_and_public_and_comes_after_the_duplicate() {
    let server = TestServer::milvus().await;
    let root = server.grpc(ROOT).await;
    for index in 0..8 {
        assert_eq!(root.create_role(&format!("r{index}")).await.unwrap(), success());
    }
    let duplicate = input_error(1100, 35, r#"role [name:"r0"] already exists: invalid parameter"#);
    assert_eq!(root.create_role("r0").await.unwrap(), duplicate);
    let quota = failure(
        9,
        35,
        "failed to check if create role: quota exceeded[reason=unable to create role because the \
         number of roles has reached the limit]",
    );
    assert_eq!(root.create_role("r8").await.unwrap(), quota);
    assert_eq!(root.drop_role("r0").await.unwrap(), success());
    assert_eq!(root.create_role("r8").await.unwrap(), success());

    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    for index in 0..20 {
        assert_eq!(root.create_role(&format!("r{index}")).await.unwrap(), success());
    }
    assert_eq!(root.list_roles().await.unwrap().len(), 21);
}

#[tokio::test]
async fn in_milvus_a_name_with_blanks_is_a_role_of_its_own() {
    let server = TestServer::milvus().await;
    let root = server.grpc(ROOT).await;
    for name in [" r ", "r", "_r$"] {
        assert_eq!(root.create_role(name).await.unwrap(), success());
    }
    assert_eq!(root.list_roles().await.unwrap(), [" r ", "_r$", "admin", "public", "r"]);
    // Nor is ` admin ` the protected role.
    assert_eq!(root.create_role(" admin ").await.unwrap(), success());
    assert_eq!(root.drop_role(" admin ").await.unwrap(), success());
    assert_eq!(root.drop_role(" r ").await.unwrap(), success());
    assert_eq!(root.list_roles().await.unwrap(), ["_r$", "admin", "public", "r"]);
}

#[tokio::test]
async fn bindings_go_with_the_role_and_do_not_come_back_with_its_name() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        assert_eq!(root.create_user("ann", "P@ssw0rd").await.unwrap(), success());
        assert_eq!(root.create_role("r").await.unwrap(), success());
        assert_eq!(root.operate_user_role("ann", "r", 0).await.unwrap(), success());
        assert_eq!(root.select_user("ann").await.unwrap().unwrap().roles.len(), 1);
        assert_eq!(root.drop_role("r").await.unwrap(), success());
        assert_eq!(root.drop_role("r").await.unwrap(), input_error(1100, 36, UNKNOWN));
        assert!(root.select_user("ann").await.unwrap().unwrap().roles.is_empty());
        assert_eq!(root.create_role("r").await.unwrap(), success());
        assert!(root.select_user("ann").await.unwrap().unwrap().roles.is_empty());
    }
}

#[tokio::test]
async fn a_plain_user_touches_no_role() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user("ann", "P@ssw0rd").await.unwrap(), success());
    let ann = server.grpc(("ann", "P@ssw0rd")).await;
    let text = |privilege: &str| {
        format!("Privilege{privilege}: permission deny to ann in the `*` database")
    };
    let denied = ann.create_role("").await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert_eq!(denied.message(), text("CreateOwnership"));
    let denied = ann.drop_role("admin").await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert_eq!(denied.message(), text("DropOwnership"));
    let denied = ann.rpc().alter_role(pb::AlterRoleRequest::default()).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert_eq!(denied.message(), text("CreateOwnership"));
}
