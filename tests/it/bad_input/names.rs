//! Names with every ASCII character, first, inside and last, compared with the rule.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use milvus_rbac::config::Compat;

use crate::support::{Grpc, ROOT, TestServer, settings, success};

/// A server of this mode without limits.
async fn server(compat: Compat) -> TestServer {
    let mut settings = settings(compat);
    settings.limits.max_users = 0;
    settings.limits.max_roles = 0;
    TestServer::with(settings).await
}

/// All names to be tried, each once.
fn names() -> Vec<String> {
    let every = (0..128_u8).map(char::from);
    every.flat_map(|c| [format!("{c}x1"), format!("a{c}b"), format!("bb{c}")]).collect()
}

/// What Go takes for white space, within ASCII.
fn trimmed(name: &str) -> &str {
    name.trim_matches(['\t', '\n', '\u{b}', '\u{c}', '\r', ' '])
}

fn follows(name: &str, first: &str, later: &str) -> bool {
    let is = |c: char, extra: &str| c.is_ascii_alphabetic() || extra.contains(c);
    let mut characters = name.chars();
    characters.next().is_some_and(|c| is(c, first))
        && characters.all(|c| is(c, later) || c.is_ascii_digit())
}

/// The user that is made of this name, if any may be.
fn user(compat: Compat, name: &str) -> Option<String> {
    let name = trimmed(name);
    let later = if compat == Compat::Milvus { "_-." } else { "_" };
    follows(name, "", later).then(|| name.to_owned())
}

/// The role that is made of this name, if any may be.
fn role(compat: Compat, name: &str) -> Option<String> {
    let follows = match compat {
        Compat::Milvus => follows(trimmed(name), "_", "_$"),
        Compat::Documented => follows(name, "", "_"),
    };
    // As sent: blanks that are left out of the check are part of the name.
    follows.then(|| name.to_owned())
}

/// Tries one name and says whether something was made of it. The only other ends are the rule
/// (1100, 5) and a duplicate (1100, 29), which a trimmed name can be.
async fn made_user(root: &Grpc, name: &str) -> bool {
    let answer = root.create_user(name, "P@ssw0rd").await.unwrap();
    if answer == success() {
        return true;
    }
    assert!([(1100, 5), (1100, 29)].contains(&(answer.code, answer.error_code)), "{answer:?}");
    answer.error_code == 29
}

async fn made_role(root: &Grpc, name: &str) -> bool {
    let answer = root.create_role(name).await.unwrap();
    if answer == success() {
        return true;
    }
    assert_eq!((answer.code, answer.error_code), (1100, 5), "{name:?}: {answer:?}");
    false
}

#[tokio::test]
async fn users_are_made_of_names_that_follow_the_rule_and_of_no_other() {
    for compat in [Compat::Documented, Compat::Milvus] {
        let server = server(compat).await;
        let root = server.grpc(ROOT).await;
        let tries = names();
        let made = join_all(tries.iter().map(|name| made_user(&root, name))).await;
        let mut expected = BTreeSet::from(["root".to_owned()]);
        for (name, made) in tries.iter().zip(made) {
            let user = user(compat, name);
            assert_eq!(made, user.is_some(), "{compat:?} {name:?}");
            expected.extend(user);
        }
        assert_eq!(root.list_users().await.unwrap(), Vec::from_iter(expected));
    }
}

#[tokio::test]
async fn roles_are_made_of_names_that_follow_the_rule_and_of_no_other() {
    for compat in [Compat::Documented, Compat::Milvus] {
        let server = server(compat).await;
        let root = server.grpc(ROOT).await;
        let mut expected = BTreeSet::from_iter(root.list_roles().await.unwrap());
        let tries = names();
        let made = join_all(tries.iter().map(|name| made_role(&root, name))).await;
        for (name, made) in tries.iter().zip(made) {
            let role = role(compat, name);
            assert_eq!(made, role.is_some(), "{compat:?} {name:?}");
            expected.extend(role);
        }
        assert_eq!(root.list_roles().await.unwrap(), Vec::from_iter(expected));
    }
}

#[tokio::test]
async fn no_name_however_odd_breaks_what_only_reads_or_removes() {
    for compat in [Compat::Documented, Compat::Milvus] {
        let server = server(compat).await;
        let root = server.grpc(ROOT).await;
        let before = super::state(&server).await;
        let odd = ["a/b", "a\0b", "..", "*", "'\"`", "\u{202e}", "é", "🔑", "%00", "a|b", "{}"];
        for name in names().into_iter().chain(odd.map(str::to_owned)) {
            let name = &*name;
            if !trimmed(name).is_empty() {
                assert_eq!(root.delete_user(name).await.unwrap(), success(), "{name:?}");
            }
            let dropped = root.drop_role(name).await.unwrap();
            assert!([5, 36].contains(&dropped.error_code), "{name:?}: {dropped:?}");
            let unbound = root.operate_user_role(name, "admin", 1).await.unwrap();
            assert!([0, 5].contains(&unbound.error_code), "{name:?}: {unbound:?}");
        }
        assert_eq!(super::state(&server).await, before);
    }
}
