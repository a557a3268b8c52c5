//! Changes that are too large for one transaction, whose writer is killed in the middle: another
//! replica shows all of such a change or nothing of it, at every moment.
//!
//! `KILL_CYCLES` and `FLEET_SEED` in the environment run it longer, or again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use milvus_rbac::proto::common::Status as MilvusStatus;
use milvus_rbac::proto::milvus as pb;
use milvus_rbac::store::DEFAULT_ROOT;
use proptest::prelude::Rng as _;
use tonic::{Response, Status};

use super::client::*;
use super::history::Outcome;
use crate::support::etcd::{Cluster, Replica};
use crate::support::{Grpc, dice_of, number_of};

/// Grants of the large role; each takes two records.
const GRANTS: usize = 300;

/// A backup with one role of many grants.
fn large() -> pb::RbacMeta {
    let role = pb::RoleEntity { name: "large".to_owned(), description: String::new() };
    let grant = |number: usize| pb::GrantEntity {
        role: Some(role.clone()),
        object: Some(pb::ObjectEntity { name: "Collection".to_owned() }),
        object_name: format!("c{number}"),
        grantor: Some(pb::GrantorEntity {
            user: Some(pb::UserEntity { name: "root".to_owned() }),
            privilege: Some(pb::PrivilegeEntity { name: "Search".to_owned() }),
        }),
        db_name: "default".to_owned(),
    };
    let grants = (0..GRANTS).map(grant).collect();
    pb::RbacMeta { roles: vec![role.clone()], grants, ..Default::default() }
}

async fn restore(root: &Grpc) -> Result<MilvusStatus, Status> {
    let request = pb::RestoreRbacMetaRequest { base: None, rbac_meta: Some(large()) };
    root.rpc().restore_rbac(request).await.map(Response::into_inner)
}

async fn drop_large(root: &Grpc) -> Result<MilvusStatus, Status> {
    let role_name = "large".to_owned();
    let request = pb::DropRoleRequest { base: None, role_name, force_drop: true };
    root.rpc().drop_role(request).await.map(Response::into_inner)
}

/// How many grants a replica shows, in one answer of one state.
async fn grants(root: &Grpc) -> usize {
    let meta = root.rpc().backup_rbac(pb::BackupRbacMetaRequest { base: None }).await.unwrap();
    let meta = meta.into_inner().rbac_meta.unwrap();
    let is_there = meta.roles.iter().any(|role| role.name == "large");
    assert_eq!(is_there, !meta.grants.is_empty(), "{} grants", meta.grants.len());
    meta.grants.len()
}

/// Looks again and again whether all or nothing is shown.
struct Looking {
    stop: Arc<AtomicBool>,
    looks: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Looking {
    fn at(root: &Grpc) -> Self {
        let (stop, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (root, stopped, counted) = (root.clone(), stop.clone(), looks.clone());
        let task = tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                let shown = grants(&root).await;
                assert!(shown == 0 || shown == GRANTS, "{shown} of {GRANTS}");
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { stop, looks, task }
    }

    async fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        self.looks.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn of_a_large_change_whose_writer_is_killed_all_is_shown_or_nothing() {
    let cycles = number_of("KILL_CYCLES").unwrap_or(10);
    let cluster = Cluster::start(1);
    let mut random = dice_of([seed(), 0, 0, 0]);
    let steady = replica(&cluster.store());
    let root = root_of(&steady).await;
    let begun = Instant::now();
    succeeded(restore(&root).await);
    succeeded(drop_large(&root).await);
    let usual = begun.elapsed() / 2;
    println!("a change of {} records takes {usual:?}", 2 * GRANTS + 1);
    let mut kept = [0, 0];
    let (mut looks, mut acknowledged) = (0, 0);
    let mut slowest = Duration::ZERO;
    for cycle in 0..cycles {
        let before = grants(&root).await;
        let looking = Looking::at(&root);
        let victim = replica(&cluster.store());
        let victim_root = root_of(&victim).await;
        assert_eq!(grants(&victim_root).await, before, "a newcomer finds the same");
        let change = tokio::spawn(async move {
            let answer = if before == 0 {
                restore(&victim_root).await
            } else {
                drop_large(&victim_root).await
            };
            answer.is_ok_and(|status| status.code == 0)
        });
        let most = u64::try_from(usual.as_micros()).unwrap() * 3;
        // The moment of the kill is what is random here; nothing is waited for.
        tokio::time::sleep(Duration::from_micros(random.next_u64() % most)).await;
        victim.kill();
        let is_acknowledged = change.await.unwrap();
        let killed = Instant::now();
        // What rests on the newest state brings it along, and waits for a change before it.
        let outcome = outcome_of(&root.create_role(&format!("after_{cycle}")).await);
        assert_eq!(outcome, Outcome::Done, "{}", steady.log());
        slowest = slowest.max(killed.elapsed());
        let after = grants(&root).await;
        assert!(!is_acknowledged || after != before, "cycle {cycle}: acknowledged and lost");
        acknowledged += usize::from(is_acknowledged);
        kept[usize::from(after == before)] += 1;
        looks += looking.end().await;
        assert_eq!(grants(&root).await, after, "and it stays so");
    }
    println!(
        "kills {cycles}: made {}, not made {}, acknowledged {acknowledged}, looked at {looks} \
         times, slowest change afterwards {slowest:?}",
        kept[0], kept[1]
    );
    let head = own_key("journal-head");
    let is_gone = || std::future::ready(cluster.get(&head).is_none());
    until("the journal is done", is_gone).await;
    let last = replica(&cluster.store());
    assert_eq!(grants(&root_of(&last).await).await, grants(&root).await);
    // Only pieces that never got a head may lie there for a minute more.
    if number_of("KILL_CYCLES").is_some() {
        tokio::time::sleep(Duration::from_secs(62)).await;
        until("all pieces are gone", || {
            std::future::ready(cluster.dump(own_key("journal")).is_empty())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn a_role_of_two_thousand_members_is_dropped_at_once_for_every_replica() {
    const MEMBERS: usize = 2000;
    let cluster = Cluster::start(1);
    let one = replica(&cluster.store());
    let root = root_of(&one).await;
    succeeded(root.create_role("crowd").await);
    let below = |key: String| format!("{DEFAULT_ROOT}/root-coord/credential/{key}");
    // As a Milvus would have written them, with nobody's hash.
    let user = |number: usize| {
        let value = format!("{{\"username\":\"u{number}\",\"encrypted_password\":\"x\"}}");
        (below(format!("users/u{number}")), value)
    };
    cluster.put_all((0..MEMBERS).map(user));
    let binding =
        |number: usize| (below(format!("user-role-mapping/u{number}/crowd")), String::new());
    cluster.put_all((0..MEMBERS).map(binding));
    let two = replica(&cluster.store());
    let other = root_of(&two).await;
    let members = |root: Grpc| async move {
        let request = pb::SelectRoleRequest { include_user_info: true, ..Default::default() };
        let found = root.rpc().select_role(request).await.unwrap().into_inner().results;
        let crowd = found.iter().find(|found| found.role.as_ref().unwrap().name == "crowd");
        crowd.map_or(0, |found| found.users.len())
    };
    for root in [&root, &other] {
        until("all members", || async { members(root.clone()).await == MEMBERS }).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let looking = tokio::spawn({
        let (other, stop) = (other.clone(), Arc::clone(&stop));
        async move {
            let mut looks = 0;
            while !stop.load(Ordering::Relaxed) {
                let found = members(other.clone()).await;
                assert!(found == 0 || found == MEMBERS, "{found}");
                looks += 1;
            }
            looks
        }
    });
    let begun = Instant::now();
    succeeded(root.drop_role("crowd").await);
    let answered = begun.elapsed();
    until("seen by the other", || async { members(other.clone()).await == 0 }).await;
    let seen = begun.elapsed();
    let bindings = below("user-role-mapping/".to_owned());
    until("written", || std::future::ready(cluster.dump(&bindings).is_empty())).await;
    let journal = || std::future::ready(cluster.dump(own_key("journal")).is_empty());
    until("the journal is gone", journal).await;
    println!(
        "dropping {MEMBERS} members: answered after {answered:?}, seen after {seen:?}, written \
         after {:?}",
        begun.elapsed()
    );
    stop.store(true, Ordering::Relaxed);
    println!("looked at {} times", looking.await.unwrap());
    let fresh: Replica = replica(&cluster.store());
    assert_eq!(members(root_of(&fresh).await).await, 0);
}
