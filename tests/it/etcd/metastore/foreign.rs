//! Records that this version does not know, and records that are broken: kept as they are, told of
//! once, and never a right.

use std::collections::BTreeSet;

use milvus_rbac::config::Compat;
use milvus_rbac::credential::Caller;

use super::read::{caller, custom_groups, grants_of, may};
use super::{
    GROUPS, IDS, MEMBERS, Pairs, ROLES, ROWS, Root, USERS, dump, eventually, group, hashed,
};
use crate::privileges::client::{create_group, entity, operate, operate_v2, succeeded};
use crate::support::{Log, ROOT, TestServer, success};

const PASSWORD: &str = "N3w-Passw0rd";

/// What each key holds now.
fn kept(root: &Root, keys: &[String]) -> Vec<Option<Vec<u8>>> {
    keys.iter().map(|key| root.get(key)).collect()
}

/// How often the log tells of a key.
fn told(log: &Log, key: &str) -> usize {
    // The key as it stands in a list in the log.
    log.lines(&format!("\\\"{key}\\\"")).len()
}

/// Makes every kind of change through a server.
async fn change_everything(server: &TestServer, name: &str) {
    let client = server.grpc(ROOT).await;
    assert_eq!(client.create_user(name, PASSWORD).await.unwrap(), success());
    assert_eq!(client.create_role(name).await.unwrap(), success());
    assert_eq!(client.operate_user_role(name, name, 0).await.unwrap(), success());
    let on = entity(name, ("Collection", "ms_orders"), "Search");
    succeeded(&operate(&client, on, 0).await);
    succeeded(&create_group(&client, name).await);
    succeeded(&operate_v2(&client, name, name, ("default", "ms_orders"), 0).await);
    assert_eq!(client.delete_user("ms_carol").await.unwrap(), success());
    assert_ne!(client.drop_role(name).await.unwrap(), success(), "it has grants");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn records_of_a_newer_version_are_kept_and_decide_nothing() {
    let root = Root::with_entries();
    // A group with a field 3, and with a field 2 in its member; a user with more fields.
    let future_group = [&group("ms_later", &[])[..], b"\x12\x0a\x0a\x05Query\x12\x01x\x1a\x03new"];
    let future_user = format!(
        r#"{{"mfa":{{"kind":["totp"]}},"encrypted_password":"{}","time_tick":18446744073709551615,"locked":false}}"#,
        hashed(PASSWORD)
    );
    // Right kinds of keys with the wrong number of names, and kinds that nobody knows.
    let strange = [
        "root-coord/credential/new-kind/ms_k1".to_owned(),
        format!("{USERS}ms_k2/b"),
        format!("{MEMBERS}ms_alice/admin/ms_k3"),
        format!("{ROWS}ms_reader/Global/ms_k4/y"),
        "milvus-rbac/ms_k5".to_owned(),
    ];
    let known = [
        format!("{GROUPS}ms_later"),
        format!("{USERS}ms_later"),
        format!("{MEMBERS}ms_later/ms_later"),
        format!("{ROLES}ms_later"),
        // Rights that nobody knows, on things that nobody knows, and an id of no row.
        format!("{ROWS}ms_later/Collection/default.ms_orders"),
        format!("{ROWS}ms_later/Cluster/default.ms_orders"),
        format!("{IDS}ms_id1/PrivilegeTravelInTime"),
        format!("{IDS}ms_id1/PrivilegeGroupms_missing"),
        format!("{IDS}ms_id2/PrivilegeSearch"),
        format!("{IDS}ms_id3/PrivilegeAll"),
    ];
    let elsewhere = [
        "root-coord/database/db-info/1".to_owned(),
        "root-coord/collection/449/450".to_owned(),
        "root-coord/credential2/users/ms_e".to_owned(),
        "snapshots/root-coord/credential/users/ms_e_ts1".to_owned(),
    ];
    let values: [&[u8]; 10] = [
        &future_group.concat(),
        future_user.as_bytes(),
        b"never read",
        br#"{"description":"later","quota":5}"#,
        b"ms_id1",
        b"ms_id2",
        b"root",
        b"root",
        b"root",
        b"root",
    ];
    for key in strange.iter().chain(&elsewhere) {
        root.put(key, b"\x00any \xff");
    }
    let pairs: Vec<(String, &[u8])> = known.iter().cloned().zip(values).collect();
    root.put_all(&pairs);
    let keys: Vec<String> = strange.iter().chain(&known).chain(&elsewhere).cloned().collect();
    let before = kept(&root, &keys);

    for name in ["ms_one", "ms_two"] {
        let log = Log::begin();
        let server = root.server(Compat::Milvus).await;
        if name == "ms_one" {
            change_everything(&server, name).await;
        } else {
            assert_eq!(server.grpc(ROOT).await.create_role(name).await.unwrap(), success());
        }
        let client = server.grpc(ROOT).await;
        // What is known of them counts.
        let later = caller(&server.deployment, "ms_later", PASSWORD).await.unwrap();
        let query = BTreeSet::from(["Query".to_owned()]);
        assert_eq!(custom_groups(&client).await["ms_later"], query);
        assert!(client.list_roles().await.unwrap().contains(&"ms_later".to_owned()));
        // What is not gives nothing.
        let alice = caller(&server.deployment, "ms_alice", "Alice-Pw_2024").await.unwrap();
        let all = [("Collection", "Search"), ("Collection", "Load"), ("Global", "CreateDatabase")];
        for what in all {
            for on in [("default", "ms_orders"), ("default", "*"), ("*", "*")] {
                assert!(!may(&server.deployment, &later, what, on), "{what:?} {on:?}");
            }
            assert!(!may(&server.deployment, &alice, what, ("ms_k4", "y")), "{what:?}");
        }
        assert!(!client.list_users().await.unwrap().iter().any(|user| user.contains("ms_k2")));
        server.stop().await;
        assert_eq!(kept(&root, &keys), before, "{name}");
        // One line for all of what is not understood, and nothing about the rest.
        for key in &strange {
            assert_eq!(told(&log, key), 1, "{key}");
        }
        for key in known.iter().chain(&elsewhere) {
            assert_eq!(told(&log, key), 0, "{key}");
        }
    }
}

/// Who may what on the store of [`broken_records_never_give_a_right`].
struct Rights<'a> {
    server: &'a TestServer,
    alice: Caller,
    bob: Caller,
    erin: Caller,
}

impl Rights<'_> {
    fn of(&self, who: &Caller, what: (&str, &str)) -> bool {
        may(&self.server.deployment, who, what, ("default", "ms_orders"))
    }

    /// Of the row, the privilege and the group that are broken further down.
    fn all(&self) -> [bool; 3] {
        [
            self.of(&self.alice, ("Collection", "Search")),
            self.of(&self.bob, ("Collection", "Insert")),
            self.of(&self.erin, ("Collection", "Query")),
        ]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn broken_records_never_give_a_right() {
    let root = Root::with_entries();
    root.load(&dump()["newer"]);
    let server = root.server(Compat::Milvus).await;
    let client = server.grpc(ROOT).await;
    let deployment = &server.deployment;
    let rights = Rights {
        alice: caller(deployment, "ms_alice", "Alice-Pw_2024").await.unwrap(),
        bob: caller(deployment, "ms_bob", "böb's päss ✓\"x\\y").await.unwrap(),
        erin: caller(deployment, "ms_erin", "erin-10-Cost").await.unwrap(),
        server: &server,
    };
    assert_eq!(rights.all(), [true; 3]);
    let good = root.dump("");

    let log = Log::begin();
    let row = format!("{ROWS}ms_reader/Collection/default.ms_orders");
    let privilege = format!("{IDS}38b9fcab5967c1ba/PrivilegeInsert");
    let pg = format!("{GROUPS}ms_pg");
    let carol = format!("{USERS}ms_carol");
    let broken: [(&str, &[u8]); 4] = [
        (&row, b"1e655fbdfee6aa52\xff"),
        (&privilege, b"\xff"),
        (&pg, b"\x0a\xff"),
        (&carol, br#"{"encrypted_password":"$2a$04$"#),
    ];
    // Never a right: members of admin, a password that is an array, rights of nobody's.
    let forged: [(String, &[u8]); 5] = [
        (format!("{MEMBERS}ms_alice/admin/ms_f1"), b""),
        (format!("{MEMBERS}/admin"), b""),
        (format!("{ROWS}ms_reader/Global/*.*/ms_f3"), b"1d3e6e804085406f"),
        (format!("{IDS}1e655fbdfee6aa52/PrivilegeAll/ms_f4"), b"root"),
        (format!("{USERS}ms_f5"), br#"["$2a$04$x"]"#),
    ];
    for _ in 0..2 {
        for (key, value) in broken {
            root.put(key, value);
        }
        for (key, value) in &forged {
            root.put(key, value);
        }
    }
    eventually("nothing of it counts", || async {
        rights.all() == [false; 3] && client.list_users().await.unwrap().contains(&"ms_f5".into())
    })
    .await;
    // The user keeps its name and has no password. Others go on as they were.
    let carols = "c4rol_".repeat(12);
    for password in [&carols, "", "$2a$04$"] {
        assert!(caller(deployment, "ms_carol", password).await.is_none(), "{password}");
        assert!(caller(deployment, "ms_f5", password).await.is_none(), "{password}");
    }
    assert!(caller(deployment, "ms_alice", "Alice-Pw_2024").await.is_some());
    assert!(rights.of(&rights.alice, ("Collection", "IndexDetail")), "of public");
    assert!(!rights.of(&rights.alice, ("Global", "CreateDatabase")), "no administrator");
    assert_eq!(grants_of(&client, "ms_reader").await.len(), 1, "in the other row");
    assert!(!custom_groups(&client).await.contains_key("ms_pg"));
    let users = ["ms_alice", "ms_bob", "ms_carol", "ms_dave", "ms_erin", "ms_f5", "root"];
    assert_eq!(client.list_users().await.unwrap(), users);
    for key in [&row, &privilege, &pg, &carol].into_iter().chain(forged.iter().map(|(key, _)| key))
    {
        assert_eq!(told(&log, key), 1, "{key}");
    }

    // All of it is kept through our own changes, and decides nothing after a start, either.
    let keys: Vec<String> = broken
        .iter()
        .map(|(key, _)| (*key).to_owned())
        .chain(forged.iter().map(|(key, _)| key.clone()))
        .collect();
    let before = kept(&root, &keys);
    assert_eq!(client.create_user("ms_more", PASSWORD).await.unwrap(), success());
    assert_eq!(client.create_role("ms_more").await.unwrap(), success());
    assert_eq!(client.operate_user_role("ms_more", "ms_more", 0).await.unwrap(), success());
    succeeded(&operate(&client, entity("ms_more", ("Collection", "c"), "Search"), 0).await);
    assert_eq!(kept(&root, &keys), before);
    let again = root.server(Compat::Milvus).await;
    let fresh = Rights {
        alice: rights.alice.clone(),
        bob: rights.bob.clone(),
        erin: rights.erin.clone(),
        server: &again,
    };
    assert_eq!(fresh.all(), [false; 3]);
    again.stop().await;
    assert_eq!(kept(&root, &keys), before);

    // Put right, it counts again; made anew, it is as good as any, and gives nobody the old rights.
    let value = |good: &Pairs, key: &str| good.0[key.as_bytes()].clone();
    for key in [&row, &privilege, &carol] {
        root.put(key, value(&good, key));
    }
    eventually("it counts again", || async {
        rights.all() == [true, true, false]
            && caller(deployment, "ms_carol", &carols).await.is_some()
    })
    .await;
    succeeded(&create_group(&client, "ms_pg").await);
    assert_eq!(root.get(&pg).unwrap(), group("ms_pg", &[]));
    root.put(&pg, value(&good, &pg));
    eventually("the group", || async { custom_groups(&client).await["ms_pg"].len() == 2 }).await;
    assert_eq!(rights.all(), [true, true, false]);
    server.stop().await;
}
