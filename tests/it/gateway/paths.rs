//! Paths that are not exactly those of the table.

use tonic::Code;

use super::client::metadata;
use super::world::World;
use crate::support::{ROOT, framed};

#[tokio::test]
async fn an_rpc_that_is_not_in_the_table_never_reaches_the_upstream() {
    let world = World::start().await;
    for path in [
        "/milvus.proto.milvus.MilvusService/InsertTwice",
        "/milvus.proto.milvus.MilvusService/",
        "/milvus.proto.proxy.Proxy/GetStatisticsChannel",
        "/milvus.proto.proxy.Proxy/InvalidateCollectionMetaCache",
        "/milvus.proto.rootcoord.RootCoord/CreateCredential",
        "/milvus.proto.internal.Anything/Insert",
        "/grpc.health.v1.Health/Checks",
        "/",
    ] {
        refused(&world, path).await;
    }
    world.nothing_else_has_come().await;
}

#[tokio::test]
async fn a_path_in_odd_spelling_never_reaches_the_upstream() {
    let world = World::start().await;
    for path in [
        "/milvus.proto.milvus.MilvusService/insert",
        "/Milvus.proto.milvus.MilvusService/Insert",
        "/milvus.proto.milvus.MilvusService/Insert/",
        "//milvus.proto.milvus.MilvusService/Insert",
        "/milvus.proto.milvus.MilvusService//Insert",
        "/milvus.proto.milvus.MilvusService/%49nsert",
        "/milvus%2eproto.milvus.MilvusService/Insert",
        "/milvus.proto.milvus.MilvusService%2fInsert",
        "/x/../milvus.proto.milvus.MilvusService/Insert",
        "/milvus.proto.milvus.MilvusService/Insert;x",
        "/milvus.proto.milvus.MilvusService/Insert?x",
        "/milvus.proto.milvus.MilvusService/Insert?",
        "/milvus.proto.milvus.MilvusService/DescribeCollection?/Insert",
    ] {
        refused(&world, path).await;
    }
    world.nothing_else_has_come().await;
}

async fn refused(world: &World, path: &str) {
    let mut call = world.client.open_at(path, metadata(ROOT)).await;
    call.send(framed(&[])).await;
    let answer = call.finish().await;
    assert_eq!(answer.code, Code::Unimplemented, "{path}: {}", answer.text);
}
