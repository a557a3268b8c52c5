//! Random messages, split at random: what is allowed is what a decoder would read, and what the
//! upstream gets is what was sent.

use milvus_rbac::credential::{Caller, Peer};
use milvus_rbac::policy::{Decision, find};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use prost::Message as _;
use tonic::Code;

use super::client::Answered;
use super::message::{COLLECTION, DATABASE, number, text};
use super::world::{ANN, World};
use crate::support::{basic, framed, milvus_path};

/// What is decided on of the message of that name, as any decoder reads it.
#[derive(Clone, PartialEq, prost::Message)]
struct InsertRequest {
    #[prost(string, tag = "2")]
    db_name: String,
    #[prost(string, tag = "3")]
    collection_name: String,
}

/// One field of a message.
fn field() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => prop_oneof!["mine", "theirs", "ours", ""].prop_map(|name| text(COLLECTION, name)),
        2 => prop_oneof!["default", "db2", ""].prop_map(|name| text(DATABASE, name)),
        2 => vec(any::<u8>(), 0..40).prop_map(|bytes| text(100, bytes)),
        1 => (0..30_000_usize).prop_map(|size| text(100, vec![9; size])),
        1 => any::<u64>().prop_map(|value| number(101, value)),
        1 => any::<u32>().prop_map(|value| number(7, value.into())),
    ]
}

/// Whether the last values, as a decoder reads them, are allowed.
fn is_allowed(world: &World, caller: &Caller, message: &[u8]) -> bool {
    let request = InsertRequest::decode(message).unwrap();
    let named = Some(&*request.db_name).filter(|name| !name.is_empty());
    let insert = find(&milvus_path("Insert")).unwrap();
    let decision = world.server.deployment.authorizer().check(
        caller,
        insert,
        named.unwrap_or("default"),
        &[&request.collection_name],
    );
    matches!(decision, Decision::Allow(_))
}

/// Cuts into frames. The places are parts of the whole.
async fn send(world: &World, body: &[u8], cuts: &[f64]) -> Answered {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "any place will do"
    )]
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| (cut * body.len() as f64) as usize).collect();
    cuts.sort_unstable();
    cuts.push(body.len());
    let mut call = world.client.open("Insert", ANN, &[]).await;
    let mut from = 0;
    for cut in cuts {
        call.send(body[from..cut].to_vec()).await;
        from = cut;
    }
    call.finish().await
}

#[test]
fn what_is_allowed_is_what_a_decoder_reads_and_it_arrives_as_it_was_sent() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (world, caller) = runtime.block_on(async {
        let world = World::start().await;
        world.grant("Insert", ("default", "mine")).await;
        world.grant("Insert", ("db2", "ours")).await;
        let login = basic(ANN.0, ANN.1);
        let authorizer = world.server.deployment.authorizer();
        let caller = authorizer.authenticate(Some(login.as_bytes()), Peer::LOCAL).await.unwrap();
        (world, caller)
    });
    let cases = (vec(field(), 0..8), vec(0.0..1.0, 0..6));
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&cases, |(fields, cuts)| {
        runtime.block_on(check(&world, &caller, &fields.concat(), &cuts))
    });
    outcome.unwrap();
}

async fn check(
    world: &World,
    caller: &Caller,
    message: &[u8],
    cuts: &[f64],
) -> Result<(), TestCaseError> {
    let allowed = is_allowed(world, caller, message);
    let body = framed(message);
    let answer = send(world, &body, cuts).await;
    let calls = world.upstream.settled().await;
    world.upstream.clear();
    if answer.code == Code::InvalidArgument {
        // Its database came behind other fields, and had not been foreseen.
        prop_assert!(allowed && answer.text.contains("name it in front of them"));
        prop_assert!(calls.iter().all(|call| call.acts == 0));
        return Ok(());
    }
    prop_assert_eq!(answer.code == Code::Ok, allowed, "{:?}: {}", answer.code, answer.text);
    if allowed {
        prop_assert_eq!(calls.len(), 1);
        prop_assert!(calls[0].is(&body));
        prop_assert_eq!(calls[0].acts, 1);
        let database = InsertRequest::decode(message).unwrap().db_name;
        let database = if database.is_empty() { "default" } else { &database };
        prop_assert_eq!(calls[0].values("dbname"), [database]);
    } else {
        prop_assert_eq!(answer.code, Code::PermissionDenied);
        prop_assert!(calls.iter().all(|call| call.acts == 0));
    }
    Ok(())
}
