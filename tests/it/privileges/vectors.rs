//! The vectors of grant validation, each against a running server.

use milvus_rbac::proto::common::Status;
use serde_json::Value;

use super::client::*;
use crate::support::{Grpc, ROOT, TestServer};

const VECTORS: &str = include_str!("../../data/privileges.json");

#[tokio::test]
async fn every_vector_of_grant_validation_is_answered_as_it_says() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = file["grant_validation"].as_array().unwrap();
    assert!(vectors.len() > 40);
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    for vector in vectors {
        prepare(&root, vector).await;
        let status = run(&root, vector).await;
        assert_eq!(status.code == 0, vector["ok"].as_bool().unwrap(), "{vector} {status:?}");
        if let Some(text) = vector["message_contains"].as_str() {
            assert!(status.reason.contains(text), "{vector} {}", status.reason);
        }
        if let Some(object) = vector["stored_object"].as_str() {
            let grants = grants_of(&root, "r1").await;
            let suffix = format!(".{object} {}", text(vector, "privilege"));
            assert!(grants.iter().any(|grant| grant.ends_with(&suffix)), "{vector} {grants:?}");
        }
        clean(&root, vector).await;
    }
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector["input"][field].as_str().unwrap_or_default()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect()
}

async fn prepare(root: &Grpc, vector: &Value) {
    root.create_role("r1").await.unwrap();
    for (name, members) in vector["privilege_groups"].as_object().into_iter().flatten() {
        succeeded(&create_group(root, name).await);
        let members = names(members);
        if !members.is_empty() {
            succeeded(&operate_group(root, name, &members, 0).await);
        }
        for role in names(&vector["granted_to"]) {
            succeeded(&operate_v2(root, role, name, ("db1", "c1"), 0).await);
        }
    }
    // This one vector names a group that it does not list.
    if text(vector, "privilege") == "my_custom_group" {
        succeeded(&create_group(root, "my_custom_group").await);
    }
}

async fn run(root: &Grpc, vector: &Value) -> Status {
    let role = Some(text(vector, "role")).filter(|role| !role.is_empty()).unwrap_or("r1");
    let api = vector["api"].as_str().unwrap();
    let action = i32::from(api.ends_with("revoke"));
    match api {
        "v1" | "v1 revoke" => {
            let object = (text(vector, "object_type"), text(vector, "object"));
            let mut grant = entity(role, object, text(vector, "privilege"));
            grant.db_name = text(vector, "db").to_owned();
            operate(root, grant, action).await
        }
        "v2" | "v2 revoke" => {
            let place = (text(vector, "db"), text(vector, "collection"));
            operate_v2(root, role, text(vector, "privilege"), place, action).await
        }
        "create group" => create_group(root, text(vector, "group_name")).await,
        "drop group" => drop_group(root, text(vector, "group_name")).await,
        "add to group" => {
            let members = names(&vector["input"]["privileges"]);
            operate_group(root, text(vector, "group_name"), &members, 0).await
        }
        other => panic!("a vector of an unknown kind: {other}"),
    }
}

async fn clean(root: &Grpc, vector: &Value) {
    let request = milvus_rbac::proto::milvus::DropRoleRequest {
        base: None,
        role_name: "r1".to_owned(),
        force_drop: true,
    };
    succeeded(root.rpc().drop_role(request).await.unwrap().get_ref());
    for (name, _) in vector["privilege_groups"].as_object().into_iter().flatten() {
        succeeded(&drop_group(root, name).await);
    }
    succeeded(&drop_group(root, "my_custom_group").await);
}
