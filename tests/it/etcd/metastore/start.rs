//! What a start writes into a store in etcd: what Milvus's start writes, as far as it is missing.

use std::sync::Arc;

use milvus_rbac::config::Compat;

use super::{GROUPS, IDS, Ledger, MEMBERS, ROLES, ROWS, Root, USERS, delete, new_row, put};
use crate::support::etcd::Cluster;
use crate::support::{Log, ROOT, success};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn the_first_start_writes_what_the_newest_milvus_writes() {
    let cluster = Arc::new(Cluster::start(1));
    let role = |name: &str| put(format!("{ROLES}{name}"), "{\"description\":\"\"}");
    for (compat, path) in [(Compat::Milvus, "by-dev/meta"), (Compat::Documented, "documented")] {
        let root = Root::new(&cluster, path);
        let mut ledger = Ledger::of(&root);
        let server = root.careful_server(compat).await;
        let mut expected = vec![root.user_line("root", "Milvus", "}"), role("admin")];
        if compat == Compat::Milvus {
            expected.push(role("public"));
            let global = ["PrivilegeDescribeCollection", "PrivilegeListAliases"];
            expected.extend(new_row("public/Global/*.*", &global));
            expected.extend(new_row("public/Collection/*.*", &["PrivilegeIndexDetail"]));
        }
        ledger.expect(expected);
        server.stop().await;
        let server = root.careful_server(compat).await;
        ledger.expect_nothing();
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_later_start_writes_what_is_missing_and_takes_nothing_away() {
    let root = Root::with_entries();
    let mut ledger = Ledger::of(&root);
    let server = root.careful_server(Compat::Milvus).await;
    ledger.expect([put(format!("{IDS}250dd41b686083b0/PrivilegeListAliases"), "root")]);
    let client = server.grpc(ROOT).await;
    assert_eq!(client.update_password("root", "Milvus", "N3w-Passw0rd").await.unwrap(), success());
    ledger.expect([root.user_line("root", "N3w-Passw0rd", "}")]);
    server.stop().await;

    // What `public` has beyond its defaults stays, what it lacks of them comes back; a role too.
    root.put(&format!("{IDS}e03326696e8a3b16/PrivilegeSearch"), "ms_bob");
    for gone in [
        format!("{IDS}e03326696e8a3b16/PrivilegeIndexDetail"),
        format!("{IDS}250dd41b686083b0/PrivilegeShowCollections"),
        format!("{ROLES}admin"),
    ] {
        root.delete(&gone);
    }
    ledger.changes();
    let server = root.careful_server(Compat::Milvus).await;
    ledger.expect([
        put(format!("{ROLES}admin"), "{\"description\":\"\"}"),
        put(format!("{IDS}e03326696e8a3b16/PrivilegeIndexDetail"), "root"),
    ]);
    assert!(server.grpc(("root", "N3w-Passw0rd")).await.logs_in().await, "the password stays");
    server.stop().await;

    // What outlived a role does not make it anew: Milvus would give it back.
    root.put_all(&[
        (format!("{MEMBERS}ms_alice/admin"), b""),
        (format!("{ROWS}admin/Global/*.*"), b"0123456789abcdef"),
        (format!("{IDS}0123456789abcdef/PrivilegeAll"), b"root"),
    ]);
    root.delete(&format!("{ROLES}admin"));
    // Nor does a missing root come back with a known password, as it does in Milvus.
    root.delete(&format!("{USERS}root"));
    root.put(&format!("{GROUPS}broken"), b"\x0a\xff");
    ledger.changes();
    let log = Log::begin();
    let server = root.careful_server(Compat::Milvus).await;
    ledger.expect([
        put(format!("{ROLES}admin"), "{\"description\":\"\"}"),
        delete(format!("{MEMBERS}ms_alice/admin")),
        delete(format!("{ROWS}admin/Global/*.*")),
        delete(format!("{IDS}0123456789abcdef/PrivilegeAll")),
    ]);
    log.line("there are users but no root").await;
    server.stop().await;
}
