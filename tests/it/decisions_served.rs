//! The decision vectors of `tests/data/decisions.json` through a running server: grants as clients
//! make them, requests as bytes on the wire.

use milvus_rbac::admin::Membership;
use milvus_rbac::config::Compat;
use milvus_rbac::credential::{Caller, Peer};
use milvus_rbac::policy::{Condition, ObjectSource, Requirement, find};
use milvus_rbac::proto::milvus as pb;
use serde_json::Value;
use tonic::Code;

use crate::support::{Grpc, TestServer, Wire, basic, framed, milvus_path, settings, success};

/// Vectors that need the targets of aliases, which nobody can tell us yet.
const ALIASES: [&str; 1] = ["alias-resolved-when-enabled"];
const PASSWORD: &str = "P@ssw0rd";
/// Prepares everything; no vector knows of it.
const SETUP: &str = "setup";

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

async fn server_for(vector: &Value) -> TestServer {
    let setting = |name: &str, default: bool| vector["config"][name].as_bool().unwrap_or(default);
    let mut settings = settings(Compat::Milvus);
    settings.security.authorization = setting("authorization_enabled", true);
    settings.security.root_should_bind_role = setting("root_should_bind_role", false);
    settings.security.enable_public_privilege = setting("enable_public_privilege", true);
    TestServer::with(settings).await
}

/// Users, roles, bindings, groups and grants, over gRPC.
async fn prepare(server: &TestServer, vector: &Value) {
    let admin = server.deployment.admin();
    let program = Caller::unauthenticated(Peer::LOCAL);
    let first = Grpc::connect(server.address, ("root", "Milvus")).await;
    let new = milvus_rbac::admin::NewUser {
        name: SETUP.to_owned(),
        password: milvus_rbac::admin::GivenPassword::plain(PASSWORD.to_owned()),
        description: None,
    };
    admin.create_user(&program, new).await.unwrap();
    let bind = Some(Membership::Bind);
    admin.operate_user_role(&program, SETUP, "admin", bind).await.unwrap();
    let client = first.with_authorization(&basic(SETUP, PASSWORD));
    let mut roles: Vec<&str> =
        vector["users"].as_object().unwrap().values().flat_map(strings).collect();
    roles.extend(vector["grants"].as_array().unwrap().iter().map(|grant| text(grant, "role")));
    roles.sort_unstable();
    roles.dedup();
    for role in roles.into_iter().filter(|role| !["admin", "public"].contains(role)) {
        assert_eq!(client.create_role(role).await.unwrap(), success());
    }
    for (user, held) in vector["users"].as_object().unwrap() {
        if user != "root" {
            assert_eq!(client.create_user(user, PASSWORD).await.unwrap(), success());
        }
        for role in strings(held) {
            assert_eq!(client.operate_user_role(user, role, 0).await.unwrap(), success());
        }
    }
    for (group, members) in vector["privilege_groups"].as_object().unwrap() {
        make_group(&client, group, members).await;
    }
    for grant in vector["grants"].as_array().unwrap() {
        make_grant(&client, grant).await;
    }
}

async fn make_group(client: &Grpc, group: &str, members: &Value) {
    let request = pb::CreatePrivilegeGroupRequest { base: None, group_name: group.to_owned() };
    let made = client.rpc().create_privilege_group(request).await.unwrap().into_inner();
    assert_eq!(made, success());
    let request = pb::OperatePrivilegeGroupRequest {
        base: None,
        group_name: group.to_owned(),
        privileges: strings(members)
            .map(|name| pb::PrivilegeEntity { name: name.to_owned() })
            .collect(),
        r#type: 0,
    };
    let filled = client.rpc().operate_privilege_group(request).await.unwrap().into_inner();
    assert_eq!(filled, success());
}

async fn make_grant(client: &Grpc, grant: &Value) {
    let role =
        Some(pb::RoleEntity { name: text(grant, "role").to_owned(), description: String::new() });
    let privilege = Some(pb::PrivilegeEntity { name: text(grant, "privilege").to_owned() });
    let grantor = Some(pb::GrantorEntity { user: None, privilege });
    let db_name = text(grant, "db").to_owned();
    let status = if grant.get("collection").is_some() {
        let request = pb::OperatePrivilegeV2Request {
            base: None,
            role,
            grantor,
            r#type: 0,
            db_name,
            collection_name: text(grant, "collection").to_owned(),
        };
        client.rpc().operate_privilege_v2(request).await.unwrap().into_inner()
    } else {
        let entity = pb::GrantEntity {
            role,
            object: Some(pb::ObjectEntity { name: text(grant, "object_type").to_owned() }),
            object_name: text(grant, "object").to_owned(),
            grantor,
            db_name,
        };
        let request = pb::OperatePrivilegeRequest {
            base: None,
            entity: Some(entity),
            r#type: 0,
            version: String::new(),
        };
        client.rpc().operate_privilege(request).await.unwrap().into_inner()
    };
    assert_eq!(status, success(), "{grant}");
}

/// A length-delimited field.
fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(value.len() as u64, &mut bytes);
    bytes.extend_from_slice(value);
    bytes
}

/// The request of a check, in the fields that its row names.
pub(crate) fn message(check: &Value, row: &Requirement) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let (Some(number), database) = (row.database, text(check, "db"))
        && !database.is_empty()
    {
        bytes.extend(field(number, database.as_bytes()));
    }
    for name in strings(&check["objects"]).filter(|name| !name.is_empty()) {
        let name = name.as_bytes();
        match row.object {
            ObjectSource::Any => {}
            ObjectSource::Field(number) | ObjectSource::Repeated(number) => {
                bytes.extend(field(number, name));
            }
            ObjectSource::Nested(number) => bytes.extend(field(number, &field(1, name))),
            ObjectSource::Role(number) => {
                bytes.extend(field(number, &field(1, &field(1, name))));
            }
        }
    }
    let other = check.get("new_db").or(check.get("target_db")).and_then(Value::as_str);
    for condition in row.conditions {
        if let (Condition::Crossing(number), Some(other)) = (condition, other) {
            bytes.extend(field(*number, other.as_bytes()));
        }
    }
    bytes
}

#[tokio::test]
async fn every_vector_is_decided_by_a_server_as_it_says() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../data/decisions.json")).unwrap();
    let mut checked = 0;
    for vector in &vectors {
        let name = text(vector, "name");
        if ALIASES.contains(&name) {
            continue;
        }
        let server = server_for(vector).await;
        prepare(&server, vector).await;
        let check = &vector["check"];
        let path = milvus_path(text(check, "rpc"));
        let row = find(&path).unwrap();
        let user = text(check, "user");
        let password = if user == "root" { "Milvus" } else { PASSWORD };
        let login = basic(user, password);
        let mut headers = vec![("authorization", login.as_str())];
        if let Some(database) = check.get("connection_db").and_then(Value::as_str) {
            headers.push(("dbname", database));
        }
        let wire = Wire::connect(server.address).await;
        let answer = wire.send(&path, &headers, framed(&message(check, row))).await;
        let expected = vector.get("recommended").unwrap_or(&vector["allow"]).as_bool().unwrap();
        if expected {
            let let_in = matches!(answer.code, Code::Ok | Code::Unimplemented);
            assert!(let_in, "{name}: {:?} {}", answer.code, answer.text);
        } else {
            let denial = (Code::PermissionDenied, text(vector, "deny_message"));
            assert_eq!(answer.outcome(), denial, "{name}");
        }
        server.stop().await;
        checked += 1;
    }
    assert_eq!(checked, 116);
}
