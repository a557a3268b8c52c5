//! Data directories of every released version, as that version left them: each opens, with what it
//! held. They stand in `tests/data/stores`, and beside each what is in it.
//!
//! The directory of a new version is made once, when it is released:
//! `cargo test --test it -- --ignored the_store_of_this_version`.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use milvus_rbac::config::{Compat, StoreSetting};
use milvus_rbac::store::{SledOptions, SledStore, Store as _};
use serde_json::json;

use crate::support::{ROOT, TestServer, settings};

const ANN: (&str, &str) = ("ann", "P@ssw0rd");

fn stores() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stores")
}

/// Everything in a store, a pair a line, and its revision first.
fn listing(data: &Path) -> String {
    let mut store = SledStore::open(data, SledOptions::default()).unwrap();
    let mut lines = Vec::new();
    let scanned = store.scan(&mut |key, value| {
        let (key, value) = (String::from_utf8_lossy(key), value.escape_ascii());
        lines.push(format!("{key} = {value}"));
    });
    let mut listing = format!("revision {}\n", scanned.unwrap().revision);
    lines.sort();
    for line in lines {
        writeln!(listing, "{line}").unwrap();
    }
    store.close().unwrap();
    listing
}

/// git keeps no modes and no empty directories.
fn restored(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let file = to.join(entry.file_name());
        fs::copy(entry.path(), &file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[tokio::test]
async fn the_store_of_each_released_version_opens_with_all_it_held() {
    let home = tempfile::tempdir().unwrap();
    let mut versions = 0;
    for entry in fs::read_dir(stores()).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            continue;
        }
        versions += 1;
        let data = home.path().join(path.file_name().unwrap());
        restored(&path, &data);
        assert_eq!(listing(&data), fs::read_to_string(path.with_extension("txt")).unwrap());

        let mut settings = settings(Compat::Documented);
        settings.store = StoreSetting::Sled(data);
        let server = TestServer::with(settings).await;
        let root = server.grpc(ROOT).await;
        assert_eq!(root.list_users().await.unwrap(), ["ann", "root"]);
        assert_eq!(root.list_roles().await.unwrap(), ["admin", "reader"]);
        assert!(server.grpc(ANN).await.logs_in().await);
        let body = json!({"roleName": "reader"});
        let answer = server.rest(ROOT).post("roles/describe", &body).await.json();
        // `Load` brings two more.
        assert_eq!(answer["data"].as_array().unwrap().len(), 4, "{answer}");
        assert_eq!(root.create_role("new").await.unwrap().code, 0);
        server.stop().await;
    }
    assert!(versions > 0);
}

#[tokio::test]
#[ignore = "makes the store of a version that is being released"]
async fn the_store_of_this_version() {
    let name = format!("v{}", env!("CARGO_PKG_VERSION").replace('.', "-"));
    let target = stores().join(name);
    assert!(!target.exists(), "it is there already: {}", target.display());
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let mut settings = settings(Compat::Documented);
    settings.store = StoreSetting::Sled(data.clone());
    // So that a login of a test finds nothing to be made anew.
    settings.passwords.bcrypt_cost = 4;
    let server = TestServer::with(settings).await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user(ANN.0, ANN.1).await.unwrap().code, 0);
    assert_eq!(root.create_role("reader").await.unwrap().code, 0);
    assert_eq!(root.operate_user_role(ANN.0, "reader", 0).await.unwrap().code, 0);
    let rest = server.rest(ROOT);
    for (path, body) in [
        ("privilege_groups/create", json!({"privilegeGroupName": "books"})),
        (
            "privilege_groups/add_privileges_to_group",
            json!({"privilegeGroupName": "books", "privileges": ["Search", "Query"]}),
        ),
        (
            "roles/grant_privilege_v2",
            json!({"roleName": "reader", "privilege": "books", "dbName": "default",
                   "collectionName": "shelf"}),
        ),
        (
            "roles/grant_privilege_v2",
            json!({"roleName": "reader", "privilege": "Load", "dbName": "*",
                   "collectionName": "*"}),
        ),
    ] {
        assert_eq!(rest.post(path, &body).await.code(), 0, "{path}");
    }
    server.stop().await;
    fs::create_dir_all(&target).unwrap();
    for entry in fs::read_dir(&data).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
        }
    }
    fs::write(target.with_extension("txt"), listing(&data)).unwrap();
}
