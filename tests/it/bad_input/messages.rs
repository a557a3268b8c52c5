//! Messages: empty ones, ones cut anywhere, fields of the wrong type, what no field can be.

use milvus_rbac::proto::common::Status as MilvusStatus;
use milvus_rbac::proto::milvus as pb;
use prost::Message;
use tonic::Code;

use super::state;
use crate::support::{ROOT, TestServer, Wire, basic, encoded};

const UNREADABLE: &str = "grpc: error unmarshalling request: ";

/// What all answers with lists begin with.
#[derive(Clone, PartialEq, Message)]
struct OnlyStatus {
    #[prost(message, optional, tag = "1")]
    status: Option<MilvusStatus>,
}

/// A length-delimited field.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    assert!(length < 128, "one byte holds the length");
    [&[number << 3 | 2, length][..], value].concat()
}

/// A valid request whose last field makes it valid.
fn valid() -> [(&'static str, Vec<u8>); 4] {
    let password = encoded("P@ssw0rd");
    let base = field(1, &[0x08, 0x01, 0x10, 0x02]);
    let create = [
        base.clone(),
        field(6, "description é".as_bytes()),
        field(3, password.as_bytes()),
        field(2, b"ann"),
    ];
    let update = [
        base.clone(),
        field(3, encoded("Milvus").as_bytes()),
        field(4, password.as_bytes()),
        field(2, b"root"),
    ];
    let role = [base.clone(), field(2, &[field(2, b"text"), field(1, b"r")].concat())];
    let bind = [base, field(3, b"public_or_other"), vec![0x20, 0x00], field(2, b"root")];
    [
        ("CreateCredential", create.concat()),
        ("UpdateCredential", update.concat()),
        ("CreateRole", role.concat()),
        ("OperateUserRole", bind.concat()),
    ]
}

/// Whether the bytes are a message at all, by the outermost fields.
fn is_whole(method: &str, message: &[u8]) -> bool {
    match method {
        "CreateCredential" => pb::CreateCredentialRequest::decode(message).is_ok(),
        "UpdateCredential" => pb::UpdateCredentialRequest::decode(message).is_ok(),
        "CreateRole" => pb::CreateRoleRequest::decode(message).is_ok(),
        _ => pb::OperateUserRoleRequest::decode(message).is_ok(),
    }
}

#[tokio::test]
async fn an_empty_message_is_a_request_without_names() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let before = state(&server).await;
        let wire = Wire::connect(server.address).await;
        let login = basic(ROOT.0, ROOT.1);
        for (method, code, legacy) in [
            ("CreateCredential", 1100, 5),
            ("UpdateCredential", 1100, 5),
            ("DeleteCredential", 1100, 31),
            ("CreateRole", 1100, 5),
            ("AlterRole", 1100, 5),
            ("DropRole", 1100, 5),
            ("OperateUserRole", 1100, 5),
        ] {
            let answer = wire.call(method, &[&login], &[]).await;
            let status = MilvusStatus::decode(answer.message()).unwrap();
            assert_eq!((status.code, status.error_code), (code, legacy), "{method}");
        }
        for (method, code) in [
            ("ListCredUsers", 0),
            ("SelectRole", 0),
            ("SelectUser", 0),
            ("SelectGrant", 1100),
            ("Connect", 0),
            ("GetVersion", 0),
            ("ListDatabases", 0),
            ("DescribeDatabase", 0),
        ] {
            let answer = wire.call(method, &[&login], &[]).await;
            let status = OnlyStatus::decode(answer.message()).unwrap().status.unwrap();
            assert_eq!(status.code, code, "{method}");
        }
        assert_eq!(state(&server).await, before);
    }
}

#[tokio::test]
async fn no_beginning_of_a_valid_message_does_anything() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let before = state(&server).await;
        let wire = Wire::connect(server.address).await;
        let login = basic(ROOT.0, ROOT.1);
        for (method, whole) in valid() {
            assert!(is_whole(method, &whole));
            for end in 0..whole.len() {
                let cut = &whole[..end];
                let answer = wire.call(method, &[&login], cut).await;
                if is_whole(method, cut) {
                    let status = MilvusStatus::decode(answer.message()).unwrap();
                    assert_ne!(status.code, 0, "{method} {end}");
                } else {
                    assert_eq!(answer.code, Code::Internal, "{method} {end}");
                    assert!(answer.text.starts_with(UNREADABLE), "{}", answer.text);
                }
            }
        }
        assert_eq!(state(&server).await, before);
    }
}

#[tokio::test]
async fn what_is_no_field_of_the_message_is_refused() {
    let server = TestServer::start().await;
    let before = state(&server).await;
    let wire = Wire::connect(server.address).await;
    let login = basic(ROOT.0, ROOT.1);
    for (method, whole) in valid() {
        for (what, bad) in [
            ("a name that is a number", &b"\x10\x01"[..]),
            ("a name in eight bytes", b"\x11\0\0\0\0\0\0\0\0"),
            ("a name in four bytes", b"\x15\0\0\0\0"),
            ("a group", b"\x9b\x06\x9c\x06"),
            ("the begin of a group", b"\x9b\x06"),
            ("the end of a group", b"\x9c\x06"),
            ("a wire type that does not exist", b"\x9e\x06"),
            ("field 0", b"\x02\x01a"),
            ("a field number above the highest", b"\xf8\xff\xff\xff\x7f\x01"),
            ("a tag without end", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            ("a length beyond the end", b"\x9a\x06\xff\xff\xff\xff\x0f"),
            ("a length that overflows", b"\x9a\x06\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            ("a length that is longer than needed", b"\x9a\x06\x81\x00a"),
            ("a name that is not UTF-8", b"\x12\x01\xff"),
            ("base of the wrong type", b"\x08\x01"),
            ("something torn inside base", b"\x0a\x02\x12\x05"),
        ] {
            for message in [[bad, &*whole].concat(), [&*whole, bad].concat()] {
                let answer = wire.call(method, &[&login], &message).await;
                assert_eq!(answer.code, Code::Internal, "{method} {what}: {}", answer.text);
                assert!(answer.text.starts_with(UNREADABLE), "{}", answer.text);
            }
        }
    }
    assert_eq!(state(&server).await, before);
}

#[tokio::test]
async fn nesting_without_end_is_refused() {
    let server = TestServer::start().await;
    let before = state(&server).await;
    let wire = Wire::connect(server.address).await;
    let login = basic(ROOT.0, ROOT.1);
    // Groups of an unknown field inside `base`, where they would be skipped one by one.
    let groups = [[0x9b, 0x06].repeat(10_000), [0x9c, 0x06].repeat(10_000)].concat();
    let mut message = vec![0x0a];
    prost::encoding::encode_varint(groups.len() as u64, &mut message);
    message.extend(groups);
    message.extend(field(2, &field(1, b"r")));
    let answer = wire.call("CreateRole", &[&login], &message).await;
    assert_eq!(answer.code, Code::Internal, "{}", answer.text);
    assert!(answer.text.starts_with(UNREADABLE), "{}", answer.text);
    assert_eq!(state(&server).await, before);
}

#[tokio::test]
async fn fields_of_a_newer_client_are_left_aside_and_of_a_field_sent_twice_the_last_counts() {
    let server = TestServer::start().await;
    let wire = Wire::connect(server.address).await;
    let login = basic(ROOT.0, ROOT.1);
    let entity = |name: &[u8]| field(2, &field(1, name));
    let newer = [&b"\x9a\x06\x03new\xa0\x06\x01"[..], &entity(b"first"), &entity(b"last")].concat();
    let answer = wire.call("CreateRole", &[&login], &newer).await;
    assert_eq!(answer.message(), [0_u8; 0]);
    let root = server.grpc(ROOT).await;
    assert_eq!(root.list_roles().await.unwrap(), ["admin", "last"]);
}

#[tokio::test]
async fn what_is_decided_on_a_name_sent_twice_is_what_is_done() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    for name in ["ann", "bob"] {
        assert_eq!(root.create_user(name, "P@ssw0rd").await.unwrap().code, 0);
    }
    let wire = Wire::connect(server.address).await;
    let ann = basic("ann", "P@ssw0rd");
    let twice = |first: &[u8], second: &[u8]| {
        [field(2, first), field(7, b"changed"), field(2, second)].concat()
    };
    // Oneself first, somebody else last: denied.
    let answer = wire.call("UpdateCredential", &[&ann], &twice(b"ann", b"bob")).await;
    assert_eq!(answer.code, Code::PermissionDenied);
    assert_eq!(root.select_user("bob").await.unwrap().unwrap().description, "");
    // The other way round it is about oneself.
    let answer = wire.call("UpdateCredential", &[&ann], &twice(b"bob", b"ann")).await;
    assert_eq!(answer.message(), [0_u8; 0]);
    assert_eq!(root.select_user("bob").await.unwrap().unwrap().description, "");
    assert_eq!(root.select_user("ann").await.unwrap().unwrap().description, "changed");
}
