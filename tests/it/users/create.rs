//! `CreateCredential` and `ListCredUsers`: rules, their order, limits.

use milvus_rbac::config::Compat;
use tonic::Code;

use super::{GOOD, create, created};
use crate::support::{ROOT, TestServer, encoded, failure, input_error, settings, success};

const TOO_LONG: &str = "invalid user description with length 1025, the length of user description \
                        must be less than or equal to 1024: invalid parameter";
const CLASSES: &str = "invalid password: three of upper-case letters, lower-case letters, digits \
                       and special characters are required: invalid parameter";

#[tokio::test]
async fn a_name_that_breaks_the_rule_is_refused_with_the_text_of_the_rule() {
    let documented = [
        ("a$b", "numbers, letters and underscores, but got %!s(uint8=36)"),
        ("a-b", "numbers, letters and underscores, but got %!s(uint8=45)"),
        ("a.b", "numbers, letters and underscores, but got %!s(uint8=46)"),
        ("aé", "numbers, letters and underscores, but got %!s(uint8=195)"),
    ];
    let milvus = [
        ("a$b", "numbers, letters, underscores, dots, and hyphens, but got %!s(uint8=36)"),
        ("a b", "numbers, letters, underscores, dots, and hyphens, but got %!s(uint8=32)"),
    ];
    for (server, cases) in
        [(TestServer::start().await, &documented[..]), (TestServer::milvus().await, &milvus[..])]
    {
        let root = server.grpc(ROOT).await;
        let long = "a".repeat(33);
        let mut texts = vec![
            ("", "username must be not empty".to_owned()),
            (" \t", "username must be not empty".to_owned()),
            (
                &long,
                format!(
                    "invalid username {long} with length 33, the length of username must be less \
                     than 32"
                ),
            ),
            (
                "1abc",
                "invalid user name 1abc, the first character must be a letter, but got 1".into(),
            ),
            (
                " _a ",
                "invalid user name _a, the first character must be a letter, but got _".into(),
            ),
        ];
        texts.extend(cases.iter().map(|(name, rest)| {
            (*name, format!("invalid user name {name}, username must contain only {rest}"))
        }));
        for (name, text) in texts {
            let expected = input_error(1100, 5, &format!("{text}: invalid parameter"));
            // Everything else is wrong, too: the name is checked first.
            assert_eq!(create(&root, name, "*", Some(&"d".repeat(1025))).await, expected, "{name}");
        }
        assert_eq!(root.list_users().await.unwrap(), ["root"]);
        let longest = "a".repeat(32);
        created(&root, &longest).await;
        assert_eq!(root.list_users().await.unwrap(), [longest.as_str(), "root"]);
    }
}

#[tokio::test]
async fn description_encoding_and_length_are_checked_before_the_user_is_looked_up() {
    for (server, short, range) in [
        (TestServer::start().await, "P@ssw0r", "7 out of range 8 <= value <= 64"),
        (TestServer::milvus().await, "12345", "5 out of range 6 <= value <= 72"),
    ] {
        let root = server.grpc(ROOT).await;
        let refused = |reason: &str| input_error(1100, 5, reason);
        let long = "d".repeat(1025);
        for (password, description, reason) in [
            ("*".to_owned(), Some(long.as_str()), TOO_LONG.to_owned()),
            ("*".into(), None, "decode password fail: illegal base64 data at input byte 0".into()),
            (
                "abc*".into(),
                None,
                "decode password fail: illegal base64 data at input byte 3".into(),
            ),
            (
                encoded(short),
                Some(&long[1..]),
                format!("invalid password length: invalid parameter[{range}]"),
            ),
        ] {
            let answer = create(&root, "root", &password, description).await;
            assert_eq!(answer, refused(&reason));
        }
        for name in ["root", " root ", "ann"] {
            if name == "ann" {
                created(&root, name).await;
            }
            let reason = format!("user already exists: {}: invalid parameter", name.trim());
            let answer = create(&root, name, &encoded(GOOD), None).await;
            assert_eq!(answer, input_error(1100, 29, &reason));
        }
    }
}

#[tokio::test]
async fn the_documented_rule_for_passwords_is_in_force_and_milvus_takes_anything() {
    let length = |actual: usize, max: usize| {
        format!(
            "invalid password length: invalid parameter[{actual} out of range 8 <= value <= {max}]"
        )
    };
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    let longest = format!("Aa1{}", "x".repeat(61));
    for (password, reason) in [
        ("password1".to_owned(), CLASSES.to_owned()),
        ("PASSWORD1".into(), CLASSES.into()),
        ("pass word".into(), CLASSES.into()),
        ("пароль12".into(), CLASSES.into()),
        ("Aa1é".into(), length(4, 64)),
        (format!("{longest}x"), length(65, 64)),
        (format!("Aa1{}", "é".repeat(35)), length(73, 72)),
        ("P@ssw0rd\0".into(), "invalid password: NUL is not allowed: invalid parameter".into()),
    ] {
        let answer = create(&root, "ann", &encoded(&password), None).await;
        assert_eq!(answer, input_error(1100, 5, &reason), "{password}");
    }
    assert_eq!(root.list_users().await.unwrap(), ["root"]);
    for (index, password) in [&longest, "Passw0rd", "p@ssw0rd", "Парольp1"].iter().enumerate()
    {
        let name = format!("user{index}");
        assert_eq!(create(&root, &name, &encoded(password), None).await, success(), "{password}");
        assert!(server.grpc((&name, password)).await.logs_in().await);
    }

    let server = TestServer::milvus().await;
    let root = server.grpc(ROOT).await;
    for (name, password) in [("a", "123456"), ("b", "P@ssw0rd\0"), ("c", "      ")] {
        assert_eq!(create(&root, name, &encoded(password), None).await, success(), "{password}");
        assert!(server.grpc((name, password)).await.logs_in().await);
    }
}

#[tokio::test]
async fn line_breaks_in_the_base64_of_a_password_do_not_count() {
    let server = TestServer::milvus().await;
    let root = server.grpc(ROOT).await;
    assert_eq!(create(&root, "ann", "cGFz\nc3dv\r\ncmQ=", None).await, success());
    assert!(server.grpc(("ann", "password")).await.logs_in().await);
}

#[tokio::test]
async fn a_duplicate_is_reported_before_the_quota_and_root_counts() {
    assert_eq!(settings(Compat::Milvus).limits.max_users, 100);
    let mut few = settings(Compat::Milvus);
    few.limits.max_users = 3;
    let server = TestServer::with(few).await;
    let root = server.grpc(ROOT).await;
    created(&root, "ann").await;
    created(&root, "bob").await;
    let duplicate = input_error(1100, 29, "user already exists: ann: invalid parameter");
    assert_eq!(create(&root, "ann", &encoded(GOOD), None).await, duplicate);
    let quota = failure(
        9,
        29,
        "failed to check if add credential: quota exceeded[reason=unable to add user because the \
         number of users has reached the limit]",
    );
    assert_eq!(create(&root, "cid", &encoded(GOOD), None).await, quota);
    assert_eq!(root.delete_user("bob").await.unwrap(), success());
    created(&root, "cid").await;
    assert_eq!(root.list_users().await.unwrap(), ["ann", "cid", "root"]);
}

#[tokio::test]
async fn of_many_at_once_only_one_makes_a_user_and_the_quota_holds() {
    let mut few = settings(Compat::Milvus);
    few.limits.max_users = 10;
    let server = TestServer::with(few).await;
    let root = server.grpc(ROOT).await;
    let password = encoded(GOOD);
    let same = (0..20).map(|_| create(&root, "ann", &password, None));
    let answers = futures_util::future::join_all(same).await;
    assert_eq!(answers.iter().filter(|status| status.code == 0).count(), 1);
    assert_eq!(answers.iter().filter(|status| status.code == 1100).count(), 19);

    let names: Vec<_> = (0..20).map(|index| format!("user{index}")).collect();
    let each = names.iter().map(|name| create(&root, name, &password, None));
    let answers = futures_util::future::join_all(each).await;
    assert_eq!(answers.iter().filter(|status| status.code == 0).count(), 8);
    assert_eq!(answers.iter().filter(|status| status.code == 9).count(), 12);
    assert_eq!(root.list_users().await.unwrap().len(), 10);
}

#[tokio::test]
async fn as_documented_there_is_no_limit_on_users() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    let names: Vec<_> = (0..100).map(|index| format!("user{index}")).collect();
    futures_util::future::join_all(names.iter().map(|name| created(&root, name))).await;
    assert_eq!(root.list_users().await.unwrap().len(), 101);
}

#[tokio::test]
async fn users_are_stored_trimmed_and_listed_by_bytes() {
    let server = TestServer::milvus().await;
    let root = server.grpc(ROOT).await;
    for name in [" bob ", "Zoe", "a.b", "a-b", "a", "\tann\n"] {
        created(&root, name).await;
    }
    let users = ["Zoe", "a", "a-b", "a.b", "ann", "bob", "root"];
    assert_eq!(root.list_users().await.unwrap(), users);
    assert!(server.grpc(("bob", GOOD)).await.logs_in().await);
    assert!(!server.grpc((" bob ", GOOD)).await.logs_in().await);
}

#[tokio::test]
async fn a_plain_user_makes_and_lists_nobody() {
    let server = TestServer::start().await;
    created(&server.grpc(ROOT).await, "ann").await;
    let ann = server.grpc(("ann", GOOD)).await;
    // The name is bad as well; that they may not comes first.
    let denied = ann.create_user("1", GOOD).await.unwrap_err();
    let text = "PrivilegeCreateOwnership: permission deny to ann in the `*` database";
    assert_eq!((denied.code(), denied.message()), (Code::PermissionDenied, text));
    let denied = ann.list_users().await.unwrap_err();
    let text = "PrivilegeSelectOwnership: permission deny to ann in the `*` database";
    assert_eq!((denied.code(), denied.message()), (Code::PermissionDenied, text));
}
