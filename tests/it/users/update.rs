//! `UpdateCredential`: rules and their order, and what an update leaves alone.

use tonic::Code;

use super::{GOOD, create, created, update};
use crate::support::{Grpc, ROOT, TestServer, encoded, failure, input_error, settings, success};

const OTHER: &str = "0therP@ss";

async fn description(client: &Grpc, user: &str) -> String {
    client.select_user(user).await.unwrap().unwrap().description
}

#[tokio::test]
async fn what_is_wrong_with_an_update_is_said_in_the_order_of_the_checks() {
    for (server, min, max) in
        [(TestServer::start().await, 8, 64), (TestServer::milvus().await, 6, 72)]
    {
        let root = server.grpc(ROOT).await;
        created(&root, "ann").await;
        let long = "d".repeat(1025);
        let (short, good) = (encoded("P@s1"), encoded(OTHER));
        let length = format!(
            "invalid password length: invalid parameter[4 out of range {min} <= value <= {max}]"
        );
        for (old, new, text, reason) in [
            (
                "*",
                "*",
                Some(&*long),
                "invalid user description with length 1025, the length of user description must \
                 be less than or equal to 1024: invalid parameter",
            ),
            ("*", "", None, "must update either password or description: invalid parameter"),
            ("", "", None, "must update either password or description: invalid parameter"),
            ("*", "*", Some(""), "decode old password failed: illegal base64 data at input byte 0"),
            (&good, "abc*", None, "decode password failed: illegal base64 data at input byte 3"),
            (&good, &short, None, &length),
        ] {
            // The user does not exist either; that is found last.
            for name in ["ann", "nobody"] {
                let answer = update(&root, name, (old, new), text).await.unwrap();
                assert_eq!(answer, input_error(1100, 5, reason));
            }
        }
        for name in ["ann", "root", "nobody", "", "1$", " ann "] {
            let reason = format!("old password not correct for {}: not authenticated", name.trim());
            let wrong = (&*encoded("wr0ngP@ss"), &*good);
            let answer = update(&root, name, wrong, None).await.unwrap();
            assert_eq!(answer, input_error(1400, 1, &reason), "{name:?}");
        }
        assert!(server.grpc(("ann", GOOD)).await.logs_in().await);
    }
}

#[tokio::test]
async fn a_description_needs_a_user_but_no_password() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        let blank = "failed to check if update credential: username is empty: invalid parameter";
        for name in ["", " \t"] {
            let answer = update(&root, name, ("", ""), Some("d")).await.unwrap();
            assert_eq!(answer, input_error(1100, 30, blank));
        }
        let answer = update(&root, "nobody", ("", ""), Some("d")).await.unwrap();
        let unknown = "failed to check if update credential: user not found";
        assert_eq!(answer, failure(65535, 30, unknown));
        // Neither is the old password looked at, not even whether it is base64.
        assert_eq!(update(&root, "root", ("*", ""), Some("d")).await.unwrap(), success());
        assert_eq!(description(&root, "root").await, "d");
    }
}

#[tokio::test]
async fn an_absent_description_stays_and_an_empty_one_clears_it() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    let longest = "d".repeat(1024);
    assert_eq!(create(&root, "ann", &encoded(GOOD), Some(&longest)).await, success());
    assert_eq!(description(&root, "ann").await, longest);

    let change = (&*encoded(GOOD), &*encoded(OTHER));
    assert_eq!(update(&root, "ann", change, None).await.unwrap(), success());
    assert_eq!(description(&root, "ann").await, longest);
    assert!(server.grpc(("ann", OTHER)).await.logs_in().await);

    assert_eq!(update(&root, " ann ", ("", ""), Some("")).await.unwrap(), success());
    assert_eq!(description(&root, "ann").await, "");
    assert!(server.grpc(("ann", OTHER)).await.logs_in().await);

    let both = (&*encoded(OTHER), &*encoded(GOOD));
    assert_eq!(update(&root, "ann", both, Some("both")).await.unwrap(), success());
    assert_eq!(description(&root, "ann").await, "both");
    assert!(server.grpc(("ann", GOOD)).await.logs_in().await);
}

#[tokio::test]
async fn the_new_password_may_be_the_old_one() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    created(&root, "ann").await;
    let same = (&*encoded(GOOD), &*encoded(GOOD));
    assert_eq!(update(&root, "ann", same, None).await.unwrap(), success());
    assert!(server.grpc(("ann", GOOD)).await.logs_in().await);
}

#[tokio::test]
async fn everybody_changes_themselves_by_name_and_nobody_else() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        created(&root, "ann").await;
        created(&root, "bob").await;
        let ann = server.grpc(("ann", GOOD)).await;
        let change = (&*encoded(GOOD), &*encoded(OTHER));
        for name in ["bob", "root", "", "Ann", "*"] {
            let denied = update(&ann, name, change, None).await.unwrap_err();
            let text = "PrivilegeUpdateUser: permission deny to ann in the `*` database";
            assert_eq!((denied.code(), denied.message()), (Code::PermissionDenied, text));
        }
        assert_eq!(update(&ann, "ann", ("", ""), Some("me")).await.unwrap(), success());
        assert_eq!(update(&ann, " ann ", change, None).await.unwrap(), success());
        assert!(server.grpc(("ann", OTHER)).await.logs_in().await);
        assert!(server.grpc(("bob", GOOD)).await.logs_in().await);
    }
}

#[tokio::test]
async fn root_changes_its_own_password_with_the_old_one() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        let change = (&*encoded("Milvus"), &*encoded(OTHER));
        assert_eq!(update(&root, "root", change, None).await.unwrap(), success());
        assert!(!root.logs_in().await);
        assert!(server.grpc(("root", OTHER)).await.logs_in().await);
    }
    // The built-in password is exempt from the rules only until somebody sets it.
    let server = TestServer::with(settings(milvus_rbac::config::Compat::Documented)).await;
    let root = server.grpc(ROOT).await;
    let same = (&*encoded("Milvus"), &*encoded("Milvus"));
    let reason = "invalid password length: invalid parameter[6 out of range 8 <= value <= 64]";
    assert_eq!(update(&root, "root", same, None).await.unwrap(), input_error(1100, 5, reason));
}
