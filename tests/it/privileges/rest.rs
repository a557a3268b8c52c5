//! Grants and privilege groups over REST.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{ROOT, Rest, TestServer};

async fn done(client: &Rest, path: &str, body: Value) {
    assert_eq!(client.post(path, &body).await.json(), json!({"code": 0, "data": {}}), "{path}");
}

async fn refused(client: &Rest, path: &str, body: Value, code: i64, text: &str) {
    let answer = client.post(path, &body).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.code(), code, "{path} {}", answer.message());
    assert!(answer.message().contains(text), "{path} {}", answer.message());
}

#[tokio::test]
async fn a_role_is_described_with_its_grants_in_the_database_asked_for() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    done(&root, "roles/create", json!({"roleName": "r", "description": "d"})).await;
    let grant = json!({"roleName": "r", "objectType": "Global", "objectName": "any",
                       "privilege": "CreateCollection"});
    done(&root, "roles/grant_privilege", grant.clone()).await;
    let level = json!({"roleName": "r", "privilege": "CollectionReadOnly", "dbName": "db1",
                       "collectionName": "c1"});
    done(&root, "roles/grant_privilege_v2", level.clone()).await;
    let answer = root.post("roles/describe", &json!({"roleName": "r"})).await;
    assert_eq!(
        answer.json(),
        json!({"code": 0, "description": "d", "data": [
            {"objectType": "Global", "objectName": "*", "privilege": "CreateCollection",
             "dbName": "default", "grantor": "root"}]})
    );
    let describe = async |body: Value, header: &str| {
        let path = "/v2/vectordb/roles/describe";
        let answer = root.send("POST", path, &[("db-name", header)], body.to_string()).await;
        answer.json()["data"].as_array().unwrap().len()
    };
    assert_eq!(describe(json!({"roleName": "r"}), "*").await, 2);
    assert_eq!(describe(json!({"roleName": "r", "dbName": "db1"}), "*").await, 1);
    assert_eq!(describe(json!({"roleName": "r"}), "nowhere").await, 0);
    // By object the header counts, by level it does not.
    for (path, body) in [
        ("roles/revoke_privilege", grant.clone()),
        (
            "roles/revoke_privilege_v2",
            json!({"roleName": "r", "privilege": "CollectionReadOnly", "collectionName": "c1"}),
        ),
    ] {
        let path = format!("/v2/vectordb/{path}");
        let answer = root.send("POST", &path, &[("db-name", "db1")], body.to_string()).await;
        assert_eq!(answer.code(), 0);
        assert_eq!(describe(json!({"roleName": "r"}), "*").await, 2, "{path}");
    }
    done(&root, "roles/revoke_privilege", grant).await;
    done(&root, "roles/revoke_privilege_v2", level).await;
    assert_eq!(describe(json!({"roleName": "r"}), "*").await, 0);
}

#[tokio::test]
async fn grants_are_refused_as_over_grpc() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    done(&root, "roles/create", json!({"roleName": "r"})).await;
    done(&root, "privilege_groups/create", json!({"privilegeGroupName": "g"})).await;
    let object = |role: &str, object_type: &str, privilege: &str| {
        json!({"roleName": role, "objectType": object_type, "objectName": "c",
               "privilege": privilege})
    };
    let level = |database: &str, collection: &str, privilege: &str| {
        json!({"roleName": "r", "dbName": database, "collectionName": collection,
               "privilege": privilege})
    };
    for (body, text) in [
        (object("r", "Collection", "a-b"), "Privilege can only contain"),
        (object("r", "Nope", "Search"), "the object entity in the request is nil or invalid"),
        (object("x", "Collection", "Search"), "the role \"x\" does not exist"),
        (object("r", "Collection", "g"), "can not operate the custom privilege group [g]"),
        (
            object("r", "Collection", "DatabaseAdmin"),
            "can not operate the built-in privilege group [DatabaseAdmin]",
        ),
        (
            object("r", "Collection", "CreateCollection"),
            "not found the privilege name[CreateCollection] in object[Collection]",
        ),
    ] {
        refused(&root, "roles/grant_privilege", body, 1100, text).await;
    }
    for (body, code, text) in [
        (level("a-b", "c", "Search"), 802, "invalid database name"),
        (level("", "", "Search"), 1100, "collection name should be not empty"),
        (level("", "c", "Nope"), 1100, "not found the privilege name[Nope]"),
        (
            level("db", "*", "ClusterAdmin"),
            1100,
            "dbName and collectionName should be * for the cluster level privilege: ClusterAdmin",
        ),
        (
            level("*", "c", "CollectionAdmin"),
            1100,
            "please specify database name for the collection level privilege: CollectionAdmin",
        ),
    ] {
        refused(&root, "roles/grant_privilege_v2", body, code, text).await;
    }
    let missing = |fields: &[&str], shape: &str| -> String {
        let line = |field: &&str| {
            format!(
                "Key: '{shape}.{field}' Error:Field validation for '{field}' failed on the \
                 'required' tag"
            )
        };
        fields.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    let fields = missing(&["RoleName", "ObjectType", "ObjectName", "Privilege"], "GrantReq");
    refused(&root, "roles/grant_privilege", json!({}), 1802, &fields).await;
    let fields = missing(&["RoleName", "Privilege"], "GrantV2Req");
    refused(&root, "roles/revoke_privilege_v2", json!({}), 1802, &fields).await;
    refused(&root, "roles/drop", json!({"roleName": "admin"}), 1401, "default role").await;
}

#[tokio::test]
async fn groups_are_made_changed_listed_and_dropped() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    let body = |privileges: Value| json!({"privilegeGroupName": "pg1", "privileges": privileges});
    // What a creation says about privileges is ignored, as long as it is a list.
    done(&root, "privilege_groups/create", body(json!(["Insert"]))).await;
    done(&root, "privilege_groups/add_privileges_to_group", body(json!(["Search", "Query"]))).await;
    let answer = root.post("privilege_groups/list", &json!({})).await.json();
    let groups = answer["data"]["privilegeGroups"].as_array().unwrap();
    assert_eq!(groups[0], json!({"privilegeGroupName": "pg1", "privileges": "Query,Search"}));
    assert_eq!(
        groups[4],
        json!({"privilegeGroupName": "DatabaseReadOnly",
               "privileges": "ShowCollections,DescribeDatabase"})
    );
    assert_eq!(groups.len(), 10);
    let remove = "privilege_groups/remove_privileges_from_group";
    done(&root, remove, body(json!(["Search", "Query"]))).await;
    let answer = root.post("privilege_groups/list", &json!({})).await.json();
    assert_eq!(answer["data"]["privilegeGroups"][0]["privileges"], "");
    for (path, body, code, text) in [
        ("create", body(json!([])), 1100, "privilege group name [pg1] is defined by users"),
        ("add_privileges_to_group", body(Value::Null), 1100, "privileges is empty"),
        ("add_privileges_to_group", body(json!("Search")), 1801, "can only accept json"),
        ("create", body(json!([5])), 1801, "can only accept json"),
        ("add_privileges_to_group", body(json!([null])), 1100, "Privilege should be not empty"),
        ("drop", json!({"privilegeGroupName": "1"}), 1402, "invalid privilege group name"),
        (
            "drop",
            json!({"privileges": []}),
            1802,
            "Key: 'PrivilegeGroupReq.PrivilegeGroupName' Error:",
        ),
    ] {
        refused(&root, &format!("privilege_groups/{path}"), body, code, text).await;
    }
    for _ in 0..2 {
        done(&root, "privilege_groups/drop", json!({"privilegeGroupName": "pg1"})).await;
    }
}

#[tokio::test]
async fn without_a_right_nothing_of_it_is_answered() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    root.create_user("u", "P@ssw0rd").await.unwrap();
    let user = server.rest(("u", "P@ssw0rd"));
    for (path, body) in [
        (
            "roles/grant_privilege_v2",
            json!({"roleName": "r", "privilege": "Search", "collectionName": "c"}),
        ),
        ("privilege_groups/list", json!({})),
        ("privilege_groups/create", json!({"privilegeGroupName": "g"})),
    ] {
        assert_eq!(user.post(path, &body).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}
