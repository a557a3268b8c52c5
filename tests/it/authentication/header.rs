//! The `authorization` header: what it may look like, and what each other thing is answered.

use base64::prelude::*;
use milvus_rbac::proto::milvus as pb;
use serde_json::json;
use tonic::Code;

use super::{API_KEY, FORMAT, MISSING, WRONG};
use crate::support::{ROOT, Rest, TestServer, Wire, basic, success};

/// `root:Milvus`.
const GOOD: &str = "cm9vdDpNaWx2dXM=";

#[tokio::test]
async fn each_kind_of_bad_header_has_its_own_text() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let wire = Wire::connect(server.address).await;
        let answer = wire.call("GetVersion", &[], &[]).await;
        assert_eq!(answer.outcome(), (Code::Unauthenticated, MISSING));
        for value in [
            "Bearer cm9vdDpNaWx2dXM=",
            "bearer cm9vdDpNaWx2dXM=",
            "Basic cm9vdDpNaWx2dXM=",
            "Bearer root:Milvus",
            "root:Milvus",
            "cm9vdDpNaWx2dXM",
            "cm9vdDpNaWx2dXM==",
            "cm9vdDpN aWx2dXM=",
            "=",
            "cm9vdDpNaWx2dXM=\u{e9}",
            // `root:???` in the alphabet of URLs.
            "cm9vdDo_Pz8=",
            "cm9vdDo-Pj4=",
        ] {
            let answer = wire.call("GetVersion", &[value], &[]).await;
            assert_eq!(answer.outcome(), (Code::Unauthenticated, FORMAT), "{value}");
        }
        for key in ["", "root", "Milvus", "key_without_colon", "\0"] {
            let value = BASE64_STANDARD.encode(key);
            let answer = wire.call("GetVersion", &[&value], &[]).await;
            assert_eq!(answer.outcome(), (Code::Unauthenticated, API_KEY), "{key:?}");
        }
        assert_eq!(wire.call("GetVersion", &[GOOD], &[]).await.code, Code::Ok);
        // Bits behind the last byte do not count, as in Go.
        assert_eq!(wire.call("GetVersion", &["cm9vdDpNaWx2dXN="], &[]).await.code, Code::Ok);
    }
}

#[tokio::test]
async fn everything_that_is_wrong_with_user_and_password_reads_alike() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let wire = Wire::connect(server.address).await;
        for (user, password) in [
            ("", "Milvus"),
            ("root", ""),
            ("", ""),
            ("nobody", "Milvus"),
            ("root", "milvus"),
            ("root", "Milvus "),
            ("root", "Milvus\0"),
            ("root", ":Milvus"),
            (" root", "Milvus"),
            ("root ", "Milvus"),
            ("root\0", "Milvus"),
            ("Root", "Milvus"),
            ("ROOT", "Milvus"),
            ("rооt", "Milvus"),
            ("ｒoot", "Milvus"),
            ("\u{202e}toor", "Milvus"),
            ("root\u{200b}", "Milvus"),
            // What Milvus keeps in place of a password for API keys.
            ("root", "___"),
            ("@@milvus-member@@", "Milvus"),
        ] {
            let answer = wire.call("GetVersion", &[&basic(user, password)], &[]).await;
            let expected = (Code::Unauthenticated, WRONG);
            assert_eq!(answer.outcome(), expected, "{user:?} {password:?}");
        }
        let not_utf8 = BASE64_STANDARD.encode(b"ro\xfft:Milvus");
        let answer = wire.call("GetVersion", &[&not_utf8], &[]).await;
        assert_eq!(answer.outcome(), (Code::Unauthenticated, WRONG));
    }
}

#[tokio::test]
async fn a_password_may_hold_colons_and_bytes_that_are_no_text() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        let wire = Wire::connect(server.address).await;
        for (index, password) in
            [&b"P@ss:w0rd"[..], b":Aa1:::::", b"Aa1 \xff\xfe\xfd\x80", "Pä55wörd".as_bytes()]
                .into_iter()
                .enumerate()
        {
            let username = format!("user{index}");
            let request = pb::CreateCredentialRequest {
                username: username.clone(),
                password: BASE64_STANDARD.encode(password),
                ..Default::default()
            };
            let answer = root.rpc().create_credential(request).await.unwrap();
            assert_eq!(answer.into_inner(), success());
            let value =
                BASE64_STANDARD.encode([format!("{username}:").as_bytes(), password].concat());
            assert_eq!(wire.call("GetVersion", &[&value], &[]).await.code, Code::Ok);
            let cut = [format!("{username}:").as_bytes(), &password[..password.len() - 1]].concat();
            let answer = wire.call("GetVersion", &[&BASE64_STANDARD.encode(cut)], &[]).await;
            assert_eq!(answer.outcome(), (Code::Unauthenticated, WRONG));
        }
    }
}

#[tokio::test]
async fn of_two_headers_the_first_counts_over_both_apis() {
    let server = TestServer::start().await;
    let wire = Wire::connect(server.address).await;
    let bad = basic("root", "wrong");
    assert_eq!(wire.call("GetVersion", &[GOOD, &bad], &[]).await.code, Code::Ok);
    let answer = wire.call("GetVersion", &[&bad, GOOD], &[]).await;
    assert_eq!(answer.outcome(), (Code::Unauthenticated, WRONG));
    let answer = wire.call("GetVersion", &["", GOOD], &[]).await;
    assert_eq!(answer.outcome(), (Code::Unauthenticated, API_KEY));

    let http1 = Rest::new(server.address, None);
    let good = ("authorization", "Bearer root:Milvus");
    let bad = ("authorization", "Bearer root:wrong");
    let path = "/v2/vectordb/users/list";
    for rest in [http1.clone(), http1.http2()] {
        let answer = rest.send("POST", path, &[good, bad], "{}").await;
        assert_eq!(answer.json(), json!({"code": 0, "data": ["root"]}));
        let answer = rest.send("POST", path, &[bad, good], "{}").await;
        let refused = json!({"code": 1800, "message": "user hasn't authenticated"});
        assert_eq!((answer.status.as_u16(), answer.json()), (401, refused));
    }
}

#[tokio::test]
async fn no_other_metadata_says_who_is_calling() {
    let server = TestServer::start().await;
    let wire = Wire::connect(server.address).await;
    let member = BASE64_STANDARD.encode("@@milvus-member@@");
    let bad = basic("root", "wrong");
    for headers in [
        &[("token", GOOD)][..],
        &[("sourceid", &member)],
        &[("sourceid", &member), ("sourceid", &member)],
        &[("sourceid-bin", &member)],
        &[("x-authorization", GOOD), ("proxy-authorization", GOOD), ("authorization-bin", GOOD)],
        &[("username", "root"), ("password", "Milvus"), ("cookie", "authorization=x")],
    ] {
        let path = crate::support::milvus_path("ListCredUsers");
        let answer = wire.send(&path, headers, crate::support::framed(&[])).await;
        assert_eq!(answer.outcome(), (Code::Unauthenticated, MISSING), "{headers:?}");
        let wrong = [headers, &[("authorization", bad.as_str())]].concat();
        let answer = wire.send(&path, &wrong, crate::support::framed(&[])).await;
        assert_eq!(answer.outcome(), (Code::Unauthenticated, WRONG), "{headers:?}");
        let good = [headers, &[("authorization", GOOD)]].concat();
        let answer = wire.send(&path, &good, crate::support::framed(&[])).await;
        assert_eq!(answer.code, Code::Ok, "{headers:?}");
    }
}
