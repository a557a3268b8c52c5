//! Who holds which role over REST: binding, unbinding, and what it lets a user do.

use serde_json::{Value, json};

use super::{both, check, done, plain_user, refused, run};
use crate::support::{ROOT, Rest, TestServer};

const UNKNOWN: &str = "not found the role, maybe the role isn't existed or internal system error";

fn role(name: &str) -> Value {
    json!({"roleName": name})
}

fn binding(user: &str, role: &str) -> Value {
    json!({"userName": user, "roleName": role})
}

fn bad(message: &str) -> Value {
    refused(1100, &format!("{message}: invalid parameter"))
}

fn protected(name: &str, participle: &str) -> Value {
    let what = format!("the role[{name}] is a default role, which can't be {participle}");
    refused(1401, &format!("{what}: privilege not permitted"))
}

async fn roles_of(rest: &Rest, user: &str) -> Value {
    rest.post("users/describe", &json!({"userName": user})).await.json()["data"].clone()
}

#[tokio::test]
async fn binding_twice_and_unbinding_what_is_not_bound_succeed() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        plain_user(&rest, "ann").await;
        for name in ["b", "a"] {
            run(&rest, &[("roles/create", role(name))]).await;
        }
        let nobody = bad(r#"failed to check if operate user role: user "nobody" not found"#);
        check(
            &rest,
            200,
            &[
                ("users/grant_role", binding("ann", "b"), done()),
                ("users/grant_role", binding(" ann ", "b"), done()),
                ("users/grant_role", binding("ann", "a"), done()),
                ("users/grant_role", binding("ann", "c"), bad(UNKNOWN)),
                ("users/revoke_role", binding("ann", "c"), bad(UNKNOWN)),
                ("users/grant_role", binding("nobody", "c"), bad(UNKNOWN)),
                ("users/revoke_role", binding("nobody", "c"), bad(UNKNOWN)),
                ("users/grant_role", binding("nobody", "a"), nobody),
                ("users/revoke_role", binding("nobody", "a"), done()),
            ],
        )
        .await;
        assert_eq!(roles_of(&rest, "ann").await, json!(["a", "b"]));
        let unbind = ("users/revoke_role", binding("ann", "b"));
        run(&rest, &[unbind.clone(), unbind]).await;
        assert_eq!(roles_of(&rest, "ann").await, json!(["a"]));
        run(&rest, &[("roles/drop", role("a")), ("roles/drop", role("b"))]).await;
        run(&rest, &[("users/drop", json!({"userName": "ann"}))]).await;
    }
}

#[tokio::test]
async fn root_shows_admin_on_the_page_and_nothing_in_milvus_mode() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    run(&root, &[("users/grant_role", binding("root", "admin"))]).await;
    let cases = [("users/revoke_role", binding("root", "admin"), protected("admin", "unbound"))];
    check(&root, 200, &cases).await;
    assert_eq!(roles_of(&root, "root").await, json!(["admin"]));

    let server = TestServer::milvus().await;
    let root = server.rest(ROOT);
    assert_eq!(roles_of(&root, "root").await, json!([]));
    run(&root, &[("users/grant_role", binding("root", "admin"))]).await;
    assert_eq!(roles_of(&root, "root").await, json!(["admin"]));
    run(&root, &[("users/revoke_role", binding("root", "admin"))]).await;
    assert_eq!(roles_of(&root, "root").await, json!([]));
}

#[tokio::test]
async fn nobody_holds_public_by_default_and_anybody_may_in_milvus_mode() {
    let server = TestServer::start().await;
    plain_user(&server.rest(ROOT), "ann").await;
    check(
        &server.rest(ROOT),
        200,
        &[
            ("users/grant_role", binding("ann", "public"), protected("public", "bound")),
            ("users/revoke_role", binding("ann", "public"), protected("public", "unbound")),
        ],
    )
    .await;
    let server = TestServer::milvus().await;
    let root = server.rest(ROOT);
    plain_user(&root, "ann").await;
    assert_eq!(roles_of(&root, "ann").await, json!([]));
    run(&root, &[("users/grant_role", binding("ann", "public"))]).await;
    assert_eq!(roles_of(&root, "ann").await, json!(["public"]));
}

#[tokio::test]
async fn a_plain_user_does_not_even_see_the_roles_they_hold() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    plain_user(&root, "ann").await;
    run(&root, &[("roles/create", role("r")), ("users/grant_role", binding("ann", "r"))]).await;
    let ann = server.rest(("ann", "P@ssw0rd"));
    for (path, body, privilege) in [
        ("roles/list", json!({}), "SelectOwnership"),
        ("roles/describe", role("r"), "SelectOwnership"),
        ("roles/create", role("1"), "CreateOwnership"),
        ("roles/alter", role("r"), "CreateOwnership"),
        ("roles/drop", role("r"), "DropOwnership"),
        ("users/grant_role", binding("ann", "admin"), "ManageOwnership"),
        ("users/revoke_role", binding("ann", "r"), "ManageOwnership"),
        ("users/create", json!({"userName": "x", "password": "x"}), "CreateOwnership"),
        ("users/drop", json!({"userName": "ann"}), "DropOwnership"),
        ("users/describe", json!({"userName": "root"}), "SelectUser"),
    ] {
        let message = format!(
            "rpc error: code = PermissionDenied desc = Privilege{privilege}: permission deny to \
             ann in the `*` database"
        );
        check(&ann, 403, &[(path, body, refused(65535, &message))]).await;
    }
    assert_eq!(roles_of(&ann, "ann").await, json!(["r"]));
}
