//! Changed passwords, and passwords at the end of what bcrypt takes.

use tonic::Code;

use super::{GOOD, create, created, update};
use crate::support::{ROOT, TestServer, encoded, input_error, success};

/// 72 bytes, of which the last but two are half of a character each; 38 characters.
fn exactly_72() -> String {
    let password = format!("Aa1x{}", "é".repeat(34));
    assert_eq!(password.len(), 72);
    password
}

#[tokio::test]
async fn a_changed_password_counts_from_the_next_call_on_of_an_open_connection() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    created(&root, "ann").await;
    let old = server.grpc(("ann", GOOD)).await;
    let new = old.with_authorization(&crate::support::basic("ann", "N3wP@ssword"));
    for _ in 0..3 {
        assert!(old.logs_in().await);
        assert!(!new.logs_in().await);
        let change = (&*encoded(GOOD), &*encoded("N3wP@ssword"));
        assert_eq!(update(&old, "ann", change, None).await.unwrap(), success());
        assert!(!old.logs_in().await);
        assert!(new.logs_in().await);
        let refused = update(&old, "ann", change, None).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        // A change back is a change like any other.
        let back = (change.1, change.0);
        assert_eq!(update(&new, "ann", back, None).await.unwrap(), success());
    }
}

#[tokio::test]
async fn of_many_changes_of_one_password_at_once_one_wins() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    created(&root, "ann").await;
    let news: Vec<_> = (0..10).map(|index| format!("N3wP@ssword{index}")).collect();
    let changes = news.iter().map(|new| root.update_password("ann", GOOD, new));
    let answers = futures_util::future::join_all(changes).await;
    let mut winners = Vec::new();
    for (new, answer) in news.iter().zip(answers) {
        let answer = answer.unwrap();
        if answer == success() {
            winners.push(new);
        } else {
            let reason = "old password not correct for ann: not authenticated";
            assert_eq!(answer, input_error(1400, 1, reason));
        }
        let in_force = server.grpc(("ann", new)).await.logs_in().await;
        assert_eq!(in_force, winners.last() == Some(&new));
    }
    assert_eq!(winners.len(), 1);
}

#[tokio::test]
async fn a_password_of_72_bytes_counts_to_its_last_byte() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        let password = exactly_72();
        assert_eq!(create(&root, "ann", &encoded(&password), None).await, success());
        assert!(server.grpc(("ann", &password)).await.logs_in().await);
        let shorter = password.strip_suffix('é').unwrap();
        for wrong in [shorter.to_owned(), format!("{shorter}è"), format!("{shorter}e")] {
            assert!(!server.grpc(("ann", &wrong)).await.logs_in().await, "{wrong}");
        }
    }
}

#[tokio::test]
async fn passwords_of_73_bytes_are_refused_and_nothing_is_stored() {
    for (server, min) in [(TestServer::start().await, 8), (TestServer::milvus().await, 6)] {
        let root = server.grpc(ROOT).await;
        let refused = input_error(
            1100,
            5,
            &format!(
                "invalid password length: invalid parameter[73 out of range {min} <= value <= 72]"
            ),
        );
        // Equal in the first 72 bytes.
        for end in ["y", "z"] {
            let password = encoded(&(exactly_72() + end));
            assert_eq!(create(&root, "ann", &password, None).await, refused);
            let change = (&*encoded("Milvus"), &*password);
            assert_eq!(update(&root, "root", change, None).await.unwrap(), refused);
        }
        assert_eq!(root.list_users().await.unwrap(), ["root"]);
        assert!(root.logs_in().await);
    }
}

#[tokio::test]
async fn a_login_beyond_72_bytes_is_refused_or_in_milvus_cut() {
    for (server, cut) in [(TestServer::start().await, false), (TestServer::milvus().await, true)] {
        let root = server.grpc(ROOT).await;
        let password = exactly_72();
        assert_eq!(create(&root, "ann", &encoded(&password), None).await, success());
        for remembered in [false, true] {
            for longer in [format!("{password}y"), format!("{password}{}", "z".repeat(100))] {
                let login = server.grpc(("ann", &longer)).await;
                assert_eq!(login.logs_in().await, cut, "remembered: {remembered}");
            }
            assert!(server.grpc(("ann", &password)).await.logs_in().await);
        }
    }
}
