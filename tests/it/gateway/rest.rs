//! REST in front of an upstream: users and roles are answered, data is not forwarded.

use http::StatusCode;
use serde_json::json;

use super::world::World;
use crate::support::{ROOT, framed, milvus_path};

#[tokio::test]
async fn paths_of_users_and_roles_are_answered_here() {
    let world = World::start().await;
    let rest = world.server.rest(ROOT);
    for path in ["users/list", "roles/list"] {
        let answer = rest.post(path, &json!({})).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::OK, 0), "{path}");
    }
    world.nothing_else_has_come().await;
}

#[tokio::test]
async fn paths_of_data_are_not_forwarded_and_the_answer_says_so() {
    let world = World::start().await;
    let rest = world.server.rest(ROOT);
    for path in ["collections/list", "entities/insert", "entities/search", "databases/list"] {
        let stranger = rest.with_authorization(None);
        let answer = stranger.post(path, &json!({})).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        for rest in [rest.clone(), rest.http2()] {
            let answer = rest.post(path, &json!({ "collectionName": "mine" })).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
            let text = String::from_utf8(answer.body.to_vec()).unwrap();
            assert_eq!(
                text,
                "404 page not found: this gateway answers the REST paths of users, roles and \
                 privilege groups, and forwards no others; data is reached over gRPC"
            );
        }
    }
    world.nothing_else_has_come().await;
}

#[tokio::test]
async fn grpc_over_http_1_is_not_forwarded() {
    let world = World::start().await;
    let rest = world.server.rest(ROOT);
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let path = milvus_path("AllocTimestamp");
    let answer = rest.send("POST", &path, &headers, framed(&[])).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    world.nothing_else_has_come().await;
}
