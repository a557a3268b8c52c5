//! Short forms of what the tests of a fleet ask, and how they wait.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use milvus_rbac::config::{Compat, Settings, StoreSetting};
use milvus_rbac::model::Record;
use milvus_rbac::proto::common::Status as MilvusStatus;
use milvus_rbac::proto::milvus as pb;
use milvus_rbac::store::DEFAULT_ROOT;
use tonic::transport::Endpoint;
use tonic::{Code, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::history::{Model, Outcome};
use crate::support::etcd::{Cluster, Replica};
use crate::support::{Grpc, ROOT, TestServer, number_of, settings};

/// Longest wait for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
pub(super) const GOOD: &str = "Passw0rd!";

/// The most that the state of a replica may be old, in these tests.
pub(super) const MOST: Duration = Duration::from_secs(2);
/// What says so, and how long etcd has for an answer.
pub(super) const QUICK: [(&str, &str); 2] =
    [("rbac.maxStaleness", "2s"), ("etcd.requestTimeout", "3000")];

/// Begins the line with which a state that has become too old is logged, and the one with which
/// it is young again.
pub(super) const TOO_OLD: &str = "the state is older than it may be";
pub(super) const CONFIRMED: &str = "the state is confirmed";

/// A replica as a process, with the times of [`QUICK`].
pub(super) fn replica(store: &str) -> Replica {
    replica_with(store, &QUICK)
}

/// A replica as a process, with these settings.
pub(super) fn replica_with(store: &str, settings: &[(&str, &str)]) -> Replica {
    Replica::start(store, settings).unwrap_or_else(|log| panic!("{log}"))
}

/// The store behind one endpoint: a member, or a relay.
pub(super) fn store_at(endpoint: &str) -> String {
    format!("etcd://{endpoint}/{DEFAULT_ROOT}")
}

/// A key of ours.
pub(super) fn own_key(name: &str) -> String {
    format!("{DEFAULT_ROOT}/milvus-rbac/{name}")
}

/// A server in this process on a cluster, with the times of [`QUICK`].
pub(super) async fn server(cluster: &Cluster) -> TestServer {
    TestServer::with(settings_on(cluster)).await
}

pub(super) fn settings_on(cluster: &Cluster) -> Settings {
    let mut settings = settings(Compat::Documented);
    let (endpoints, root) = (cluster.endpoints(), DEFAULT_ROOT.to_owned());
    settings.store = StoreSetting::Etcd { endpoints, root };
    settings.etcd.request_timeout = Duration::from_secs(3);
    settings.transport.max_staleness = MOST;
    settings
}

/// The records of a server's state, in one order.
pub(super) fn records(server: &TestServer) -> Vec<String> {
    in_order(server.deployment.admin().snapshots().get().records())
}

pub(super) fn in_order(records: impl IntoIterator<Item = Record>) -> Vec<String> {
    let mut records: Vec<_> = records.into_iter().map(|record| format!("{record:?}")).collect();
    records.sort();
    records
}

/// What a server's state is to the model.
pub(super) fn model_of(server: &TestServer) -> Model {
    let state = server.deployment.admin().snapshots().get();
    let mut model = Model::default();
    for record in state.records() {
        match record {
            Record::User(user, _) if user.as_str() != "root" => {
                model.users.insert(user.to_string());
            }
            Record::Role(role, _) if !["admin", "public"].contains(&role.as_str()) => {
                model.roles.insert(role.to_string());
            }
            Record::Binding(user, role) => {
                model.bindings.insert((user.to_string(), role.to_string()));
            }
            Record::Group(group) => {
                let members = group.privileges.iter().map(ToString::to_string).collect();
                model.groups.insert(group.name.to_string(), members);
            }
            _ => {}
        }
    }
    model
}

/// What a client was told.
pub(super) fn outcome_of(answer: &Result<MilvusStatus, Status>) -> Outcome {
    let text = match answer {
        Ok(status) if status.code == 0 => return Outcome::Done,
        Ok(status) => &status.reason,
        Err(status) => status.message(),
    };
    if text.contains("outcome of the change is unknown") {
        Outcome::Unknown
    } else if text.contains("nothing was written") || text.contains("nothing is decided on it") {
        Outcome::Nothing
    } else if answer.is_ok() {
        Outcome::Refused
    } else {
        panic!("neither an answer nor a reason: {answer:?}")
    }
}

#[track_caller]
pub(super) fn succeeded(answer: Result<MilvusStatus, Status>) {
    assert_eq!(answer.unwrap(), MilvusStatus::default());
}

/// How a replica answers who asks for something that takes a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Allowed,
    Denied,
    /// The login is refused.
    Stranger,
    /// The state is too old.
    Stale,
    /// There is no answer.
    Gone,
}

/// Asks for the list of roles, which takes [`may_list`].
pub(super) async fn ask(client: &Grpc) -> Answer {
    let answer = client.rpc().select_role(pb::SelectRoleRequest::default()).await;
    let Err(status) = answer else { return Answer::Allowed };
    match status.code() {
        Code::PermissionDenied => Answer::Denied,
        Code::Unauthenticated => Answer::Stranger,
        Code::Unavailable if status.message().starts_with("the state of this server") => {
            Answer::Stale
        }
        Code::Unavailable => Answer::Gone,
        _ => panic!("{status}"),
    }
}

/// Lets a role list roles (0), or no longer (1).
pub(super) async fn may_list(root: &Grpc, role: &str, r#type: i32) -> Result<MilvusStatus, Status> {
    grant(root, role, "SelectOwnership", ("*", "*"), r#type).await
}

/// Grants (0) or revokes (1) by level.
pub(super) async fn grant(
    root: &Grpc,
    role: &str,
    what: &str,
    (database, collection): (&str, &str),
    r#type: i32,
) -> Result<MilvusStatus, Status> {
    let request = pb::OperatePrivilegeV2Request {
        base: None,
        role: Some(pb::RoleEntity { name: role.to_owned(), description: String::new() }),
        grantor: Some(pb::GrantorEntity {
            user: None,
            privilege: Some(pb::PrivilegeEntity { name: what.to_owned() }),
        }),
        r#type,
        db_name: database.to_owned(),
        collection_name: collection.to_owned(),
    };
    root.rpc().operate_privilege_v2(request).await.map(Response::into_inner)
}

/// A user with a role that may list roles. `names` are the user's and the role's.
pub(super) async fn lister(root: &Grpc, (user, role): (&str, &str)) {
    succeeded(root.create_user(user, GOOD).await);
    succeeded(root.create_role(role).await);
    succeeded(root.operate_user_role(user, role, 0).await);
    succeeded(may_list(root, role, 0).await);
}

/// What the standard health service says: whether requests are decided.
pub(super) async fn is_serving(address: SocketAddr) -> bool {
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap();
    answer.into_inner().status
        == i32::from(tonic_health::pb::health_check_response::ServingStatus::Serving)
}

/// What `CheckHealth` finds wrong; `None` if it is refused.
pub(super) async fn complaints(root: &Grpc) -> Option<Vec<String>> {
    let answer = root.rpc().check_health(pb::CheckHealthRequest {}).await.ok()?.into_inner();
    assert_eq!(answer.is_healthy, answer.reasons.is_empty());
    Some(answer.reasons)
}

/// Waits for something and says how long it took.
pub(super) async fn until<F: Future<Output = bool>>(
    what: &str,
    mut holds: impl FnMut() -> F,
) -> Duration {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

/// Waits until a replica serves, accepts changes and finds nothing wrong with itself.
pub(super) async fn recovered(root: &Grpc) -> Duration {
    until("recovered", || async { complaints(root).await.is_some_and(|found| found.is_empty()) })
        .await
}

/// Waits until two servers in this process hold the same, and returns it.
pub(super) async fn agree(servers: &[&TestServer]) -> Vec<String> {
    let same = || servers.windows(2).all(|pair| records(pair[0]) == records(pair[1]));
    until("the replicas agree", || std::future::ready(same())).await;
    records(servers[0])
}

/// How often each line with this text has been logged.
pub(super) fn count(replica: &Replica, text: &str) -> usize {
    replica.log().lines().filter(|line| line.contains(text)).count()
}

pub(super) async fn root_of(replica: &Replica) -> Grpc {
    replica.grpc(ROOT).await
}

/// A seed that is printed, so that a run can be had again: `FLEET_SEED`.
pub(super) fn seed() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    let drawn = || std::hash::RandomState::new().build_hasher().finish();
    let seed = number_of("FLEET_SEED").unwrap_or_else(drawn);
    println!("FLEET_SEED={seed}");
    seed
}

/// Prints how a figure is distributed.
pub(super) fn print(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!("{what}: median {:?}, p99 {:?}, most {:?}", at(50), at(99), at(100));
    at(100)
}
