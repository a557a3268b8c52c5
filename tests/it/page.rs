//! The public page, over both APIs: what it does and the lists it prints.

use serde_json::json;

use crate::support::{ROOT, TestServer};

#[tokio::test]
async fn the_page_works_over_grpc() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user("user_1", "P@ssw0rd").await.unwrap().code, 0);
    let update = root.update_password("user_1", "P@ssw0rd", "NewP@ssw0rd").await.unwrap();
    assert_eq!(update.code, 0);
    assert_eq!(root.list_users().await.unwrap(), ["root", "user_1"]);
    assert_eq!(root.create_role("role_a").await.unwrap().code, 0);
    assert_eq!(root.list_roles().await.unwrap(), ["admin", "role_a"]);
    assert!(server.grpc(("user_1", "NewP@ssw0rd")).await.logs_in().await);
    assert!(!server.grpc(("user_1", "P@ssw0rd")).await.logs_in().await);
}

#[tokio::test]
async fn the_page_works_over_rest() {
    let server = TestServer::start().await;
    for root in [server.rest(ROOT), server.rest(ROOT).http2()] {
        let user = json!({"userName": "user_1", "password": "P@ssw0rd"});
        assert_eq!(root.post("users/create", &user).await.json(), json!({"code": 0, "data": {}}));
        let update =
            json!({"newPassword": "P@ssw0rd!", "userName": "user_1", "password": "P@ssw0rd"});
        let answer = root.post("users/update_password", &update).await;
        assert_eq!(answer.json(), json!({"code": 0, "data": {}}));
        let answer = root.post("users/list", &json!({})).await;
        assert_eq!(answer.json(), json!({"code": 0, "data": ["root", "user_1"]}));
        let role = json!({"roleName": "role_a"});
        assert_eq!(root.post("roles/create", &role).await.json(), json!({"code": 0, "data": {}}));
        let answer = root.post("roles/list", &json!({})).await;
        assert_eq!(answer.json(), json!({"code": 0, "data": ["admin", "role_a"]}));
        // For the second round.
        root.post("users/drop", &user).await;
        root.post("roles/drop", &role).await;
    }
}
