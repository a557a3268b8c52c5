//! Frames: more or less than one message, compressed, too large, without end.

use std::time::Duration;

use milvus_rbac::config::Compat;
use milvus_rbac::proto::milvus as pb;
use prost::Message as _;
use tonic::Code;

use super::state;
use crate::support::{
    ROOT, TestServer, Wire, WireAnswer, basic, framed, input_error, milvus_path, settings,
};

const UNREADABLE: &str = "grpc: error unmarshalling request: ";

/// A valid `CreateRole`.
fn role(name: &str, description: &str) -> Vec<u8> {
    let entity = pb::RoleEntity { name: name.to_owned(), description: description.to_owned() };
    pb::CreateRoleRequest { base: None, entity: Some(entity) }.encode_to_vec()
}

async fn create(wire: &Wire, body: Vec<u8>) -> WireAnswer {
    let login = basic(ROOT.0, ROOT.1);
    wire.send(&milvus_path("CreateRole"), &[("authorization", &login)], body).await
}

#[tokio::test]
async fn a_unary_request_is_exactly_one_message() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let before = state(&server).await;
        let wire = Wire::connect(server.address).await;
        let one = framed(&role("r", "d"));
        for end in 1..one.len() {
            let answer = create(&wire, one[..end].to_vec()).await;
            let text = if end < 5 { "the request has no message" } else { "unexpected EOF" };
            assert_eq!(answer.outcome(), (Code::Internal, &*format!("{UNREADABLE}{text}")));
        }
        let none = create(&wire, Vec::new()).await;
        let text = format!("{UNREADABLE}the request has no message");
        assert_eq!(none.outcome(), (Code::Internal, &*text));
        let text = format!("{UNREADABLE}a unary request is exactly one message");
        for more in [&one[..], &framed(&[]), &framed(&role("s", "")), &[0], b"junk"] {
            let answer = create(&wire, [&one, more].concat()).await;
            assert_eq!(answer.outcome(), (Code::Internal, &*text));
        }
        assert_eq!(state(&server).await, before);
        assert_eq!(create(&wire, one).await.message(), [0_u8; 0]);
    }
}

#[tokio::test]
async fn a_compressed_message_is_unimplemented_and_the_answer_says_what_is_accepted() {
    let server = TestServer::start().await;
    let before = state(&server).await;
    let wire = Wire::connect(server.address).await;
    for flag in [1, 2, 255] {
        let mut body = framed(&role("r", ""));
        body[0] = flag;
        let answer = create(&wire, body).await;
        let text = "compressed requests are not accepted; send them with grpc-encoding identity";
        assert_eq!(answer.outcome(), (Code::Unimplemented, text));
        assert_eq!(answer.headers["grpc-accept-encoding"], "identity");
    }
    // To announce an encoding and not to use it is allowed.
    let login = basic(ROOT.0, ROOT.1);
    let headers = [("authorization", &*login), ("grpc-encoding", "identity")];
    let path = milvus_path("GetVersion");
    assert_eq!(wire.send(&path, &headers, framed(&[])).await.code, Code::Ok);
    assert_eq!(state(&server).await, before);
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_by_its_announcement() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let before = state(&server).await;
        let wire = Wire::connect(server.address).await;
        for length in [(4 << 20) + 1, u32::MAX] {
            let body = [&[0][..], &length.to_be_bytes(), b"begun"].concat();
            let answer = create(&wire, body).await;
            let text = format!("grpc: received message larger than max ({length} vs. 4194304)");
            assert_eq!(answer.outcome(), (Code::ResourceExhausted, &*text));
        }
        // The largest that is read is refused for what is in it.
        let frame = role("r", "").len() + 8;
        let description = "d".repeat((4 << 20) - frame);
        let message = role("r", &description);
        assert_eq!(message.len(), 4 << 20);
        let answer = create(&wire, framed(&message)).await;
        let reason = format!(
            "the length of role description must be not greater than limit: invalid \
             parameter[{} out of range 0 <= value <= 1024]",
            description.len()
        );
        let refused = input_error(1100, 5, &reason);
        assert_eq!(answer.message(), refused.encode_to_vec());
        assert_eq!(state(&server).await, before);
    }
}

#[tokio::test]
async fn a_body_that_never_ends_ends_with_its_time_and_does_nothing() {
    let mut short = settings(Compat::Documented);
    short.transport.body_timeout = Duration::from_millis(200);
    let server = TestServer::with(short).await;
    let before = state(&server).await;
    let wire = Wire::connect(server.address).await;
    let login = basic(ROOT.0, ROOT.1);
    let whole = framed(&role("r", ""));
    // Also a whole message is none before its stream has ended: another could follow.
    for begun in [&[][..], &whole[..3], &whole[..7], &whole] {
        let path = milvus_path("CreateRole");
        let headers = [("authorization", login.as_str())];
        let answer = wire.begin(&path, &headers, begun.to_vec(), false).await;
        assert_eq!(answer.code, Code::DeadlineExceeded, "{}", answer.text);
        let text = "the request could not be read: the request body was not complete after 200ms";
        assert_eq!(answer.text, text);
    }
    assert_eq!(state(&server).await, before);
    // The connection goes on.
    assert_eq!(create(&wire, whole).await.message(), [0_u8; 0]);
}

#[tokio::test]
async fn without_a_login_nobody_waits_for_a_body() {
    let server = TestServer::start().await;
    let wire = Wire::connect(server.address).await;
    let answer = wire.begin(&milvus_path("CreateRole"), &[], Vec::new(), false).await;
    assert_eq!(answer.outcome(), (Code::Unauthenticated, "missing authorization in header"));
}
