//! Grants follow what an upstream does to collections and databases, and lists show what grants
//! show: through the operations, on a true server and store.

use milvus_rbac::config::{Compat, StoreSetting};
use milvus_rbac::credential::{Caller, Login, Peer};

use super::client::*;
use crate::support::{Grpc, Log, ROOT, TestServer, settings, success};

const ANN: (&str, &str) = ("followed_ann", "Passw0rd!");

async fn log_in(server: &TestServer, (user, password): (&str, &str)) -> Caller {
    let login = Login::new(user, password.as_bytes());
    server.deployment.authorizer().log_in(login, Peer::LOCAL).await.unwrap()
}

/// A user who holds `r`, and root.
async fn with_role(server: &TestServer) -> Grpc {
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user(ANN.0, ANN.1).await.unwrap(), success());
    for role in ["r", "s"] {
        assert_eq!(root.create_role(role).await.unwrap(), success());
    }
    assert_eq!(root.operate_user_role(ANN.0, "r", 0).await.unwrap(), success());
    root
}

async fn grant(root: &Grpc, role: &str, privilege: &str, place: (&str, &str)) {
    assert_eq!(operate_v2(root, role, privilege, place, 0).await, success());
}

async fn make_group(root: &Grpc, name: &str, member: &str) {
    assert_eq!(create_group(root, name).await, success());
    assert_eq!(operate_group(root, name, &[member], 0).await, success());
}

#[tokio::test]
async fn grants_follow_a_rename_and_end_with_the_collection_in_one_change_for_all_roles() {
    let log = Log::begin();
    let server = TestServer::start().await;
    let root = with_role(&server).await;
    make_group(&root, "searchers", "Search").await;
    grant(&root, "r", "CollectionReadOnly", ("default", "followed_old")).await;
    grant(&root, "r", "searchers", ("default", "followed_old")).await;
    grant(&root, "r", "Insert", ("default", "*")).await;
    let by_object = entity("s", ("Collection", "followed_old"), "Search");
    assert_eq!(operate(&root, by_object, 0).await, success());

    let (admin, caller) = (server.deployment.admin(), log_in(&server, ANN).await);
    let before = admin.snapshots().read().revision();
    let renamed =
        admin.collection_renamed(&caller, "", "followed_old", "db2", "followed_new").await;
    renamed.unwrap();
    assert_eq!(Some(admin.snapshots().read().revision()), before.next());
    assert_eq!(
        grants_of(&root, "r").await,
        [
            "Collection default.* Insert",
            "Global db2.followed_new CollectionReadOnly",
            "Global db2.followed_new searchers",
        ]
    );
    assert_eq!(grants_of(&root, "s").await, ["Collection db2.followed_new Search"]);
    let line = log.line("default.followed_old to db2.followed_new").await;
    assert_eq!(line["fields"]["operation"], "move grants of renamed collection");
    assert_eq!(line["fields"]["outcome"], "done");
    assert_eq!(line["fields"]["caller"], format!("{:?}", ANN.0));

    // Without a new database the old one is meant, whatever that is.
    admin.collection_renamed(&caller, "db2", "followed_new", "", "followed_x").await.unwrap();
    assert_eq!(grants_of(&root, "s").await, ["Collection db2.followed_x Search"]);
    admin.collection_renamed(&caller, "db2", "followed_x", "db2", "followed_new").await.unwrap();

    admin.collection_dropped(&caller, "db2", "followed_new").await.unwrap();
    assert_eq!(grants_of(&root, "r").await, ["Collection default.* Insert"]);
    assert!(grants_of(&root, "s").await.is_empty());
    // Once more is no error, and nothing to do.
    let settled = admin.snapshots().read().revision();
    admin.collection_dropped(&caller, "db2", "followed_new").await.unwrap();
    admin.database_dropped(&caller, "db2").await.unwrap();
    assert_eq!(admin.snapshots().read().revision(), settled);
}

#[tokio::test]
async fn what_an_upstream_has_done_counts_also_if_the_caller_is_gone_and_outlives_a_restart() {
    let log = Log::begin();
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(Compat::Documented);
    settings.store = StoreSetting::Sled(directory.path().join("data"));
    let server = TestServer::with(settings.clone()).await;
    let root = with_role(&server).await;
    grant(&root, "r", "Search", ("gone_db", "c")).await;
    grant(&root, "r", "DatabaseAdmin", ("gone_db", "*")).await;
    grant(&root, "r", "Search", ("gone_db2", "c")).await;
    let caller = log_in(&server, ANN).await;
    assert_eq!(root.delete_user(ANN.0).await.unwrap(), success());
    let admin = server.deployment.admin();
    admin.database_dropped(&caller, "gone_db").await.unwrap();
    assert_eq!(grants_of(&root, "r").await, ["Collection gone_db2.c Search"]);
    let line = log.line("remove grants of dropped database").await;
    assert_eq!(line["fields"]["caller"], format!("{:?}", ANN.0));
    // All other changes of a deleted caller are refused.
    assert!(admin.create_role(&caller, "followed_role", "").await.is_err());

    server.stop().await;
    let again = TestServer::with(settings).await;
    let root = again.grpc(ROOT).await;
    assert_eq!(grants_of(&root, "r").await, ["Collection gone_db2.c Search"]);
}

#[tokio::test]
async fn a_revoked_grant_hides_what_it_showed_and_what_everybody_holds_shows_nothing() {
    for (server, default_listed) in
        [(TestServer::start().await, true), (TestServer::milvus().await, false)]
    {
        let root = with_role(&server).await;
        let (authorizer, caller) = (server.deployment.authorizer(), log_in(&server, ANN).await);
        let sees = |database: &str| authorizer.sees_database(&caller, database).unwrap();
        let shows = |collection: &str| {
            authorizer.collections_seen(&caller, "db1").unwrap().shows(collection)
        };
        assert_eq!((sees("default"), sees("db1"), shows("c")), (default_listed, false, false));
        make_group(&root, "searchers", "Search").await;
        for privilege in ["Search", "searchers", "CollectionReadOnly"] {
            grant(&root, "r", privilege, ("db1", "c")).await;
            assert!(sees("db1") && shows("c"), "{privilege}");
            assert!(!sees("db2") && !shows("c1"), "{privilege}");
            assert_eq!(operate_v2(&root, "r", privilege, ("db1", "c"), 1).await, success());
            assert!(!sees("db1") && !shows("c"), "{privilege}");
        }
        let seen_by_root = log_in(&server, ROOT).await;
        assert!(authorizer.collections_seen(&seen_by_root, "any").unwrap().shows("any"));
        grant(&root, "r", "Search", ("db1", "c")).await;
        assert_eq!(root.delete_user(ANN.0).await.unwrap(), success());
        assert!(!sees("db1"));
    }
}
