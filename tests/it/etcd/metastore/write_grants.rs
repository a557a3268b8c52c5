//! What becomes of the store of a Milvus when grants and groups change through us.

use std::collections::{BTreeMap, BTreeSet};

use milvus_rbac::config::Compat;
use milvus_rbac::model::RoleName;
use milvus_rbac::proto::milvus as pb;

use super::read::Expected;
use super::{
    GROUPS, IDS, Ledger, MEMBERS, ROLES, ROWS, Root, USERS, delete, dump, eventually, group, id32,
    md5, new_row, put,
};
use crate::privileges::client::{
    backup, create_group, drop_group, entity, operate, operate_group, operate_v2, restore,
    succeeded,
};
use crate::support::{Grpc, ROOT, TestServer, success};

/// Grants (0) or revokes (1) by object, in a database.
async fn by_object(
    client: &Grpc,
    role: &str,
    object: (&str, &str),
    privilege: &str,
    database: &str,
    r#type: i32,
) {
    let entity =
        pb::GrantEntity { db_name: database.to_owned(), ..entity(role, object, privilege) };
    succeeded(&operate(client, entity, r#type).await);
}

/// Waits until a server has seen that a role has this many rows.
async fn has_rows(server: &TestServer, role: &str, rows: usize) {
    let role = RoleName::new(role).unwrap();
    eventually("rows", || async {
        let state = server.deployment.admin().snapshots().get();
        state.grants().rows_of(&role).count() == rows
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn grants_make_rows_with_long_ids_and_use_those_that_are_there() {
    let root = Root::with_entries();
    root.load(&dump()["newer"]);
    let server = root.careful_server(Compat::Milvus).await;
    let client = server.grpc(ROOT).await;
    assert_eq!(client.create_role("ms_fresh").await.unwrap(), success());
    let mut ledger = Ledger::of(&root);
    let orders = ("Collection", "ms_orders");

    // The spec's own example of an id, for a row of another role.
    assert_eq!(id32("ms_reader/Collection/default.ms_orders"), "ed86a7a71e655fbdfee6aa525d26bcf7");
    let row = "ms_fresh/Collection/default.ms_orders";
    let held = |privilege: &str| format!("{IDS}{}/{privilege}", id32(row));
    by_object(&client, "ms_fresh", orders, "Search", "", 0).await;
    ledger.expect(new_row(row, &["PrivilegeSearch"]));
    by_object(&client, "ms_fresh", orders, "Query", "default", 0).await;
    ledger.expect([put(held("PrivilegeQuery"), "root")]);
    let loads = ["PrivilegeLoad", "PrivilegeGetLoadState", "PrivilegeGetLoadingProgress"];
    by_object(&client, "ms_fresh", orders, "Load", "", 0).await;
    ledger.expect(loads.map(|load| put(held(load), "root")));
    by_object(&client, "ms_fresh", orders, "Load", "", 0).await;
    ledger.expect_nothing();
    by_object(&client, "ms_fresh", orders, "Load", "", 1).await;
    ledger.expect(loads.map(|load| delete(held(load))));
    // The row stays when its last privilege goes, and is used again.
    by_object(&client, "ms_fresh", orders, "Search", "", 1).await;
    ledger.expect([delete(held("PrivilegeSearch"))]);
    by_object(&client, "ms_fresh", orders, "Query", "", 1).await;
    ledger.expect([delete(held("PrivilegeQuery"))]);
    by_object(&client, "ms_fresh", orders, "Query", "", 1).await;
    ledger.expect_nothing();
    by_object(&client, "ms_fresh", orders, "Query", "", 0).await;
    ledger.expect([put(held("PrivilegeQuery"), "root")]);

    for (object, privilege, database, row, stored) in [
        (orders, "Insert", "ms_db", "Collection/ms_db.ms_orders", "PrivilegeInsert"),
        (orders, "Insert", "*", "Collection/*.ms_orders", "PrivilegeInsert"),
        (("Collection", "*"), "Insert", "*", "Collection/*.*", "PrivilegeInsert"),
        (("Collection", "*"), "Insert", "", "Collection/default.*", "PrivilegeInsert"),
        (
            ("Global", "any"),
            "CreateCollection",
            "",
            "Global/default.*",
            "PrivilegeCreateCollection",
        ),
        (("Global", "*"), "All", "ms_db", "Global/ms_db.*", "PrivilegeAll"),
        (("User", "ms_alice"), "UpdateUser", "", "User/default.ms_alice", "PrivilegeUpdateUser"),
        (("Collection", "ms_all"), "*", "", "Collection/default.ms_all", "*"),
    ] {
        by_object(&client, "ms_fresh", object, privilege, database, 0).await;
        ledger.expect(new_row(&format!("ms_fresh/{row}"), &[stored]));
    }
    for (privilege, place, row, stored) in [
        ("Search", ("default", "ms_c2"), "Collection/default.ms_c2", "PrivilegeSearch"),
        ("ClusterReadOnly", ("*", "*"), "Global/*.*", "PrivilegeGroupClusterReadOnly"),
        ("ms_pg", ("default", "ms_orders"), "Global/default.ms_orders", "PrivilegeGroupms_pg"),
        ("SelectUser", ("*", "*"), "User/*.*", "PrivilegeSelectUser"),
    ] {
        succeeded(&operate_v2(&client, "ms_fresh", privilege, place, 0).await);
        ledger.expect(new_row(&format!("ms_fresh/{row}"), &[stored]));
    }

    // Rows that are there keep their ids, of whatever length, also one that a revoke has left.
    by_object(&client, "ms_reader", orders, "Insert", "", 0).await;
    ledger.expect([put(format!("{IDS}1e655fbdfee6aa52/PrivilegeInsert"), "root")]);
    by_object(&client, "ms_reader", orders, "Search", "", 1).await;
    ledger.expect([delete(format!("{IDS}1e655fbdfee6aa52/PrivilegeSearch"))]);
    by_object(&client, "ms_reader", ("Collection", "ms_old"), "Query", "", 0).await;
    ledger.expect([put(format!("{IDS}a5985470ceece890/PrivilegeQuery"), "root")]);

    // Who grants is written down, and who grants again is not.
    assert_eq!(client.operate_user_role("ms_dave", "admin", 0).await.unwrap(), success());
    ledger.expect([put(format!("{MEMBERS}ms_dave/admin"), "")]);
    let dave = server.grpc(("ms_dave", "dave-10-Cost")).await;
    for expected in [vec![put(held("PrivilegeDelete"), "ms_dave")], Vec::new()] {
        by_object(&dave, "ms_fresh", orders, "Delete", "", 0).await;
        ledger.expect(expected);
    }
    by_object(&client, "ms_fresh", orders, "Delete", "", 0).await;
    ledger.expect_nothing();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn rows_from_before_databases_and_short_ids_that_are_shared_are_changed_with_care() {
    let root = Root::with_entries();
    let older = Root::new(&root.cluster, "older/meta");
    older.load(&dump()["older"]);
    let server = older.careful_server(Compat::Milvus).await;
    let client = server.grpc(ROOT).await;
    let mut ledger = Ledger::of(&older);
    let c1 = ("Collection", "ms_c1");
    // The row of `default` is used; in another database it says nothing.
    by_object(&client, "ms_r", c1, "Delete", "", 0).await;
    ledger.expect([put(format!("{IDS}d0b4b8ac2c7bf158/PrivilegeDelete"), "root")]);
    by_object(&client, "ms_r", c1, "Insert", "default", 0).await;
    ledger.expect_nothing();
    by_object(&client, "ms_r", c1, "Insert", "ms_db", 0).await;
    ledger.expect(new_row("ms_r/Collection/ms_db.ms_c1", &["PrivilegeInsert"]));
    by_object(&client, "ms_r", c1, "Insert", "", 1).await;
    ledger.expect([delete(format!("{IDS}d0b4b8ac2c7bf158/PrivilegeInsert"))]);
    // With both rows, a grant goes to the older one, and a revoke reaches either.
    let id = id32("ms_r/Collection/default.ms_c1");
    older.put_all(&[
        (format!("{ROWS}ms_r/Collection/default.ms_c1"), id.as_bytes()),
        (format!("{IDS}{id}/PrivilegeSearch"), b"root"),
        (format!("{IDS}{id}/PrivilegeQuery"), b"root"),
    ]);
    has_rows(&server, "ms_r", 5).await;
    ledger.changes();
    by_object(&client, "ms_r", c1, "Upsert", "", 0).await;
    ledger.expect([put(format!("{IDS}d0b4b8ac2c7bf158/PrivilegeUpsert"), "root")]);
    by_object(&client, "ms_r", c1, "Query", "", 1).await;
    ledger.expect([delete(format!("{IDS}{id}/PrivilegeQuery"))]);
    by_object(&client, "ms_r", c1, "Search", "", 1).await;
    ledger.expect([
        delete(format!("{IDS}{id}/PrivilegeSearch")),
        delete(format!("{IDS}d0b4b8ac2c7bf158/PrivilegeSearch")),
    ]);
    server.stop().await;

    // A short id that two rows share: the one that changes moves to an id of its own first.
    let row = "ms_writer/Collection/default.ms_shared";
    root.put(&format!("{ROWS}{row}"), "1e655fbdfee6aa52");
    // And a row that somebody has copied, with the id that another will want.
    let (copied, wanted) = ("ms_writer/Collection/ms_db.ms_c", "ms_reader/Collection/ms_db.ms_c");
    root.put(&format!("{ROWS}{copied}"), id32(wanted));
    root.put(&format!("{IDS}{}/PrivilegeInsert", id32(wanted)), "root");
    let server = root.careful_server(Compat::Milvus).await;
    let client = server.grpc(ROOT).await;
    let mut ledger = Ledger::of(&root);
    by_object(&client, "ms_writer", ("Collection", "ms_shared"), "Delete", "", 0).await;
    ledger.expect(new_row(row, &["PrivilegeQuery", "PrivilegeSearch", "PrivilegeDelete"]));
    by_object(&client, "ms_reader", ("Collection", "ms_orders"), "Query", "", 1).await;
    ledger.expect([delete(format!("{IDS}1e655fbdfee6aa52/PrivilegeQuery"))]);
    by_object(&client, "ms_reader", ("Collection", "ms_c"), "Search", "ms_db", 0).await;
    let other = md5(&format!("{ROWS}{wanted}/{}", id32(wanted)));
    ledger.expect([
        put(format!("{ROWS}{wanted}"), &other),
        put(format!("{IDS}{other}/PrivilegeSearch"), "root"),
    ]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn groups_are_one_key_each() {
    let root = Root::with_entries();
    root.load(&dump()["newer"]);
    let server = root.careful_server(Compat::Milvus).await;
    let client = server.grpc(ROOT).await;
    let mut ledger = Ledger::of(&root);
    let fresh = format!("{GROUPS}ms_fresh");
    succeeded(&create_group(&client, "ms_fresh").await);
    ledger.expect([put(&fresh, group("ms_fresh", &[]))]);
    succeeded(&operate_group(&client, "ms_fresh", &["Query", "Insert", "Query"], 0).await);
    ledger.expect([put(&fresh, group("ms_fresh", &["Insert", "Query"]))]);
    succeeded(&operate_group(&client, "ms_fresh", &["Query"], 0).await);
    ledger.expect_nothing();
    succeeded(&operate_group(&client, "ms_fresh", &["Insert", "Delete"], 1).await);
    ledger.expect([put(&fresh, group("ms_fresh", &["Query"]))]);
    // Milvus writes the members in any order; we sort them when we write them.
    succeeded(&operate_group(&client, "ms_pg", &["Delete"], 0).await);
    let members = ["Delete", "Insert", "Query"];
    ledger.expect([put(format!("{GROUPS}ms_pg"), group("ms_pg", &members))]);

    assert_ne!(drop_group(&client, "ms_pg").await, success(), "a role holds it");
    assert_ne!(create_group(&client, "ms_pg").await, success());
    ledger.expect_nothing();
    succeeded(&drop_group(&client, "ms_empty_pg").await);
    ledger.expect([delete(format!("{GROUPS}ms_empty_pg"))]);
    // Milvus cannot build its policy when a grant names a group that is gone, so a grant of a role
    // that is gone goes with the group.
    let id = id32("ms_gone/Global/default.*");
    root.put_all(&[
        (format!("{ROWS}ms_gone/Global/default.*"), id.as_bytes()),
        (format!("{IDS}{id}/PrivilegeGroupms_fresh"), b"root"),
    ]);
    has_rows(&server, "ms_gone", 1).await;
    ledger.changes();
    succeeded(&drop_group(&client, "ms_fresh").await);
    ledger.expect([delete(&fresh), delete(format!("{IDS}{id}/PrivilegeGroupms_fresh"))]);
    server.stop().await;
}

/// How the names of privileges in the dump are stored.
fn stored(privilege: &str) -> String {
    match privilege {
        "ClusterReadOnly" | "ms_pg" => format!("PrivilegeGroup{privilege}"),
        _ => format!("Privilege{privilege}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_backup_of_one_store_makes_another_with_the_same_rights() {
    let root = Root::with_entries();
    root.load(&dump()["newer"]);
    let server = root.careful_server(Compat::Milvus).await;
    let mut ledger = Ledger::of(&root);
    let meta = backup(&server.grpc(ROOT).await).await;
    ledger.expect_nothing();
    server.stop().await;

    let other = Root::new(&root.cluster, "other/meta");
    let server = other.careful_server(Compat::Milvus).await;
    let client = server.grpc(ROOT).await;
    let mut ledger = Ledger::of(&other);
    succeeded(&restore(&client, Some(meta.clone())).await);
    let record = |value: &str| format!("{{\"description\":\"{value}\"}}");
    let mut expected = vec![
        put(format!("{GROUPS}ms_empty_pg"), group("ms_empty_pg", &[])),
        put(format!("{GROUPS}ms_pg"), group("ms_pg", &["Insert", "Query"])),
        put(format!("{ROLES}ms_auditor"), record("reads the books")),
    ];
    for role in ["ms_grouped", "ms_reader", "ms_salesadmin", "ms_writer"] {
        expected.push(put(format!("{ROLES}{role}"), record("")));
    }
    // Hashes are carried; versions and descriptions of users are no part of a backup.
    for user in ["ms_alice", "ms_bob", "ms_carol", "ms_dave", "ms_erin"] {
        let before = root.get(&format!("{USERS}{user}")).unwrap();
        let record = String::from_utf8(before[..84].to_vec()).unwrap() + "}";
        assert!(record.ends_with("\"}"), "{record}");
        expected.push(put(format!("{USERS}{user}"), record));
    }
    for member in root.dump(MEMBERS).0.into_keys() {
        expected.push(put(member, ""));
    }
    let mut rows: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for [role, object_type, object, database, privilege, grantor] in Expected::of_newer().grants {
        if role != "public" {
            let row = format!("{role}/{object_type}/{database}.{object}");
            rows.entry(row).or_default().insert(stored(&privilege), grantor);
        }
    }
    for (row, privileges) in &rows {
        let id = id32(row);
        expected.push(put(format!("{ROWS}{row}"), &id));
        for (privilege, grantor) in privileges {
            expected.push(put(format!("{IDS}{id}/{privilege}"), grantor));
        }
    }
    ledger.expect(expected);
    assert_ne!(restore(&client, Some(meta)).await, success(), "all of it is there");
    ledger.expect_nothing();
    let users: BTreeSet<String> = client.list_users().await.unwrap().into_iter().collect();
    assert_eq!(users.len(), 6);
    assert!(server.grpc(("ms_dave", "dave-10-Cost")).await.logs_in().await);
    server.stop().await;
}
