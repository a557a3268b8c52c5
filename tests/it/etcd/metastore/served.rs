//! The stores of the dump are served as they are, and left as they are.

use std::sync::Arc;

use milvus_rbac::admin::GrantQuery;
use milvus_rbac::config::Compat;
use milvus_rbac::deployment::{Deployment, open_store};

use super::read::{Expected, caller};
use super::{IDS, Pairs, RECORDS, ROWS, Root, dump, put};
use crate::support::etcd::Cluster;

/// What Milvus 2.3.5 did not give to `public`, and the newest does.
const LIST_ALIASES: [&str; 6] = ["public", "Global", "*", "*", "ListAliases", "root"];

/// Everything below a root path but our own keys.
fn all_but_ours(root: &Root) -> Pairs {
    let mut pairs = root.dump("");
    pairs.0.retain(|key, _| !key.starts_with(b"milvus-rbac/"));
    pairs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn each_store_of_the_dump_is_shown_and_decided_on_as_it_says() {
    let cluster = Arc::new(Cluster::start(1));
    let dump = dump();
    // Root paths that begin like one another do not meet.
    let entries = Root::new(&cluster, "by-dev/meta");
    let newer = Root::new(&cluster, "by-dev/meta2");
    let older = Root::new(&cluster, "in01/prod-07/kv");
    entries.load(&dump);
    newer.load(&dump);
    newer.load(&dump["newer"]);
    older.load(&dump["older"]);
    let list_aliases = put(format!("{IDS}250dd41b686083b0/PrivilegeListAliases"), "root");
    // 2.2.6 knew no grants in all databases, so these rows are new.
    let (global, collection) =
        ("c3363b18250dd41b686083b07d1f34c4", "068d383ee03326696e8a3b16269227e7");
    let first_start_since_databases = vec![
        put(format!("{IDS}{collection}/PrivilegeIndexDetail"), "root"),
        put(format!("{IDS}{global}/PrivilegeDescribeCollection"), "root"),
        put(format!("{IDS}{global}/PrivilegeListAliases"), "root"),
        put(format!("{ROWS}public/Collection/*.*"), collection),
        put(format!("{ROWS}public/Global/*.*"), global),
    ];
    let all = "*";
    let of_older = Expected::of_older()
        .and_grant(["public", "Collection", all, all, "IndexDetail", "root"])
        .and_grant(["public", "Global", all, all, "DescribeCollection", "root"])
        .and_grant(LIST_ALIASES);
    for (root, expected, added, decisions) in [
        (&entries, Expected::of_entries().and_grant(LIST_ALIASES), vec![list_aliases.clone()], 156),
        (&newer, Expected::of_newer().and_grant(LIST_ALIASES), vec![list_aliases], 156 + 14),
        (&older, of_older, first_start_since_databases, 5),
    ] {
        let before = all_but_ours(root);
        let server = root.server(Compat::Milvus).await;
        // A start writes what Milvus's own start writes, as far as it is missing, and nothing else.
        assert_eq!(before.changes_to(&all_but_ours(root)), added, "{}", root.path);
        let started = all_but_ours(root);
        assert_eq!(expected.check(&server).await, decisions);
        server.stop().await;
        // Nor does anything that only asks, a login, an end, or another start.
        let server = root.server(Compat::Milvus).await;
        assert_eq!(expected.check(&server).await, decisions);
        server.stop().await;
        assert_eq!(all_but_ours(root), started, "{}", root.path);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_store_that_is_only_read_stays_byte_for_byte_what_it_was() {
    let cluster = Arc::new(Cluster::start(1));
    let dump = dump();
    for (path, compat) in [("a", Compat::Milvus), ("by-dev/meta", Compat::Documented)] {
        let root = Root::new(&cluster, path);
        root.load(&dump);
        root.load(&dump["newer"]);
        let before = root.dump("");
        // Without a start there is nothing that has to be there.
        let settings = root.settings(compat);
        let deployment = Deployment::open(open_store(&settings).unwrap(), &settings).unwrap();
        let admin = deployment.admin();
        assert_eq!(admin.list_users().len(), 6);
        let query = GrantQuery {
            present: true,
            role: Some("ms_grouped".to_owned()),
            database: "*".to_owned(),
            ..GrantQuery::default()
        };
        assert_eq!(admin.select_grants(&query).unwrap().len(), 1);
        assert!(caller(&deployment, "ms_alice", "Alice-Pw_2024").await.is_some());
        deployment.close().unwrap();
        assert_eq!(root.dump(""), before, "{compat:?}");
    }
    // As the page has it, nobody has what `public` was granted, and a start needs only `admin`.
    let root = Root::new(&cluster, "by-dev/meta");
    let before = root.dump("");
    let server = root.server(Compat::Documented).await;
    let client = server.grpc(("root", "Milvus")).await;
    let roles = client.list_roles().await.unwrap();
    assert_eq!(
        roles,
        ["admin", "ms_auditor", "ms_grouped", "ms_reader", "ms_salesadmin", "ms_writer"]
    );
    for (user, password) in [("root", "Milvus"), ("ms_bob", "böb's päss ✓\"x\\y")] {
        assert!(server.grpc((user, password)).await.logs_in().await, "{user}");
    }
    server.stop().await;
    assert_eq!(root.dump(RECORDS), Pairs(before.0.clone()));
    assert_eq!(all_but_ours(&root), before);
}
