//! The server is killed at random moments under concurrent writes. Whatever was acknowledged is
//! there after the restart, and what was in flight is there whole or not at all.
//!
//! Each writer has names of its own and one call at a time, so two states are possible for it:
//! with its last call, or without. `KILL_CYCLES` and `KILL_SEED` in the environment run it longer,
//! or again.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use milvus_rbac::model::Record;
use milvus_rbac::proto::common::Status as MilvusStatus;
use milvus_rbac::proto::milvus as pb;
use milvus_rbac::store::{SledOptions, SledStore, Store as _};
use proptest::prelude::Rng as _;
use proptest::test_runner::TestRng;
use tonic::{Response, Status};

use crate::support::{Grpc, Process, ROOT, dice_of, number_of};

const WRITERS: usize = 4;
/// Users and roles that one writer plays with: few, so that it often drops what it made.
const NAMES: u32 = 3;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct User {
    password: String,
    description: String,
    roles: BTreeSet<String>,
}

/// What one writer believes: its users, and its roles with their descriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    users: BTreeMap<String, User>,
    roles: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
enum Step {
    CreateUser(String, String),
    UpdateUser(String, String, String),
    DropUser(String),
    CreateRole(String),
    AlterRole(String, String),
    DropRole(String),
    Bind(String, String),
    Unbind(String, String),
}

impl Model {
    fn after(&self, step: &Step) -> Self {
        let mut next = self.clone();
        match step.clone() {
            Step::CreateUser(user, password) => {
                next.users.insert(user, User { password, ..User::default() });
            }
            Step::UpdateUser(user, password, description) => {
                let user = next.users.get_mut(&user).unwrap();
                user.password = password;
                user.description = description;
            }
            Step::DropUser(user) => drop(next.users.remove(&user)),
            Step::CreateRole(role) => drop(next.roles.insert(role, String::new())),
            Step::AlterRole(role, description) => drop(next.roles.insert(role, description)),
            Step::DropRole(role) => {
                next.roles.remove(&role);
                for user in next.users.values_mut() {
                    user.roles.remove(&role);
                }
            }
            Step::Bind(user, role) => drop(next.users.get_mut(&user).unwrap().roles.insert(role)),
            Step::Unbind(user, role) => {
                next.users.get_mut(&user).unwrap().roles.remove(&role);
            }
        }
        next
    }

    /// A step that succeeds in this state.
    fn choose(&self, writer: usize, random: &mut TestRng) -> Step {
        let user = format!("u{writer}_{}", random.next_u32() % NAMES);
        let role = format!("r{writer}_{}", random.next_u32() % NAMES);
        let fresh = random.next_u32();
        let dice = random.next_u32() % 10;
        let Some(known) = self.users.get(&user) else {
            return Step::CreateUser(user, format!("Passw0rd!{fresh}"));
        };
        if !self.roles.contains_key(&role) {
            return Step::CreateRole(role);
        }
        match dice {
            0 => Step::DropUser(user),
            1 => Step::DropRole(role),
            2 | 3 => Step::UpdateUser(user, format!("Passw0rd!{fresh}"), format!("d{fresh}")),
            4 => Step::AlterRole(role, format!("d{fresh}")),
            _ if known.roles.contains(&role) => Step::Unbind(user, role),
            _ => Step::Bind(user, role),
        }
    }

    /// The part of what is there that belongs to this writer, with the passwords it believes in.
    fn seen(&self, writer: usize, users: &[pb::UserResult], roles: &[pb::RoleResult]) -> Self {
        let (mine_user, mine_role) = (format!("u{writer}_"), format!("r{writer}_"));
        let mut seen = Self::default();
        for found in users {
            let name = found.user.clone().unwrap().name;
            let password = self.users.get(&name).map(|user| user.password.clone());
            let roles = found.roles.iter().map(|role| role.name.clone()).collect();
            let description = found.description.clone();
            let user = User { password: password.unwrap_or_default(), description, roles };
            if name.starts_with(&mine_user) {
                seen.users.insert(name, user);
            }
        }
        let found = roles.iter().map(|result| result.role.clone().unwrap());
        let mine = found.filter(|role| role.name.starts_with(&mine_role));
        seen.roles = mine.map(|role| (role.name, role.description)).collect();
        seen
    }
}

async fn send(root: &Grpc, model: &Model, step: &Step) -> Result<MilvusStatus, Status> {
    match step {
        Step::CreateUser(user, password) => root.create_user(user, password).await,
        Step::UpdateUser(user, password, description) => {
            let request = pb::UpdateCredentialRequest {
                username: user.clone(),
                old_password: crate::support::encoded(&model.users[user].password),
                new_password: crate::support::encoded(password),
                description: Some(description.clone()),
                ..Default::default()
            };
            root.rpc().update_credential(request).await.map(Response::into_inner)
        }
        Step::DropUser(user) => root.delete_user(user).await,
        Step::CreateRole(role) => root.create_role(role).await,
        Step::AlterRole(role, description) => {
            let (role_name, description) = (role.clone(), description.clone());
            let request = pb::AlterRoleRequest { base: None, role_name, description };
            root.rpc().alter_role(request).await.map(Response::into_inner)
        }
        Step::DropRole(role) => root.drop_role(role).await,
        Step::Bind(user, role) => root.operate_user_role(user, role, 0).await,
        Step::Unbind(user, role) => root.operate_user_role(user, role, 1).await,
    }
}

/// Counters of a run, so that it shows that something was tested.
#[derive(Default)]
struct Counts {
    acknowledged: AtomicUsize,
    in_flight_kept: AtomicUsize,
    in_flight_lost: AtomicUsize,
}

/// Writes until the server is gone. Returns what was acknowledged, and the call in flight.
async fn write(
    root: Grpc,
    writer: usize,
    mut model: Model,
    mut random: TestRng,
    killed: Arc<AtomicBool>,
    counts: Arc<Counts>,
) -> (Model, Step) {
    loop {
        let step = model.choose(writer, &mut random);
        match send(&root, &model, &step).await {
            Ok(status) => assert_eq!(status, MilvusStatus::default(), "{step:?} on {model:?}"),
            Err(status) => {
                assert!(killed.load(Ordering::SeqCst), "{step:?} failed: {status}");
                return (model, step);
            }
        }
        counts.acknowledged.fetch_add(1, Ordering::Relaxed);
        model = model.after(&step);
    }
}

/// Every record that refers to another has it: nothing of a change that concerns several is left.
fn nothing_is_half_done(data: &Path) {
    let mut store = SledStore::open(data, SledOptions::default()).unwrap();
    let loaded = store.load().unwrap();
    assert_eq!(loaded.ignored, [""; 0]);
    let keys = |record: &Record| match record {
        Record::User(user, _) => Some(format!("user {user}")),
        Record::Role(role, _) => Some(format!("role {role}")),
        _ => None,
    };
    let known: BTreeSet<_> = loaded.records.iter().filter_map(keys).collect();
    for record in &loaded.records {
        if let Record::Binding(user, role) = record {
            assert!(known.contains(&format!("user {user}")), "{record:?}");
            assert!(known.contains(&format!("role {role}")), "{record:?}");
        }
    }
    store.close().unwrap();
}

/// Which of the two possible states is there; panics if it is neither.
async fn found(root: &Grpc, writer: usize, without: Model, step: &Step, counts: &Counts) -> Model {
    let request = pb::SelectUserRequest { include_role_info: true, ..Default::default() };
    let users = root.rpc().select_user(request).await.unwrap().into_inner().results;
    let request = pb::SelectRoleRequest::default();
    let roles = root.rpc().select_role(request).await.unwrap().into_inner().results;
    let with = without.after(step);
    for (model, count) in [(&with, &counts.in_flight_kept), (&without, &counts.in_flight_lost)] {
        if model.seen(writer, &users, &roles) != *model {
            continue;
        }
        for (name, user) in &model.users {
            let login = crate::support::basic(name, &user.password);
            assert!(root.with_authorization(&login).logs_in().await, "{name} after {step:?}");
        }
        count.fetch_add(1, Ordering::Relaxed);
        return model.clone();
    }
    panic!("after {step:?}: {users:?} {roles:?}, neither {with:?} nor {without:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_acknowledged_survives_a_kill_and_nothing_is_half_done() {
    let cycles = number_of("KILL_CYCLES").unwrap_or(50);
    let drawn = || std::hash::RandomState::new().build_hasher().finish();
    let seed = number_of("KILL_SEED").unwrap_or_else(drawn);
    println!("KILL_SEED={seed} KILL_CYCLES={cycles}");
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let counts = Arc::new(Counts::default());
    let mut models = vec![Model::default(); WRITERS];
    let mut process = Process::start(&data);
    for cycle in 0..cycles {
        let killed = Arc::new(AtomicBool::new(false));
        let mut writers = Vec::new();
        for (writer, model) in models.drain(..).enumerate() {
            let root = Grpc::connect(process.address, ROOT).await;
            let random = dice_of([seed, cycle, writer as u64, 0]);
            let task = write(root, writer, model, random, killed.clone(), counts.clone());
            writers.push(tokio::spawn(task));
        }
        let pause = 5 + dice_of([seed, cycle, WRITERS as u64, 0]).next_u64() % 150;
        // The moment of the kill is what is random here; nothing is waited for.
        tokio::time::sleep(Duration::from_millis(pause)).await;
        killed.store(true, Ordering::SeqCst);
        process.kill();
        let mut ends = Vec::new();
        for writer in writers {
            ends.push(writer.await.unwrap());
        }
        nothing_is_half_done(&data);
        process = Process::start(&data);
        let root = Grpc::connect(process.address, ROOT).await;
        for (writer, (model, step)) in ends.into_iter().enumerate() {
            models.push(found(&root, writer, model, &step, &counts).await);
        }
    }
    let acknowledged = counts.acknowledged.load(Ordering::Relaxed);
    let kept = counts.in_flight_kept.load(Ordering::Relaxed);
    let lost = counts.in_flight_lost.load(Ordering::Relaxed);
    println!("acknowledged={acknowledged} in flight: kept={kept} lost={lost}");
    assert!(acknowledged as u64 > cycles, "too little was written to be lost");
}
