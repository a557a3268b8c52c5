//! What becomes of the store of a Milvus when users and roles change through us.

use milvus_rbac::config::Compat;
use milvus_rbac::proto::common::Status;
use milvus_rbac::proto::milvus as pb;

use super::{
    IDS, Ledger, MEMBERS, ROLES, ROWS, Root, USERS, delete, dump, eventually, hash_in, put,
};
use crate::privileges::client::{entity, operate, succeeded};
use crate::support::{Grpc, ROOT, TestServer, encoded, success};

const PASSWORD: &str = "N3w-Passw0rd";

/// A server on the entries with the newer ones on top.
async fn served() -> (Root, TestServer, Grpc, Ledger) {
    let root = Root::with_entries();
    root.load(&dump()["newer"]);
    let server = root.careful_server(Compat::Milvus).await;
    let client = server.grpc(ROOT).await;
    let ledger = Ledger::of(&root);
    (root, server, client, ledger)
}

/// Creates a user with a description.
async fn create_described(client: &Grpc, user: &str, description: &str) -> Status {
    let request = pb::CreateCredentialRequest {
        username: user.to_owned(),
        password: encoded(PASSWORD),
        description: Some(description.to_owned()),
        ..Default::default()
    };
    client.rpc().create_credential(request).await.unwrap().into_inner()
}

/// Changes nothing but a description.
async fn describe(client: &Grpc, user: &str, description: &str) -> Status {
    let request = pb::UpdateCredentialRequest {
        username: user.to_owned(),
        description: Some(description.to_owned()),
        ..Default::default()
    };
    client.rpc().update_credential(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn users_are_written_as_the_newest_milvus_writes_them() {
    let (root, server, client, mut ledger) = served().await;
    let user = |name: &str| format!("{USERS}{name}");
    assert_eq!(client.create_user("ms_new", PASSWORD).await.unwrap(), success());
    ledger.expect([root.user_line("ms_new", PASSWORD, "}")]);
    assert_eq!(create_described(&client, "ms_desc", "<a> & \"b\"\u{2028}é").await, success());
    let rest = r#","description":"\u003ca\u003e \u0026 \"b\"\u2028é"}"#;
    ledger.expect([root.user_line("ms_desc", PASSWORD, rest)]);

    // Version and description stay; what belongs into a cache goes.
    let old = ("ms_dave", "dave-10-Cost");
    assert_eq!(client.update_password(old.0, old.1, PASSWORD).await.unwrap(), success());
    let rest = r#","time_tick":459270061531234306,"description":"on call"}"#;
    ledger.expect([root.user_line("ms_dave", PASSWORD, rest)]);
    let update = client.update_password("ms_erin", "erin-10-Cost", PASSWORD).await;
    assert_eq!(update.unwrap(), success());
    let rest = ",\"time_tick\":459270061531234307}";
    ledger.expect([root.user_line("ms_erin", PASSWORD, rest)]);
    let hash = hash_in(
        &root.get(&user("ms_dave")).unwrap(),
        r#","time_tick":459270061531234306,"description":"on call"}"#,
    );
    assert_eq!(describe(&client, "ms_dave", "").await, success());
    let record = format!(
        r#"{{"encrypted_password":"{hash}","time_tick":459270061531234306,"description":""}}"#
    );
    ledger.expect([put(user("ms_dave"), record)]);
    assert_eq!(describe(&client, "ms_dave", "").await, success());
    ledger.expect_nothing();

    // A wrong old password, a login, and what is refused write nothing.
    assert_ne!(
        client.update_password("ms_dave", "wrong-Pw1", "0ther-Pw").await.unwrap(),
        success()
    );
    assert_ne!(client.create_user("ms_bob", PASSWORD).await.unwrap(), success());
    assert!(server.grpc(("ms_alice", "Alice-Pw_2024")).await.logs_in().await, "cost 4");
    ledger.expect_nothing();

    assert_eq!(client.delete_user("ms_bob").await.unwrap(), success());
    ledger.expect([
        delete(user("ms_bob")),
        delete(format!("{MEMBERS}ms_bob/ms_reader")),
        delete(format!("{MEMBERS}ms_bob/ms_writer")),
    ]);
    assert_eq!(client.delete_user("ms_bob").await.unwrap(), success());
    ledger.expect_nothing();

    // Unlike in Milvus, a new user has nothing of what an earlier one left.
    root.put(&format!("{MEMBERS}ms_bob/ms_reader"), "");
    let state = || server.deployment.admin().snapshots().get();
    eventually("the mapping", || async { state().is_bound("ms_bob", "ms_reader") }).await;
    ledger.changes();
    assert_eq!(client.create_user("ms_bob", PASSWORD).await.unwrap(), success());
    ledger.expect([
        root.user_line("ms_bob", PASSWORD, "}"),
        delete(format!("{MEMBERS}ms_bob/ms_reader")),
    ]);
    server.stop().await;
}

async fn create_role(client: &Grpc, name: &str, description: &str) -> Status {
    let entity =
        Some(pb::RoleEntity { name: name.to_owned(), description: description.to_owned() });
    let request = pb::CreateRoleRequest { base: None, entity };
    client.rpc().create_role(request).await.unwrap().into_inner()
}

async fn alter_role(client: &Grpc, name: &str, description: &str) -> Status {
    let request = pb::AlterRoleRequest {
        base: None,
        role_name: name.to_owned(),
        description: description.to_owned(),
    };
    client.rpc().alter_role(request).await.unwrap().into_inner()
}

async fn force_drop(client: &Grpc, role: &str) -> Status {
    let request = pb::DropRoleRequest { base: None, role_name: role.to_owned(), force_drop: true };
    client.rpc().drop_role(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn roles_and_members_are_written_as_the_newest_milvus_writes_them() {
    let (_, server, client, mut ledger) = served().await;
    let role = |name: &str| format!("{ROLES}{name}");
    assert_eq!(create_role(&client, "ms_fresh", "").await, success());
    ledger.expect([put(role("ms_fresh"), r#"{"description":""}"#)]);
    assert_eq!(create_role(&client, "ms_desc", "a\tb > c").await, success());
    ledger.expect([put(role("ms_desc"), r#"{"description":"a\tb \u003e c"}"#)]);
    assert_ne!(create_role(&client, "ms_fresh", "again").await, success());
    ledger.expect_nothing();
    // An empty record gets a description like any other.
    for name in ["ms_reader", "ms_auditor"] {
        assert_eq!(alter_role(&client, name, "new").await, success());
        ledger.expect([put(role(name), r#"{"description":"new"}"#)]);
    }
    assert_eq!(alter_role(&client, "ms_reader", "new").await, success());
    ledger.expect_nothing();

    let member = format!("{MEMBERS}ms_alice/ms_fresh");
    for expected in [vec![put(&member, "")], Vec::new()] {
        let bound = client.operate_user_role("ms_alice", "ms_fresh", 0).await;
        assert_eq!(bound.unwrap(), success());
        ledger.expect(expected);
    }
    for expected in [vec![delete(&member)], Vec::new()] {
        let unbound = client.operate_user_role("ms_alice", "ms_fresh", 1).await;
        assert_eq!(unbound.unwrap(), success());
        ledger.expect(expected);
    }
    assert_eq!(client.operate_user_role("ms_alice", "ms_fresh", 0).await.unwrap(), success());
    ledger.expect([put(&member, "")]);
    assert_eq!(client.drop_role("ms_fresh").await.unwrap(), success());
    ledger.expect([delete(role("ms_fresh")), delete(&member)]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_dropped_role_leaves_nothing_and_takes_nothing_of_others() {
    let (root, server, client, mut ledger) = served().await;
    let role = |name: &str| format!("{ROLES}{name}");
    assert_ne!(client.drop_role("ms_writer").await.unwrap(), success(), "it has grants");
    ledger.expect_nothing();
    // Unlike in Milvus up to 2.6, all that it was granted goes in the same transaction.
    assert_eq!(force_drop(&client, "ms_writer").await, success());
    ledger.expect([
        delete(role("ms_writer")),
        delete(format!("{MEMBERS}ms_bob/ms_writer")),
        delete(format!("{ROWS}ms_writer/Collection/*.ms_events")),
        delete(format!("{ROWS}ms_writer/Collection/default.ms_orders")),
        delete(format!("{ROWS}ms_writer/Global/default.*")),
        delete(format!("{IDS}9641058dbc9a3337/PrivilegeDelete")),
        delete(format!("{IDS}38b9fcab5967c1ba/PrivilegeInsert")),
        delete(format!("{IDS}bf48f2a0113d5185/PrivilegeCreateCollection")),
    ]);
    assert_eq!(create_role(&client, "ms_writer", "").await, success());
    ledger.expect([put(role("ms_writer"), r#"{"description":""}"#)]);

    // A role whose name begins like another's, and one whose row has the same short id.
    assert_eq!(create_role(&client, "ms_read", "").await, success());
    let grant = entity("ms_read", ("Collection", "ms_orders"), "Search");
    succeeded(&operate(&client, grant, 0).await);
    root.put(&format!("{ROWS}ms_auditor/User/default.ms_u2"), "99ebf01962c3e0da");
    let state = || server.deployment.admin().snapshots().get();
    eventually("the row", || async {
        let auditor = milvus_rbac::model::RoleName::new("ms_auditor").unwrap();
        state().grants().rows_of(&auditor).count() == 4
    })
    .await;
    ledger.changes();
    let own = super::id32("ms_read/Collection/default.ms_orders");
    assert_eq!(force_drop(&client, "ms_read").await, success());
    ledger.expect([
        delete(role("ms_read")),
        delete(format!("{ROWS}ms_read/Collection/default.ms_orders")),
        delete(format!("{IDS}{own}/PrivilegeSearch")),
    ]);
    assert_eq!(force_drop(&client, "ms_salesadmin").await, success());
    ledger.expect([
        delete(role("ms_salesadmin")),
        delete(format!("{MEMBERS}ms_carol/ms_salesadmin")),
        delete(format!("{ROWS}ms_salesadmin/Global/ms_sales.*")),
        delete(format!("{ROWS}ms_salesadmin/User/*.*")),
        delete(format!("{IDS}1d3e6e804085406f/PrivilegeAll")),
        // `PrivilegeUpdateUser` is the auditor's, too.
    ]);
    // A row that a revoke has left goes as well.
    assert_eq!(force_drop(&client, "ms_reader").await, success());
    ledger.expect([
        delete(role("ms_reader")),
        delete(format!("{MEMBERS}ms_alice/ms_reader")),
        delete(format!("{MEMBERS}ms_bob/ms_reader")),
        delete(format!("{ROWS}ms_reader/Collection/default.ms_old")),
        delete(format!("{ROWS}ms_reader/Collection/default.ms_orders")),
        delete(format!("{ROWS}ms_reader/Collection/ms_sales.*")),
        delete(format!("{IDS}1e655fbdfee6aa52/PrivilegeQuery")),
        delete(format!("{IDS}1e655fbdfee6aa52/PrivilegeSearch")),
        delete(format!("{IDS}6477ddbfea2ec3b7/PrivilegeQuery")),
    ]);
    server.stop().await;
}
