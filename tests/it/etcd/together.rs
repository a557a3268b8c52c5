//! Two replicas change the same few things at once. What their clients were told is one story
//! (`history.rs`), and every replica ends it with the same state.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use milvus_rbac::model::RoleName;
use milvus_rbac::proto::common::Status as MilvusStatus;
use milvus_rbac::proto::milvus as pb;
use proptest::prelude::Rng as _;
use tonic::{Response, Status};

use super::client::*;
use super::history::{COLLECTIONS, Call, GROUPS, Model, Outcome, PRIVILEGES, ROLES, Step, explain};
use crate::support::etcd::Cluster;
use crate::support::{Grpc, ROOT, TestServer, dice_of, number_of};

async fn send(root: &Grpc, step: Step) -> Result<MilvusStatus, Status> {
    match step {
        Step::CreateUser(user) => root.create_user(user, GOOD).await,
        Step::DropUser(user) => root.delete_user(user).await,
        Step::CreateRole(role) => root.create_role(role).await,
        Step::DropRole(role) => root.drop_role(role).await,
        Step::Bind(user, role) => root.operate_user_role(user, role, 0).await,
        Step::Unbind(user, role) => root.operate_user_role(user, role, 1).await,
        Step::Grant(role, what, collection) => {
            grant(root, role, what, ("default", collection), 0).await
        }
        Step::Revoke(role, what, collection) => {
            grant(root, role, what, ("default", collection), 1).await
        }
        Step::CreateGroup(group) => {
            let group_name = group.to_owned();
            let request = pb::CreatePrivilegeGroupRequest { base: None, group_name };
            root.rpc().create_privilege_group(request).await.map(Response::into_inner)
        }
        Step::DropGroup(group) => {
            let group_name = group.to_owned();
            let request = pb::DropPrivilegeGroupRequest { base: None, group_name };
            root.rpc().drop_privilege_group(request).await.map(Response::into_inner)
        }
        Step::Add(group, member) => change_group(root, group, member, 0).await,
        Step::Remove(group, member) => change_group(root, group, member, 1).await,
    }
}

async fn change_group(
    root: &Grpc,
    group: &str,
    member: &str,
    r#type: i32,
) -> Result<MilvusStatus, Status> {
    let request = pb::OperatePrivilegeGroupRequest {
        base: None,
        group_name: group.to_owned(),
        privileges: vec![pb::PrivilegeEntity { name: member.to_owned() }],
        r#type,
    };
    root.rpc().operate_privilege_group(request).await.map(Response::into_inner)
}

/// What is there, as the model sees it.
pub(super) fn found(server: &TestServer) -> Model {
    let mut model = model_of(server);
    let state = server.deployment.admin().snapshots().get();
    for role in ROLES {
        for (row, privilege) in state.grants().of_role(&RoleName::new(role).unwrap()) {
            let what = privilege.trim_start_matches("PrivilegeGroup");
            let what = what.trim_start_matches("Privilege").to_owned();
            let collection = row.object.trim_start_matches("default.").to_owned();
            model.grants.insert((role.to_owned(), what, collection));
        }
    }
    model
}

/// One client: random steps, one at a time, until there are enough.
pub(super) async fn play(
    root: Grpc,
    seed: u64,
    who: usize,
    steps: u64,
    moment: Arc<AtomicU64>,
) -> Vec<Call> {
    let mut random = dice_of([seed, who as u64, 0, 0]);
    let mut calls = Vec::new();
    for _ in 0..steps {
        let step = Step::random(&mut random);
        let begun = moment.fetch_add(1, Ordering::SeqCst);
        let answer = send(&root, step).await;
        let ended = moment.fetch_add(1, Ordering::SeqCst);
        let outcome = outcome_of(&answer);
        calls.push(Call { step, begun, ended, outcome });
        if outcome == Outcome::Nothing {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    calls
}

/// Two clients at each server.
pub(super) async fn play_on(servers: &[&TestServer], seed: u64, steps: u64) -> Vec<Vec<Call>> {
    let moment = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for who in 0..2 * servers.len() {
        let root = servers[who % servers.len()].grpc(ROOT).await;
        tasks.push(tokio::spawn(play(root, seed, who, steps, moment.clone())));
    }
    let mut clients = Vec::new();
    for task in tasks {
        clients.push(task.await.unwrap());
    }
    clients
}

/// How often each end came.
pub(super) fn outcomes(clients: &[Vec<Call>]) -> [usize; 4] {
    [Outcome::Done, Outcome::Refused, Outcome::Nothing, Outcome::Unknown]
        .map(|outcome| clients.iter().flatten().filter(|call| call.outcome == outcome).count())
}

/// That nothing refers to what is not there.
pub(super) fn nothing_is_half_done(model: &Model) {
    for (user, role) in &model.bindings {
        assert!(model.users.contains(user) && model.roles.contains(role), "{user} {role}");
    }
    for (role, what, _) in &model.grants {
        let is_known = PRIVILEGES.contains(&&**what) || model.groups.contains_key(what);
        assert!(model.roles.contains(role) && is_known, "{role} {what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_alone_answers_as_the_model_does() {
    let server = TestServer::start().await;
    let clients = play_on(&[&server], seed(), 150).await;
    let last = found(&server);
    explain(&clients, &Model::default(), &last).unwrap();
    let mut replayed = Model::default();
    let root = server.grpc(ROOT).await;
    assert_eq!((GROUPS.len(), COLLECTIONS.len()), (2, 2));
    for step in explain(&clients, &Model::default(), &last).unwrap() {
        replayed.make(step);
    }
    assert_eq!(replayed, last);
    // Also one after the other, where there is nothing to choose.
    let calls = play(root, seed(), 9, 300, Arc::default()).await;
    explain(&[calls], &last, &found(&server)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn what_two_replicas_did_at_once_is_one_story_and_all_end_it_alike() {
    let cluster = Cluster::start(1);
    let (one, two) = (server(&cluster).await, server(&cluster).await);
    let steps = number_of("FLEET_OPERATIONS").unwrap_or(1000) / 4;
    let begun = Instant::now();
    let clients = play_on(&[&one, &two], seed(), steps).await;
    println!("{} operations in {:?}", 4 * steps, begun.elapsed());
    let last = agree(&[&one, &two]).await;
    let [done, refused, nothing, unknown] = outcomes(&clients);
    println!("done {done}, refused {refused}");
    assert_eq!((nothing, unknown), (0, 0), "nothing failed");
    assert!(done > 100 && refused > 50, "{done} {refused}");
    let state = found(&one);
    explain(&clients, &Model::default(), &state).unwrap();
    nothing_is_half_done(&state);
    let three = server(&cluster).await;
    assert_eq!(records(&three), last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn of_a_grant_and_a_revoke_at_once_both_replicas_believe_the_same() {
    let cluster = Cluster::start(1);
    let servers = [server(&cluster).await, server(&cluster).await];
    let roots = [servers[0].grpc(ROOT).await, servers[1].grpc(ROOT).await];
    succeeded(roots[0].create_role("reader").await);
    let mut random = dice_of([seed(), 0, 0, 0]);
    let holds = |server: &TestServer| !found(server).grants.is_empty();
    let mut won = [0, 0];
    let mut times = Vec::new();
    for _ in 0..200 {
        let change = |root: &Grpc, r#type| {
            let root = root.clone();
            async move { grant(&root, "reader", "Search", ("default", "c1"), r#type).await }
        };
        let (granted, revoked) = tokio::join!(change(&roots[0], 0), change(&roots[1], 1));
        succeeded(granted);
        succeeded(revoked);
        agree(&[&servers[0], &servers[1]]).await;
        won[usize::from(holds(&servers[0]))] += 1;
        let (who, r#type) =
            (random.next_u32() as usize % 2, i32::from(random.next_u32().is_multiple_of(2)));
        succeeded(change(&roots[who], r#type).await);
        assert_eq!(holds(&servers[who]), r#type == 0, "told before it was so");
        let seen = || std::future::ready(holds(&servers[1 - who]) == (r#type == 0));
        times.push(until("the other one sees it", seen).await);
    }
    println!("the last word of two at once: revoked {}, granted {}", won[0], won[1]);
    assert!(print("seen by the other replica", times) < MOST + Duration::from_millis(100));
}
