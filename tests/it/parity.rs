//! Both APIs are one service: the same refusal has the same code and the same words, and what is
//! made on one side is there on the other.

use milvus_rbac::proto::common::Status as MilvusStatus;
use milvus_rbac::proto::milvus as pb;
use serde_json::{Value, json};
use tonic::{Response, Status};

use crate::support::{Grpc, ROOT, Rest, TestServer, encoded};

type Answered<T> = Result<Response<T>, Status>;

/// What REST must answer, given what gRPC has answered.
async fn agree(rest: &Rest, path: &str, body: Value, grpc: Result<MilvusStatus, Status>) {
    let answer = rest.post(path, &body).await;
    let expected = match grpc {
        Ok(status) => {
            assert_ne!(status.code, 0, "{path} {body}: gRPC does not refuse this");
            assert_eq!(status.reason, status.detail, "{path} {body}");
            (200, i64::from(status.code), status.reason)
        }
        Err(status) => {
            assert_eq!(status.code(), tonic::Code::PermissionDenied, "{path} {body}");
            let text = format!("rpc error: code = PermissionDenied desc = {}", status.message());
            (403, 65535, text)
        }
    };
    let found = (answer.status.as_u16(), answer.code(), answer.message());
    assert_eq!(found, expected, "{path} {body}");
}

/// One caller over both APIs.
struct Pair {
    grpc: Grpc,
    rest: Rest,
}

impl Pair {
    async fn new(server: &TestServer, login: (&str, &str)) -> Self {
        Self { grpc: server.grpc(login).await, rest: server.rest(login) }
    }

    async fn create_user(&self, name: &str, password: &str, description: Option<&str>) {
        let mut body = json!({"userName": name, "password": password});
        if let Some(text) = description {
            body["description"] = json!(text);
        }
        let request = pb::CreateCredentialRequest {
            username: name.to_owned(),
            password: encoded(password),
            description: description.map(ToOwned::to_owned),
            ..Default::default()
        };
        let status = self.grpc.rpc().create_credential(request).await.map(Response::into_inner);
        agree(&self.rest, "users/create", body, status).await;
    }

    async fn update(&self, name: &str, old: &str, new: &str) {
        let body = json!({"userName": name, "password": old, "newPassword": new});
        let status = self.grpc.update_password(name, old, new).await;
        agree(&self.rest, "users/update_password", body, status).await;
    }

    async fn describe_user(&self, name: &str, description: &str) {
        let body = json!({"userName": name, "description": description});
        let request = pb::UpdateCredentialRequest {
            username: name.to_owned(),
            description: Some(description.to_owned()),
            ..Default::default()
        };
        let status = self.grpc.rpc().update_credential(request).await.map(Response::into_inner);
        agree(&self.rest, "users/update_password", body, status).await;
    }

    async fn drop_user(&self, name: &str) {
        let status = self.grpc.delete_user(name).await;
        agree(&self.rest, "users/drop", json!({"userName": name}), status).await;
    }

    async fn create_role(&self, name: &str, description: &str) {
        let entity = pb::RoleEntity { name: name.to_owned(), description: description.to_owned() };
        let request = pb::CreateRoleRequest { base: None, entity: Some(entity) };
        let status = self.grpc.rpc().create_role(request).await.map(Response::into_inner);
        let body = json!({"roleName": name, "description": description});
        agree(&self.rest, "roles/create", body, status).await;
    }

    async fn alter_role(&self, name: &str, description: &str) {
        let request = pb::AlterRoleRequest {
            role_name: name.to_owned(),
            description: description.to_owned(),
            ..Default::default()
        };
        let status = self.grpc.rpc().alter_role(request).await.map(Response::into_inner);
        let body = json!({"roleName": name, "description": description});
        agree(&self.rest, "roles/alter", body, status).await;
    }

    async fn drop_role(&self, name: &str) {
        let status = self.grpc.drop_role(name).await;
        agree(&self.rest, "roles/drop", json!({"roleName": name}), status).await;
    }

    async fn membership(&self, user: &str, role: &str) {
        let body = json!({"userName": user, "roleName": role});
        for (kind, path) in [(0, "users/grant_role"), (1, "users/revoke_role")] {
            // Unbinding a user who is not there is no refusal on either side.
            if kind == 1 && user == "nobody" && role == "r" {
                continue;
            }
            let status = self.grpc.operate_user_role(user, role, kind).await;
            agree(&self.rest, path, body.clone(), status).await;
        }
    }

    async fn select_user(&self, name: &str) {
        let request = pb::SelectUserRequest {
            user: Some(pb::UserEntity { name: name.to_owned() }),
            ..Default::default()
        };
        let answer: Answered<_> = self.grpc.rpc().select_user(request).await;
        let status = answer.map(|answer| answer.into_inner().status.unwrap());
        agree(&self.rest, "users/describe", json!({"userName": name}), status).await;
    }

    async fn grants_of(&self, name: &str) {
        let role = pb::RoleEntity { name: name.to_owned(), ..Default::default() };
        let entity = pb::GrantEntity { role: Some(role), ..Default::default() };
        let request = pb::SelectGrantRequest { entity: Some(entity), ..Default::default() };
        let answer: Answered<_> = self.grpc.rpc().select_grant(request).await;
        let status = answer.map(|answer| answer.into_inner().status.unwrap());
        agree(&self.rest, "roles/describe", json!({"roleName": name}), status).await;
    }
}

const BAD_NAMES: [&str; 7] = [" ", "1a", "-a", "a b", "a/b", "aé", "a*"];
const BAD_PASSWORDS: [&str; 5] = ["x", "abcdefgh", "Abcdef1", "ééé", "Abcdef1\0"];

async fn user_refusals(root: &Pair, long: &str) {
    for name in BAD_NAMES.into_iter().chain([&long[..33]]) {
        root.create_user(name, "P@ssw0rd", None).await;
        root.select_user(name).await;
        root.membership(name, "r").await;
    }
    root.create_user("ann", "P@ssw0rd", None).await;
    root.create_user(" root ", "P@ssw0rd", None).await;
    root.create_user("bob", "P@ssw0rd", Some(long)).await;
    root.update("ann", "wrong", "N3w-pass").await;
    root.update("nobody", "wrong", "N3w-pass").await;
    root.update("root", "", "N3w-pass").await;
    root.update("ann", "P@ssw0rd", "").await;
    root.update("nobody", "", "").await;
    root.describe_user("nobody", "d").await;
    root.describe_user("ann", long).await;
    root.drop_user("root").await;
    root.drop_user("\troot ").await;
    root.drop_user(" ").await;
}

async fn role_refusals(root: &Pair, long: &str) {
    for name in BAD_NAMES.into_iter().chain([&long[..256]]) {
        root.create_role(name, "").await;
        root.alter_role(name, "").await;
        root.drop_role(name).await;
        root.grants_of(name).await;
        root.membership("ann", name).await;
    }
    root.create_role("r", "").await;
    root.create_role("r", "a \"text\"\twith \\ all \u{1f600}").await;
    root.create_role("admin", "").await;
    root.create_role("public", "").await;
    root.create_role("s", long).await;
    root.alter_role("r", long).await;
    root.alter_role("nobody", "").await;
    for name in ["admin", "public"] {
        root.alter_role(name, "").await;
        root.drop_role(name).await;
    }
    root.drop_role("nobody").await;
    root.grants_of("nobody").await;
    root.membership("ann", "nobody").await;
    root.membership("nobody", "nobody").await;
    root.membership("nobody", "r").await;
}

#[tokio::test]
async fn every_refusal_has_the_same_code_and_text_on_both_sides() {
    let long = "d".repeat(1025);
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = Pair::new(&server, ROOT).await;
        assert_eq!(root.grpc.create_user("ann", "P@ssw0rd").await.unwrap().code, 0);
        assert_eq!(root.grpc.create_role("r").await.unwrap().code, 0);
        user_refusals(&root, &long).await;
        role_refusals(&root, &long).await;
    }
}

#[tokio::test]
async fn what_only_documented_mode_refuses_reads_alike_too() {
    let server = TestServer::start().await;
    let root = Pair::new(&server, ROOT).await;
    assert_eq!(root.grpc.create_user("ann", "P@ssw0rd").await.unwrap().code, 0);
    for password in BAD_PASSWORDS {
        root.create_user("bob", password, None).await;
        root.update("ann", "P@ssw0rd", password).await;
    }
    for name in ["a.b", "a-b"] {
        root.create_user(name, "P@ssw0rd", None).await;
    }
    for name in ["_r", "r$"] {
        root.create_role(name, "").await;
    }
    root.membership("ann", "public").await;
    root.grants_of("public").await;
    let status = root.grpc.operate_user_role("root", "admin", 1).await;
    let body = json!({"userName": "root", "roleName": "admin"});
    agree(&root.rest, "users/revoke_role", body, status).await;
}

#[tokio::test]
async fn limits_read_alike() {
    let mut settings = crate::support::settings(milvus_rbac::config::Compat::Milvus);
    settings.limits.max_users = 1;
    settings.limits.max_roles = 2;
    let server = TestServer::with(settings).await;
    let root = Pair::new(&server, ROOT).await;
    root.create_user("bob", "P@ssw0rd", None).await;
    root.create_role("r", "").await;
}

#[tokio::test]
async fn who_may_not_over_one_may_not_over_the_other() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user("ann", "P@ssw0rd").await.unwrap().code, 0);
    assert_eq!(root.create_role("r").await.unwrap().code, 0);
    let ann = Pair::new(&server, ("ann", "P@ssw0rd")).await;
    ann.create_user("1", "x", None).await;
    ann.update("bob", "x", "x").await;
    ann.update(" root", "Milvus", "N3w-pass").await;
    ann.describe_user("root", "mine").await;
    ann.drop_user("ann").await;
    ann.create_role("1", "").await;
    ann.alter_role("r", "").await;
    ann.drop_role("r").await;
    ann.membership("ann", "admin").await;
    ann.select_user("root").await;
    // Their own affairs are theirs on both sides.
    let status = ann.grpc.select_user(" ann ").await.unwrap().unwrap();
    assert_eq!(status.user.unwrap().name, "ann");
    let answer = ann.rest.post("users/describe", &json!({"userName": " ann "})).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (200, 0));
}

#[tokio::test]
async fn what_is_made_on_one_side_is_there_on_the_other() {
    let server = TestServer::start().await;
    let root = Pair::new(&server, ROOT).await;
    let password = "pä:s swörD1";
    let body = json!({"userName": "rest", "password": password, "description": "by REST"});
    assert_eq!(root.rest.post("users/create", &body).await.code(), 0);
    assert!(server.grpc(("rest", password)).await.logs_in().await);
    assert!(!server.grpc(("rest", &encoded(password))).await.logs_in().await);
    assert_eq!(root.grpc.create_user("grpc", "P@ssw0rd").await.unwrap().code, 0);
    let own = json!({"userName": "grpc"});
    let rest = server.rest(("grpc", "P@ssw0rd"));
    assert_eq!(rest.post("users/describe", &own).await.status, 200);

    let body = json!({"userName": "grpc", "password": "P@ssw0rd", "newPassword": "N3w-pass"});
    assert_eq!(rest.post("users/update_password", &body).await.code(), 0);
    assert!(server.grpc(("grpc", "N3w-pass")).await.logs_in().await);
    assert!(!server.grpc(("grpc", "P@ssw0rd")).await.logs_in().await);

    assert_eq!(root.grpc.create_role("r").await.unwrap().code, 0);
    let bind = json!({"userName": "rest", "roleName": "r"});
    assert_eq!(root.rest.post("users/grant_role", &bind).await.code(), 0);
    let seen = root.grpc.select_user("rest").await.unwrap().unwrap();
    assert_eq!(seen.roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), ["r"]);
    let users = root.rest.post("users/list", &json!({})).await.json()["data"].clone();
    assert_eq!(users, json!(root.grpc.list_users().await.unwrap()));
    let roles = root.rest.post("roles/list", &json!({})).await.json()["data"].clone();
    assert_eq!(roles, json!(root.grpc.list_roles().await.unwrap()));
}
