//! Grants follow what is dropped and renamed through the gateway.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use h2::Reason;
use milvus_rbac::deployment::Deployment;
use milvus_rbac::proto::common::Status as MilvusStatus;
use milvus_rbac::store::{SledOptions, SledStore, SyncFile};
use prost::Message as _;
use tokio::sync::Notify;
use tonic::Code;

use super::call::Answer;
use super::message::{COLLECTION, DATABASE, text};
use super::world::{ANN, World};
use crate::privileges::client::grants_of;
use crate::support::{ROOT, framed};

/// A gateway where [`ANN`] may insert into `mine`, search in all of `default`, and query `mine` of
/// `db2`.
async fn world() -> World {
    let world = World::start().await;
    granted(&world).await;
    world
}

async fn granted(world: &World) {
    world.grant("Insert", ("default", "mine")).await;
    world.grant("Search", ("default", "*")).await;
    world.grant("Query", ("db2", "mine")).await;
}

const ALL: [&str; 3] =
    ["Collection db2.mine Query", "Collection default.* Search", "Collection default.mine Insert"];

async fn grants(world: &World) -> Vec<String> {
    let mut grants = grants_of(&world.root, "r").await;
    grants.sort();
    grants
}

/// Waits until the grants are these.
async fn grants_become(world: &World, wanted: &[&str]) {
    let mut revisions = world.server.deployment.authorizer().revisions();
    while grants(world).await != wanted {
        crate::transport::toy::within(revisions.changed()).await.unwrap();
    }
}

fn status(code: i32, error_code: i32) -> Answer {
    Answer::message(&MilvusStatus { code, error_code, ..Default::default() }.encode_to_vec())
}

async fn inserts(world: &World, collection: &str) -> Code {
    world.client.call("Insert", ANN, &text(COLLECTION, collection)).await.code
}

fn drop_mine() -> Vec<u8> {
    text(COLLECTION, "mine")
}

#[tokio::test]
async fn the_answer_to_a_drop_comes_once_the_grants_are_gone() {
    let world = world().await;
    assert_eq!(inserts(&world, "mine").await, Code::Ok);
    let answer = world.client.call("DropCollection", ROOT, &drop_mine()).await;
    assert_eq!((answer.code, answer.body), (Code::Ok, framed(&[])));
    assert_eq!(inserts(&world, "mine").await, Code::PermissionDenied);
    // What is granted on a pattern or in another database stays.
    assert_eq!(grants(&world).await, ALL[..2]);
    // The collection that somebody makes next under that name is another one.
    world.client.call("CreateCollection", ROOT, &drop_mine()).await;
    assert_eq!(inserts(&world, "mine").await, Code::PermissionDenied);
}

#[tokio::test]
async fn the_grants_follow_a_rename_into_another_database_too() {
    let world = world().await;
    let rename = |from: &str, to: &str, database: &str| {
        [text(3, from), text(4, to), text(5, database)].concat()
    };
    let message = rename("mine", "yours", "");
    assert_eq!(world.client.call("RenameCollection", ROOT, &message).await.code, Code::Ok);
    assert_eq!(inserts(&world, "yours").await, Code::Ok);
    assert_eq!(inserts(&world, "mine").await, Code::PermissionDenied);
    let message = rename("yours", "mine", "db3");
    assert_eq!(world.client.call("RenameCollection", ROOT, &message).await.code, Code::Ok);
    assert_eq!(inserts(&world, "yours").await, Code::PermissionDenied);
    let wanted = [ALL[0], "Collection db3.mine Insert", ALL[1]];
    assert_eq!(grants(&world).await, wanted);
}

#[tokio::test]
async fn a_dropped_database_takes_its_grants_along() {
    let world = world().await;
    let answer = world.client.call("DropDatabase", ROOT, &text(DATABASE, "db2")).await;
    assert_eq!(answer.code, Code::Ok);
    assert_eq!(grants(&world).await, ALL[1..]);
}

#[tokio::test]
async fn the_last_name_is_the_one_that_is_dropped() {
    let world = world().await;
    let message = [text(COLLECTION, "mine"), text(COLLECTION, "theirs")].concat();
    assert_eq!(world.client.call("DropCollection", ROOT, &message).await.code, Code::Ok);
    assert_eq!(grants(&world).await, ALL);
    let message = [text(COLLECTION, "theirs"), text(COLLECTION, "mine")].concat();
    assert_eq!(world.client.call("DropCollection", ROOT, &message).await.code, Code::Ok);
    assert_eq!(grants(&world).await, ALL[..2]);
}

#[tokio::test]
async fn without_success_no_grant_moves() {
    let world = world().await;
    let garbage = Answer::of(vec![framed(b"\x0b").into()], &[("grpc-status", "0")]);
    let late = [("grpc-status", "13"), ("grpc-message", "late")];
    let late = Answer::of(vec![framed(&[]).into()], &late);
    let failed = Answer::failure(Code::FailedPrecondition, "no");
    // Where that is not clear, it says that all of it is still there.
    let databases = text(2, "default");
    world.upstream.answers("ListDatabases", Answer::message(&databases));
    for method in ["DropCollection", "RenameCollection", "DropDatabase"] {
        for (answer, code) in [
            (status(1, 1), Code::Ok),
            (status(100, 0), Code::Ok),
            (status(0, 4), Code::Ok),
            (failed.clone(), Code::FailedPrecondition),
            (late.clone(), Code::Internal),
            // It passes as it is; who sent it has not dropped anything, when asked.
            (garbage.clone(), Code::Ok),
        ] {
            world.upstream.answers(method, answer.clone());
            let found = world.client.call(method, ROOT, &drop_mine()).await;
            assert_eq!(found.code, code, "{method} {answer:?}: {}", found.text);
        }
        world.upstream.on(method, |mut call| async move {
            call.whole().await;
            call.reset(Reason::INTERNAL_ERROR);
        });
        let found = world.client.call(method, ROOT, &drop_mine()).await;
        assert_eq!(found.code, Code::Unavailable, "{method}: {}", found.text);
    }
    assert_eq!(grants(&world).await, ALL);
}

/// What it says of a collection: this code, or this name.
fn described(code: i32, name: &str) -> Answer {
    let status = MilvusStatus { code, ..Default::default() };
    Answer::message(&[text(1, status.encode_to_vec()), text(12, name)].concat())
}

#[tokio::test]
async fn where_its_answer_is_lost_the_upstream_is_asked_whether_it_has_acted() {
    let world = world().await;
    world.upstream.on("DropCollection", |mut call| async move {
        call.whole().await;
        call.reset(Reason::INTERNAL_ERROR);
    });
    world.upstream.answers("DescribeCollection", described(0, "mine"));
    assert_eq!(
        world.client.call("DropCollection", ROOT, &drop_mine()).await.code,
        Code::Unavailable
    );
    assert_eq!(grants(&world).await, ALL);
    world.upstream.answers("DescribeCollection", described(100, ""));
    assert_eq!(
        world.client.call("DropCollection", ROOT, &drop_mine()).await.code,
        Code::Unavailable
    );
    assert_eq!(grants(&world).await, ALL[..2]);
    // It was told once each time.
    assert_eq!(world.upstream.calls().len(), 2);
}

#[tokio::test]
async fn nothing_is_dropped_or_renamed_by_an_alias() {
    let world = world().await;
    world.upstream.answers("DescribeCollection", described(0, "theirs"));
    for message in [drop_mine(), [text(3, "mine"), text(4, "yours")].concat()] {
        for method in ["DropCollection", "RenameCollection"] {
            let answer = world.client.call(method, ROOT, &message).await;
            assert_eq!(answer.code, Code::Ok, "{}", answer.text);
            let status = MilvusStatus::decode(&answer.body[5..]).unwrap();
            let told = "`mine` is an alias of the collection `theirs`; name that";
            assert_eq!((status.code, &*status.reason), (1100, told));
        }
    }
    assert_eq!(grants(&world).await, ALL);
    world.nothing_else_has_come().await;
}

#[tokio::test]
async fn a_request_that_grants_follow_holds_names_and_not_much_else() {
    let world = world().await;
    let large = [drop_mine(), text(100, vec![7; 100 << 10])].concat();
    for method in ["DropCollection", "RenameCollection", "DropDatabase"] {
        let answer = world.client.call(method, ROOT, &large).await;
        assert_eq!(answer.code, Code::ResourceExhausted, "{method}: {}", answer.text);
    }
    assert_eq!(grants(&world).await, ALL);
    world.nothing_else_has_come().await;
}

#[tokio::test]
async fn whoever_may_not_drop_moves_no_grant() {
    let world = world().await;
    for method in ["DropCollection", "RenameCollection", "DropDatabase"] {
        let answer = world.client.call(method, ANN, &drop_mine()).await;
        assert_eq!(answer.code, Code::PermissionDenied, "{method}");
    }
    assert_eq!(grants(&world).await, ALL);
    world.nothing_else_has_come().await;
}

/// An upstream that answers a drop once it is told to.
fn waits(world: &World) -> Arc<(Notify, Notify)> {
    let both = Arc::new((Notify::new(), Notify::new()));
    let told = Arc::clone(&both);
    world.upstream.on("DropCollection", move |mut call| {
        let told = Arc::clone(&told);
        async move {
            call.whole().await;
            told.0.notify_one();
            told.1.notified().await;
            call.answer(status(0, 0)).await;
        }
    });
    both
}

#[tokio::test]
async fn the_grants_follow_although_the_caller_leaves_once_the_upstream_has_acted() {
    let world = world().await;
    let both = waits(&world);
    let mut call = world.client.open("DropCollection", ROOT, &[]).await;
    call.send(framed(&drop_mine())).await;
    call.end();
    both.0.notified().await;
    call.reset();
    // Another call on the same connection: the gateway knows of the reset.
    assert_eq!(inserts(&world, "mine").await, Code::Ok);
    both.1.notify_one();
    grants_become(&world, &ALL[..2]).await;
}

#[tokio::test]
async fn the_grants_follow_although_the_time_of_the_call_is_over() {
    let world = world().await;
    let both = waits(&world);
    let mut call = world.client.open("DropCollection", ROOT, &[("grpc-timeout", "300m")]).await;
    call.send(framed(&drop_mine())).await;
    assert_eq!(call.finish().await.code, Code::DeadlineExceeded);
    both.0.notified().await;
    assert_eq!(grants(&world).await, ALL);
    both.1.notify_one();
    grants_become(&world, &ALL[..2]).await;
}

/// Syncs until it is told that the disk has failed.
#[derive(Debug, Default)]
struct Disk {
    fails: AtomicBool,
}

impl SyncFile for Disk {
    fn sync_data(&self, file: &File, _: &Path) -> io::Result<()> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(5));
        }
        file.sync_data()
    }
}

#[tokio::test]
async fn a_store_that_takes_no_changes_is_told_to_whoever_drops() {
    let home = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::default());
    let path = home.path().join("data");
    let store = SledStore::open_with_sync(&path, SledOptions::default(), disk.clone()).unwrap();
    let world = World::on(|settings| Deployment::open(Box::new(store), settings).unwrap()).await;
    granted(&world).await;
    disk.fails.store(true, Ordering::Relaxed);
    let answer = world.client.call("DropCollection", ROOT, &drop_mine()).await;
    assert_eq!(answer.code, Code::Unavailable, "{}", answer.text);
    let text = "the server behind this gateway has done what was asked for, but the grants on it \
                could not be brought in line";
    assert!(answer.text.starts_with(text), "{}", answer.text);
    assert!(answer.text.ends_with("revoke them by hand"), "{}", answer.text);
    assert_eq!(world.upstream.calls().len(), 1, "it was asked once");
}
