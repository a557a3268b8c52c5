//! A Milvus that writes along: what it does is followed, and neither loses what the other wrote.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures_util::poll;
use milvus_rbac::admin::{
    AdminError, GivenPassword, GivenPrivilege, GrantAction, GrantError, GroupAction, LevelGrant,
    Membership, NewUser, UserUpdate,
};
use milvus_rbac::config::{Compat, StoreSetting};
use milvus_rbac::credential::{Caller, Peer};
use milvus_rbac::snapshot::Snapshot;

use super::read::{caller, custom_groups, may};
use super::{
    GROUPS, IDS, MEMBERS, ROLES, ROWS, Root, USERS, dump, eventually, group, hash_in, hashed, id32,
    is_of,
};
use crate::support::etcd::{Mode, Relay};
use crate::support::{ROOT, TestServer};

const PASSWORD: &str = "N3w-Passw0rd";

/// A user's record with a description.
fn record(password: &str, description: &str) -> String {
    let hash = hashed(password);
    format!(r#"{{"encrypted_password":"{hash}","time_tick":7,"description":"{description}"}}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn what_a_milvus_writes_is_followed() {
    let root = Root::with_entries();
    let server = root.server(Compat::Milvus).await;
    let client = server.grpc(ROOT).await;
    let deployment = &server.deployment;
    let login = |password: &'static str| caller(deployment, "ms_zoe", password);

    // A user and a role with a grant, in the transactions of the newest Milvus.
    let id = id32("ms_zoo/Collection/default.ms_c1");
    root.put(&format!("{USERS}ms_zoe"), record(PASSWORD, "keeper"));
    root.put(&format!("{ROLES}ms_zoo"), "{\"description\":\"\"}");
    root.put(&format!("{MEMBERS}ms_zoe/ms_zoo"), "");
    root.put(&format!("{ROWS}ms_zoo/Collection/default.ms_c1"), &id);
    root.put(&format!("{IDS}{id}/PrivilegeSearch"), "root");
    eventually("the login", || async { login(PASSWORD).await.is_some() }).await;
    let zoe = login(PASSWORD).await.unwrap();
    let may = |what: &str| may(deployment, &zoe, ("Collection", what), ("default", "ms_c1"));
    eventually("the grant", || async { may("Search") }).await;
    let shown = client.select_user("ms_zoe").await.unwrap().unwrap();
    assert_eq!((shown.description.as_str(), shown.roles[0].name.as_str()), ("keeper", "ms_zoo"));

    // A group, granted and changed.
    root.put(&format!("{GROUPS}ms_pens"), group("ms_pens", &["Query"]));
    let all = id32("ms_zoo/Global/default.ms_c1");
    root.put_all(&[
        (format!("{ROWS}ms_zoo/Global/default.ms_c1"), all.as_bytes()),
        (format!("{IDS}{all}/PrivilegeGroupms_pens"), b"root"),
    ]);
    eventually("the group", || async { may("Query") && !may("Insert") }).await;
    root.put(&format!("{GROUPS}ms_pens"), group("ms_pens", &["Insert"]));
    eventually("its change", || async { may("Insert") && !may("Query") }).await;
    root.delete(&format!("{GROUPS}ms_pens"));
    eventually("its end", || async { !may("Insert") }).await;
    assert!(custom_groups(&client).await.is_empty());

    // A password that is changed, also of somebody whose login is remembered.
    root.put(&format!("{USERS}ms_zoe"), record("0ther-Passw0rd", "keeper"));
    eventually("the new password", || async { login("0ther-Passw0rd").await.is_some() }).await;
    assert!(login(PASSWORD).await.is_none(), "the old one");

    // A row that is moved to another id with what it holds, as on an upgrade: never half of it.
    root.put_all(&[
        (format!("{IDS}0123456789abcdef/PrivilegeSearch"), b"root"),
        (format!("{ROWS}ms_zoo/Collection/default.ms_c1"), b"0123456789abcdef"),
    ]);
    root.delete(&format!("{IDS}{id}/PrivilegeSearch"));
    eventually("the move", || async {
        assert!(may("Search"));
        let state = deployment.admin().snapshots().get();
        !state.records().any(|record| format!("{record:?}").contains(&id))
    })
    .await;

    // Rights end one after another, in whatever way.
    root.delete(&format!("{IDS}0123456789abcdef/PrivilegeSearch"));
    eventually("the revoke", || async { !may("Search") }).await;
    root.put(&format!("{IDS}0123456789abcdef/PrivilegeSearch"), "root");
    eventually("the grant again", || async { may("Search") }).await;
    root.delete(&format!("{MEMBERS}ms_zoe/ms_zoo"));
    eventually("the removal", || async { !may("Search") }).await;
    root.put(&format!("{MEMBERS}ms_zoe/ms_zoo"), "");
    eventually("the mapping again", || async { may("Search") }).await;
    root.delete(&format!("{ROWS}ms_zoo/Collection/default.ms_c1"));
    eventually("the end of the row", || async { !may("Search") }).await;
    root.delete(&format!("{USERS}ms_zoe"));
    eventually("the end of the user", || async { login("0ther-Passw0rd").await.is_none() }).await;
    assert_eq!(client.select_user("ms_zoe").await.unwrap(), None);
    root.delete(&format!("{ROLES}ms_zoo"));
    eventually("the end of the role", || async {
        !client.list_roles().await.unwrap().contains(&"ms_zoo".to_owned())
    })
    .await;
    server.stop().await;
}

/// A server on the entries with the newer ones on top, and the way between it and its cluster.
async fn behind_a_relay() -> (Root, Relay, TestServer) {
    let root = Root::with_entries();
    root.load(&dump()["newer"]);
    let relay = Relay::to(&root.cluster.endpoint(0));
    let mut settings = root.settings(Compat::Milvus);
    let endpoints = vec![relay.endpoint()];
    settings.store = StoreSetting::Etcd { endpoints, root: root.path.clone() };
    (root, relay, TestServer::with(settings).await)
}

/// Runs an operation, and lets somebody else write between its checks and its commit. The checks
/// of a batch see one state, so the other one writes from a check that comes after the operation's;
/// it is nearer to the cluster, so the operation is on its way before that is heard of.
async fn overtaken<T>(
    (relay, server): (&Relay, &TestServer),
    operation: impl Future<Output = T>,
    write: impl FnOnce() + Send + 'static,
) -> T {
    let writer = server.deployment.admin().writer().clone();
    let (entered, enter) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let gate = tokio::spawn({
        let writer = writer.clone();
        async move {
            let check = move |_: &Snapshot| {
                entered.send(()).unwrap();
                released.recv().unwrap();
                Ok::<_, ()>(((), Vec::new()))
            };
            writer.submit(check).await.unwrap();
        }
    });
    enter.recv().unwrap();
    // The writer's thread waits; what is begun now gathers behind.
    let mut operation = Box::pin(operation);
    let waiting = tokio::time::timeout(Duration::from_millis(300), &mut operation).await;
    assert!(waiting.is_err(), "it ended before it could be written");
    let rounds = Arc::new(AtomicUsize::new(0));
    let mut write = Some(write);
    let mut intruder = Box::pin(writer.submit({
        let rounds = Arc::clone(&rounds);
        move |_: &Snapshot| {
            rounds.fetch_add(1, Ordering::Relaxed);
            if let Some(write) = write.take() {
                write();
            }
            Ok::<_, ()>(((), Vec::new()))
        }
    }));
    assert!(poll!(&mut intruder).is_pending());
    relay.set(Mode::Delay(Duration::from_millis(200)));
    release.send(()).unwrap();
    let outcome = operation.await;
    relay.set(Mode::Pass);
    intruder.await.unwrap();
    gate.await.unwrap();
    assert!(rounds.load(Ordering::Relaxed) > 1, "nothing was checked again");
    outcome
}

fn nobody() -> Caller {
    Caller::unauthenticated(Peer::LOCAL)
}

fn update(new_password: &str, description: Option<&str>) -> UserUpdate {
    UserUpdate {
        name: "ms_dave".to_owned(),
        old_password: GivenPassword::plain("dave-10-Cost".to_owned()),
        new_password: GivenPassword::plain(new_password.to_owned()),
        description: description.map(str::to_owned),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_user_that_a_milvus_changes_at_the_same_moment_has_both_changes() {
    let (root, relay, server) = behind_a_relay().await;
    let there = (&relay, &server);
    let (admin, nobody) = (server.deployment.admin(), nobody());
    let dave = format!("{USERS}ms_dave");
    let write = |value: String| {
        let (root, dave) = (root.clone(), dave.clone());
        move || root.put(&dave, value)
    };
    let old = hash_in(
        &root.get(&dave).unwrap(),
        r#","time_tick":459270061531234306,"description":"on call"}"#,
    );

    // We change the password, the other one version and description.
    let theirs = format!(
        r#"{{"encrypted_password":"{old}","time_tick":459270061531234399,"description":"off"}}"#
    );
    overtaken(there, admin.update_user(&nobody, update(PASSWORD, None)), write(theirs))
        .await
        .unwrap();
    let rest = r#","time_tick":459270061531234399,"description":"off"}"#;
    let ours = hash_in(&root.get(&dave).unwrap(), rest);
    assert!(ours != old && is_of(&ours, PASSWORD));

    // We change the description, the other one the password.
    let theirs = record("dave-10-Cost", "theirs");
    overtaken(there, admin.update_user(&nobody, update("", Some("ours"))), write(theirs))
        .await
        .unwrap();
    let found = hash_in(&root.get(&dave).unwrap(), r#","time_tick":7,"description":"ours"}"#);
    assert!(is_of(&found, "dave-10-Cost"));

    // Both change the password: the old one that we were given is not the old one any more.
    let theirs = record("0ther-Passw0rd", "theirs");
    let both =
        overtaken(there, admin.update_user(&nobody, update(PASSWORD, None)), write(theirs.clone()))
            .await;
    assert!(matches!(both, Err(AdminError::OldPassword(_))), "{both:?}");
    assert_eq!(root.get(&dave).unwrap(), theirs.as_bytes());

    // The other one deletes the user, or has made it already.
    let gone = {
        let (root, dave) = (root.clone(), dave.clone());
        move || root.delete(&dave)
    };
    let outcome = overtaken(there, admin.update_user(&nobody, update("", Some("x"))), gone).await;
    assert!(matches!(outcome, Err(AdminError::UpdateUnknownUser)), "{outcome:?}");
    assert_eq!(root.get(&dave), None);
    let new = NewUser {
        name: "ms_dave".to_owned(),
        password: GivenPassword::plain(PASSWORD.to_owned()),
        description: None,
    };
    let outcome = overtaken(there, admin.create_user(&nobody, new), write(theirs.clone())).await;
    assert!(matches!(outcome, Err(AdminError::UserExists(_))), "{outcome:?}");
    assert_eq!(root.get(&dave).unwrap(), theirs.as_bytes());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn groups_and_rows_that_a_milvus_changes_at_the_same_moment_have_both_changes() {
    let (root, relay, server) = behind_a_relay().await;
    let there = (&relay, &server);
    let (admin, nobody) = (server.deployment.admin(), nobody());
    let pg = format!("{GROUPS}ms_pg");

    let members = ["Delete".to_owned()];
    let add = admin.operate_privilege_group(&nobody, "ms_pg", &members, Some(GroupAction::Add));
    let theirs = {
        let (root, pg) = (root.clone(), pg.clone());
        move || root.put(&pg, group("ms_pg", &["Upsert", "Query"]))
    };
    overtaken(there, add, theirs).await.unwrap();
    assert_eq!(root.get(&pg).unwrap(), group("ms_pg", &["Delete", "Query", "Upsert"]));

    // The other one makes the row first: its id is used.
    let search = || LevelGrant {
        role: Some("ms_reader".to_owned()),
        privilege: GivenPrivilege::Named("Search".to_owned()),
        database: "default".to_owned(),
        collection: "ms_c9".to_owned(),
    };
    let row = format!("{ROWS}ms_reader/Collection/default.ms_c9");
    let theirs = {
        let (root, row) = (root.clone(), row.clone());
        move || {
            root.put_all(&[
                (row.clone(), b"fedcba9876543210"),
                (format!("{IDS}fedcba9876543210/PrivilegeQuery"), b"ms_bob"),
            ]);
        }
    };
    let grant = admin.operate_privilege_v2(&nobody, GrantAction::Grant, search());
    overtaken(there, grant, theirs).await.unwrap();
    assert_eq!(root.get(&row).unwrap(), b"fedcba9876543210");
    let held: Vec<_> = root.dump(&format!("{IDS}fedcba9876543210/")).0.into_values().collect();
    assert_eq!(held, [b"ms_bob".to_vec(), b"root".to_vec()], "Query and Search");

    // The other one revokes what we revoke, or drops the mapping that we drop.
    let search_key = format!("{IDS}fedcba9876543210/PrivilegeSearch");
    let theirs = {
        let (root, key) = (root.clone(), search_key.clone());
        move || root.delete(&key)
    };
    let revoke = admin.operate_privilege_v2(&nobody, GrantAction::Revoke, search());
    overtaken(there, revoke, theirs).await.unwrap();
    assert_eq!(root.get(&search_key), None);
    let member = format!("{MEMBERS}ms_bob/ms_writer");
    let theirs = {
        let (root, key) = (root.clone(), member.clone());
        move || root.delete(&key)
    };
    let unbind = admin.operate_user_role(&nobody, "ms_bob", "ms_writer", Some(Membership::Unbind));
    overtaken(there, unbind, theirs).await.unwrap();
    assert_eq!(root.get(&member), None);
    let gone = LevelGrant { role: Some("ms_nobody".to_owned()), ..search() };
    let outcome = admin.operate_privilege_v2(&nobody, GrantAction::Grant, gone).await;
    assert!(matches!(outcome, Err(AdminError::Grant(GrantError::UnknownRole(_)))), "{outcome:?}");
    server.stop().await;
}
