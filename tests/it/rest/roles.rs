//! Roles over REST, endpoint by endpoint, with every refusal.

use milvus_rbac::config::Compat;
use serde_json::{Value, json};

use super::{both, check, done, plain_user, refused, run};
use crate::support::{ROOT, Rest, TestServer, settings};

const UNKNOWN: &str = "not found the role, maybe the role isn't existed or internal system error";

fn role(name: &str) -> Value {
    json!({"roleName": name})
}

fn with(name: &str, description: &str) -> Value {
    json!({"roleName": name, "description": description})
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

async fn list(rest: &Rest) -> Value {
    rest.post("roles/list", &json!({})).await.json()
}

async fn roles_of(rest: &Rest, user: &str) -> Value {
    rest.post("users/describe", &json!({"userName": user})).await.json()["data"].clone()
}

fn described(description: &str) -> Value {
    json!({"code": 0, "data": [], "description": description})
}

#[tokio::test]
async fn roles_are_listed_bytewise_with_the_built_in_ones_of_the_mode() {
    for (server, expected) in [
        (TestServer::start().await, json!(["B", "admin", "b"])),
        (TestServer::milvus().await, json!(["B", "admin", "b", "public"])),
    ] {
        let root = server.rest(ROOT);
        run(&root, &[("roles/create", role("b")), ("roles/create", role("B"))]).await;
        for rest in both(&server, ROOT) {
            assert_eq!(list(&rest).await, json!({"code": 0, "data": expected}));
        }
    }
}

#[tokio::test]
async fn a_role_is_made_once_and_built_in_names_are_taken() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let exists = |text: &str| bad(&format!("role [{text}] already exists"));
        check(
            &server.rest(ROOT),
            200,
            &[
                ("roles/create", with("r", "first"), done()),
                ("roles/create", role("r"), exists(r#"name:"r""#)),
                (
                    "roles/create",
                    with("r", "a \"b\"\n"),
                    exists(r#"name:"r" description:"a \"b\"\n""#),
                ),
                ("roles/create", role("admin"), exists(r#"name:"admin""#)),
                ("roles/create", role("public"), exists(r#"name:"public""#)),
                ("roles/describe", role("r"), described("first")),
            ],
        )
        .await;
    }
}

/// What is said of bad role names where a name is created.
fn bad_names(documented: bool) -> Vec<(String, Value)> {
    let allowed = if documented {
        "numbers, letters and underscores"
    } else {
        "numbers, letters, underscores, and allowed characters ($)"
    };
    let first = |byte: u8| {
        refused(
            1100,
            &if documented {
                format!(
                    "the first character of role name must be a letter: invalid \
                 parameter[expected=letter][actual={byte}]"
                )
            } else {
                format!(
                    "the first character of role name must be an underscore or letter: invalid \
                 parameter[expected=95][actual={byte}]"
                )
            },
        )
    };
    let other = |found: char, at: usize| {
        bad(&format!("role name can only contain {allowed}, found {found} at {at}"))
    };
    let long = "the length of role name must be not greater than limit: invalid parameter[256 \
                out of range 0 <= value <= 255]";
    let empty = "role name should be not empty: invalid parameter[expected=not empty][actual=]";
    vec![
        ("  ".into(), refused(1100, empty)),
        ("r".repeat(256), refused(1100, long)),
        ("1r".into(), first(b'1')),
        ("-r".into(), first(b'-')),
        ("r-1".into(), other('-', 1)),
        ("r.1".into(), other('.', 1)),
        ("r/1".into(), other('/', 1)),
        ("r 1".into(), other(' ', 1)),
        ("ré".into(), other('Ã', 1)),
        ("ab*".into(), other('*', 2)),
    ]
}

#[tokio::test]
async fn a_bad_name_is_refused_by_every_endpoint() {
    for (server, documented) in
        [(TestServer::start().await, true), (TestServer::milvus().await, false)]
    {
        let root = server.rest(ROOT);
        for (name, expected) in bad_names(documented) {
            check(&root, 200, &[("roles/create", role(&name), expected)]).await;
        }
        // Elsewhere any name that Milvus takes may be asked for.
        for (name, expected) in bad_names(false) {
            for path in ["roles/describe", "roles/alter", "roles/drop"] {
                check(&root, 200, &[(path, role(&name), expected.clone())]).await;
            }
            for path in ["users/grant_role", "users/revoke_role"] {
                check(&root, 200, &[(path, binding("nobody", &name), expected.clone())]).await;
            }
        }
    }
}

#[tokio::test]
async fn underscore_first_and_dollar_are_for_milvus_mode() {
    let milvus = TestServer::milvus().await;
    let names = ["_r", "r$1", "_"];
    for name in names {
        run(&milvus.rest(ROOT), &[("roles/create", role(name))]).await;
    }
    let documented = TestServer::start().await;
    for name in names {
        let answer = documented.rest(ROOT).post("roles/create", &role(name)).await;
        assert_eq!(answer.code(), 1100, "{name}");
        let answer = documented.rest(ROOT).post("roles/drop", &role(name)).await;
        assert_eq!(answer.json(), bad(UNKNOWN), "{name}");
    }
    run(&documented.rest(ROOT), &[("roles/create", role(&"r".repeat(255)))]).await;
}

#[tokio::test]
async fn a_description_is_set_cleared_and_limited() {
    let server = TestServer::start().await;
    let long = "d".repeat(1025);
    let too_long = refused(
        1100,
        "the length of role description must be not greater than limit: invalid parameter[1025 \
         out of range 0 <= value <= 1024]",
    );
    let missing = refused(65535, "failed to check if alter role: role not exists");
    check(
        &server.rest(ROOT),
        200,
        &[
            ("roles/create", with("r", &long), too_long.clone()),
            ("roles/create", with("r", &"d".repeat(1024)), done()),
            ("roles/alter", with("r", &long), too_long.clone()),
            ("roles/alter", with("r", "new"), done()),
            ("roles/describe", role("r"), described("new")),
            ("roles/alter", with("r", "new"), done()),
            // Absent clears it, unlike that of a user.
            ("roles/alter", role("r"), done()),
            ("roles/describe", role("r"), described("")),
            ("roles/alter", with("s", "new"), missing),
            ("roles/alter", with("admin", &long), too_long),
            ("roles/alter", with("admin", "new"), protected("admin", "altered")),
            ("roles/alter", with("public", "new"), protected("public", "altered")),
            ("roles/describe", role("admin"), described("")),
        ],
    )
    .await;
}

#[tokio::test]
async fn describing_a_role_that_is_not_there_is_an_error() {
    for (server, public) in [
        (TestServer::start().await, bad(r#"the role "public" does not exist"#)),
        (TestServer::milvus().await, described("")),
    ] {
        for rest in both(&server, ROOT) {
            let unknown = bad(r#"the role "nobody" does not exist"#);
            check(&rest, 200, &[("roles/describe", role("nobody"), unknown)]).await;
            let answer = rest.post("roles/describe", &role("public")).await.json();
            // Its grants are shown once there are grants.
            assert_eq!(answer["code"], public["code"]);
            assert_eq!(answer["message"], public["message"]);
        }
    }
}

#[tokio::test]
async fn dropping_a_role_takes_the_bindings_and_a_missing_one_is_an_error() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    plain_user(&root, "ann").await;
    let commands = [("roles/create", role("r")), ("users/grant_role", binding("ann", "r"))];
    run(&root, &commands).await;
    assert_eq!(roles_of(&root, "ann").await, json!(["r"]));
    run(&root, &[("roles/drop", role("r"))]).await;
    assert_eq!(roles_of(&root, "ann").await, json!([]));
    run(&root, &[("roles/create", role("r"))]).await;
    assert_eq!(roles_of(&root, "ann").await, json!([]), "a role made again is empty");
    check(
        &root,
        200,
        &[
            ("roles/drop", role("r"), done()),
            ("roles/drop", role("r"), bad(UNKNOWN)),
            ("roles/drop", role("admin"), protected("admin", "dropped")),
            ("roles/drop", role("public"), protected("public", "dropped")),
        ],
    )
    .await;
}

#[tokio::test]
async fn milvus_mode_has_room_for_ten_roles() {
    let server = TestServer::milvus().await;
    let root = server.rest(ROOT);
    for at in 0..8 {
        run(&root, &[("roles/create", role(&format!("r{at}")))]).await;
    }
    let full = refused(
        9,
        "failed to check if create role: quota exceeded[reason=unable to create role because the \
         number of roles has reached the limit]",
    );
    check(
        &root,
        200,
        &[
            ("roles/create", role("r8"), full),
            ("roles/create", role("r1"), bad(r#"role [name:"r1"] already exists"#)),
            ("roles/drop", role("r1"), done()),
            ("roles/create", role("r8"), done()),
        ],
    )
    .await;
    let mut unlimited = settings(Compat::Milvus);
    unlimited.limits.max_roles = 0;
    let server = TestServer::with(unlimited).await;
    for at in 0..12 {
        run(&server.rest(ROOT), &[("roles/create", role(&format!("r{at}")))]).await;
    }
}
