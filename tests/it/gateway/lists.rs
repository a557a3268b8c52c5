//! Lists of the upstream show their receiver what they may see, and nothing else.

use milvus_rbac::proto::common::Status as MilvusStatus;
use milvus_rbac::proto::milvus as pb;
use prost::Message;
use tonic::Code;

use super::call::Answer;
use super::message::{DATABASE, text};
use super::world::{ANN, NOBODY, World};
use crate::privileges::client::{create_group, operate_group};
use crate::support::{ROOT, framed, success};

/// Four collections, of which each column tells the number.
fn collections() -> pb::ShowCollectionsResponse {
    pb::ShowCollectionsResponse {
        status: Some(MilvusStatus::default()),
        collection_names: ["books", "mine", "papers", "theirs"].map(ToOwned::to_owned).to_vec(),
        collection_ids: vec![10, 11, 12, 13],
        created_timestamps: vec![20, 21, 22, 23],
        created_utc_timestamps: vec![30, 31, 32, 33],
        in_memory_percentages: vec![40, 41, 42, 43],
        query_service_available: vec![false, true, false, true],
        shards_num: vec![50, 51, 52, 53],
    }
}

fn databases() -> pb::ListDatabasesResponse {
    pb::ListDatabasesResponse {
        status: Some(MilvusStatus::default()),
        db_names: ["default", "db1", "db2"].map(ToOwned::to_owned).to_vec(),
        created_timestamp: vec![1, 2, 3],
        db_ids: vec![10, 20, 30],
    }
}

async fn world() -> World {
    // In this mode nobody sees a database without a grant in it.
    let world = World::with(|settings| settings.roles.always_list_default_database = false).await;
    world.upstream.answers("ShowCollections", Answer::message(&collections().encode_to_vec()));
    world.upstream.answers("ListDatabases", Answer::message(&databases().encode_to_vec()));
    world
}

async fn ask<M: Message + Default>(
    world: &World,
    method: &str,
    login: (&str, &str),
    message: &[u8],
) -> M {
    let answer = world.client.call(method, login, message).await;
    assert_eq!((answer.code, &*answer.text), (Code::Ok, ""));
    assert_eq!(answer.body, framed(&answer.body[5..]));
    M::decode(&answer.body[5..]).unwrap()
}

async fn shown(world: &World, login: (&str, &str), database: &str) -> pb::ShowCollectionsResponse {
    ask(world, "ShowCollections", login, &text(DATABASE, database)).await
}

/// The names of the collections that are shown.
async fn names(world: &World, login: (&str, &str), database: &str) -> Vec<String> {
    shown(world, login, database).await.collection_names
}

async fn listed(world: &World, login: (&str, &str)) -> Vec<String> {
    ask::<pb::ListDatabasesResponse>(world, "ListDatabases", login, &[]).await.db_names
}

#[tokio::test]
async fn whoever_has_no_roles_sees_nothing_and_root_sees_all_of_it() {
    let world = world().await;
    let empty =
        pb::ShowCollectionsResponse { status: Some(MilvusStatus::default()), ..Default::default() };
    assert_eq!(shown(&world, NOBODY, "").await, empty);
    assert_eq!(shown(&world, ROOT, "").await, collections());
    assert!(listed(&world, NOBODY).await.is_empty());
    assert_eq!(
        ask::<pb::ListDatabasesResponse>(&world, "ListDatabases", ROOT, &[]).await,
        databases()
    );
}

#[tokio::test]
async fn of_every_column_the_same_lines_are_left() {
    let world = world().await;
    world.grant("Insert", ("default", "mine")).await;
    world.grant("Search", ("default", "theirs")).await;
    let answer = shown(&world, ANN, "").await;
    assert_eq!(answer.collection_names, ["mine", "theirs"]);
    assert_eq!(answer.collection_ids, [11, 13]);
    assert_eq!(answer.created_timestamps, [21, 23]);
    assert_eq!(answer.created_utc_timestamps, [31, 33]);
    assert_eq!(answer.in_memory_percentages, [41, 43]);
    assert_eq!(answer.query_service_available, [true, true]);
    assert_eq!(answer.shards_num, [51, 53]);
    // In another database the same names are other collections.
    assert!(names(&world, ANN, "db1").await.is_empty());
    let databases: pb::ListDatabasesResponse = ask(&world, "ListDatabases", ANN, &[]).await;
    assert_eq!(databases.db_names, ["default"]);
    assert_eq!((databases.created_timestamp, databases.db_ids), (vec![1], vec![10]));
}

#[tokio::test]
async fn the_database_of_the_connection_counts_where_the_request_names_none() {
    let world = world().await;
    world.grant("Insert", ("db1", "mine")).await;
    let mut call = world.client.open("ShowCollections", ANN, &[("dbname", "db1")]).await;
    call.send(framed(&[])).await;
    let body = call.finish().await.body;
    let answer = pb::ShowCollectionsResponse::decode(&body[5..]).unwrap();
    assert_eq!(answer.collection_names, ["mine"]);
    assert!(names(&world, ANN, "").await.is_empty());
    assert_eq!(listed(&world, ANN).await, ["db1"]);
}

#[tokio::test]
async fn wildcards_and_custom_groups_show_until_they_are_revoked() {
    let world = world().await;
    assert_eq!(create_group(&world.root, "readers").await, success());
    assert_eq!(operate_group(&world.root, "readers", &["Query", "Search"], 0).await, success());
    world.grant("readers", ("default", "papers")).await;
    assert_eq!(names(&world, ANN, "").await, ["papers"]);
    world.grant("Load", ("default", "*")).await;
    assert_eq!(names(&world, ANN, "").await.len(), 4);
    world.revoke("Load", ("default", "*")).await;
    assert_eq!(names(&world, ANN, "").await, ["papers"]);
    world.revoke("readers", ("default", "papers")).await;
    assert!(names(&world, ANN, "").await.is_empty());
    assert!(listed(&world, ANN).await.is_empty());
    world.grant("DatabaseReadOnly", ("db2", "*")).await;
    assert_eq!(listed(&world, ANN).await, ["db2"]);
}

#[tokio::test]
async fn what_is_seen_is_looked_up_once_the_answer_has_come() {
    let world = world().await;
    world.grant("Insert", ("default", "mine")).await;
    let (seen, answering) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let both = std::sync::Arc::new((seen, answering));
    let told = std::sync::Arc::clone(&both);
    world.upstream.on("ShowCollections", move |mut call| {
        let told = std::sync::Arc::clone(&told);
        async move {
            call.whole().await;
            told.0.notify_one();
            told.1.notified().await;
            call.answer(Answer::message(&collections().encode_to_vec())).await;
        }
    });
    let mut call = world.client.open("ShowCollections", ANN, &[]).await;
    call.send(framed(&[])).await;
    call.end();
    both.0.notified().await;
    world.revoke("Insert", ("default", "mine")).await;
    both.1.notify_one();
    let body = call.answer().await.body;
    let answer = pb::ShowCollectionsResponse::decode(&body[5..]).unwrap();
    assert!(answer.collection_names.is_empty(), "{answer:?}");
}

#[tokio::test]
async fn columns_of_different_lengths_are_withheld() {
    let world = world().await;
    world.grant("Insert", ("default", "mine")).await;
    let spoil: [fn(&mut pb::ShowCollectionsResponse); 3] = [
        |answer| answer.collection_ids.truncate(3),
        |answer| answer.shards_num.push(1),
        |answer| answer.collection_names.clear(),
    ];
    for spoil in spoil {
        let mut uneven = collections();
        spoil(&mut uneven);
        world.upstream.answers("ShowCollections", Answer::message(&uneven.encode_to_vec()));
        let answer = world.client.call("ShowCollections", ANN, &[]).await;
        assert_eq!(answer.code, Code::Unavailable);
        assert!(answer.body.is_empty() && !answer.text.contains("theirs"), "{answer:?}");
    }
    // An empty column is one that an older server does not fill.
    let mut older = collections();
    older.shards_num.clear();
    world.upstream.answers("ShowCollections", Answer::message(&older.encode_to_vec()));
    assert_eq!(names(&world, ANN, "").await, ["mine"]);
}

#[tokio::test]
async fn a_failure_in_the_message_passes_and_shows_no_names() {
    let world = world().await;
    let mut failed = collections();
    failed.status =
        Some(MilvusStatus { code: 800, reason: "no such".into(), ..Default::default() });
    world.upstream.answers("ShowCollections", Answer::message(&failed.encode_to_vec()));
    let answer = shown(&world, NOBODY, "").await;
    assert_eq!(answer.status, failed.status);
    assert!(answer.collection_names.is_empty() && answer.collection_ids.is_empty());
}

#[tokio::test]
async fn an_answer_that_is_not_one_plain_message_is_withheld() {
    let world = world().await;
    let whole = framed(&collections().encode_to_vec());
    let mut compressed = whole.clone();
    compressed[0] = 1;
    let two = [&whole[..], &whole].concat();
    let half = whole[..whole.len() - 3].to_vec();
    for body in [compressed, two, half, Vec::new(), framed(b"\x12\xff"), framed(b"\x0b")] {
        let answer = Answer::of(vec![body.clone().into()], &[("grpc-status", "0")]);
        world.upstream.answers("ShowCollections", answer);
        let answer = world.client.call("ShowCollections", ANN, &[]).await;
        assert_eq!(answer.code, Code::Unavailable, "{body:x?}");
        assert!(answer.body.is_empty());
    }
}
