//! Between a change and its acknowledgement lies a sync of sled's data file. When that fails the
//! caller hears that nobody knows, changes are refused, and reads go on until the store has been
//! reopened.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use milvus_rbac::clock::SystemClock;
use milvus_rbac::config::{Compat, Settings};
use milvus_rbac::credential::Password;
use milvus_rbac::deployment::Deployment;
use milvus_rbac::grpc::{MilvusRpcs, ServerIdentity};
use milvus_rbac::layer::{Guard, GuardLimits, Rbac, RbacLayer};
use milvus_rbac::proto::common::{ErrorCode, Status as MilvusStatus};
use milvus_rbac::proto::milvus as pb;
use milvus_rbac::proto::milvus::milvus_service_client::MilvusServiceClient;
use milvus_rbac::proto::milvus::milvus_service_server::MilvusServiceServer;
use milvus_rbac::store::{SledOptions, SledStore, SyncFile};
use tonic::Request;
use tower::Layer as _;

use crate::support::{Grpc, Process, ROOT, basic, settings};

const UNKNOWN: &str = "the outcome of the change is unknown: the store failed while it was \
                       written; look before you try again";
const READ_ONLY: &str = "the store has failed and the service is read-only until it has \
                         recovered; nothing was written, try again later";
const PATIENCE: Duration = Duration::from_secs(20);

/// `fdatasync`, unless told to fail or to wait.
#[derive(Debug, Default)]
struct Disk {
    fails: AtomicBool,
    held: Mutex<bool>,
    released: Condvar,
    /// What the data file held at each sync.
    seen: Mutex<Vec<Vec<u8>>>,
}

impl Disk {
    fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.released.notify_all();
    }

    fn break_down(&self, broken: bool) {
        self.fails.store(broken, Ordering::SeqCst);
    }
}

impl SyncFile for Disk {
    fn sync_data(&self, file: &File, path: &Path) -> io::Result<()> {
        self.seen.lock().unwrap().push(fs::read(path)?);
        let held = self.held.lock().unwrap();
        drop(self.released.wait_while(held, |held| *held).unwrap());
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
        }
        file.sync_data()
    }
}

type InProcess = MilvusServiceClient<Rbac<MilvusServiceServer<MilvusRpcs>>>;

/// A deployment on such a disk, as an embedder has it, with its RPCs behind the guard.
struct Embedded {
    deployment: Deployment,
    rpcs: InProcess,
}

impl Embedded {
    async fn open(data: &Path, disk: &Arc<Disk>) -> Self {
        let settings: Settings = settings(Compat::Documented);
        let store = SledStore::open_with_sync(data, SledOptions::default(), disk.clone()).unwrap();
        let deployment = Deployment::open(Box::new(store), &settings).unwrap();
        let password = Password::from(ROOT.1.as_bytes().to_vec());
        deployment.admin().bootstrap(Some(&password)).await.unwrap();
        let clock = Arc::new(SystemClock);
        let rpcs = MilvusRpcs::new(deployment.admin().clone(), ServerIdentity::new(clock.clone()));
        let guard = Guard::new(deployment.authorizer().clone(), GuardLimits::default());
        let service = RbacLayer::new(guard).layer(MilvusServiceServer::new(rpcs));
        Self { deployment, rpcs: MilvusServiceClient::new(service) }
    }

    async fn create_role(&self, name: &str) -> MilvusStatus {
        let entity = pb::RoleEntity { name: name.to_owned(), description: String::new() };
        let request = pb::CreateRoleRequest { base: None, entity: Some(entity) };
        self.rpcs.clone().create_role(as_root(request)).await.unwrap().into_inner()
    }

    async fn roles(&self) -> Vec<String> {
        let request = as_root(pb::SelectRoleRequest::default());
        let answer = self.rpcs.clone().select_role(request).await.unwrap().into_inner();
        answer.results.into_iter().map(|result| result.role.unwrap().name).collect()
    }

    /// Whether it is healthy, why not, and the code of the state of its component.
    async fn health(&self) -> (bool, Vec<String>, i32) {
        let request = as_root(pb::CheckHealthRequest {});
        let answer = self.rpcs.clone().check_health(request).await.unwrap().into_inner();
        let request = as_root(pb::GetComponentStatesRequest {});
        let states = self.rpcs.clone().get_component_states(request).await.unwrap().into_inner();
        (answer.is_healthy, answer.reasons, states.state.unwrap().state_code)
    }

    async fn becomes_writable(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.deployment.admin().writer().is_writable() {
            assert!(Instant::now() < deadline, "the store was not reopened");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn as_root<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let login = basic(ROOT.0, ROOT.1).parse().unwrap();
    request.metadata_mut().insert("authorization", login);
    request
}

/// What a change is answered whose store has failed.
fn refused(reason: &str, retriable: bool) -> MilvusStatus {
    MilvusStatus {
        error_code: ErrorCode::UnexpectedError.into(),
        reason: reason.to_owned(),
        code: 2,
        retriable,
        detail: reason.to_owned(),
        ..MilvusStatus::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_answered_or_shown_a_change_before_it_has_been_synced() {
    let home = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::default());
    let embedded = Arc::new(Embedded::open(&home.path().join("data"), &disk).await);
    assert_eq!(embedded.roles().await, ["admin"]);
    let before = disk.seen.lock().unwrap().len();
    disk.hold(true);
    let other = embedded.clone();
    let mut change = tokio::spawn(async move { other.create_role("role_a").await });
    let deadline = Instant::now() + PATIENCE;
    while disk.seen.lock().unwrap().len() == before {
        assert!(Instant::now() < deadline, "nothing was synced");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let answer = tokio::time::timeout(Duration::from_millis(100), &mut change).await;
    assert!(answer.is_err(), "answered before the sync was over: {answer:?}");
    assert_eq!(embedded.roles().await, ["admin"], "shown before the sync was over");
    let synced = disk.seen.lock().unwrap()[before].clone();
    assert!(synced.windows(6).any(|part| part == b"role_a"), "the change was not in the file");
    disk.hold(false);
    assert_eq!(change.await.unwrap(), MilvusStatus::default());
    assert_eq!(embedded.roles().await, ["admin", "role_a"]);
    embedded.deployment.close().unwrap();
}

#[tokio::test]
async fn a_failed_sync_is_told_and_makes_the_service_read_only_until_it_is_reopened() {
    let home = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::default());
    let embedded = Embedded::open(&home.path().join("data"), &disk).await;
    assert_eq!(embedded.create_role("kept").await, MilvusStatus::default());
    assert_eq!(embedded.health().await, (true, Vec::new(), 1));

    disk.break_down(true);
    assert_eq!(embedded.create_role("doubtful").await, refused(UNKNOWN, false));
    assert_eq!(embedded.create_role("refused").await, refused(READ_ONLY, true));
    let reason = "the store has failed: reads and checks go on, changes are refused".to_owned();
    assert_eq!(embedded.health().await, (false, vec![reason], 2));
    assert_eq!(embedded.roles().await, ["admin", "kept"], "reads go on");

    disk.break_down(false);
    embedded.becomes_writable().await;
    assert_eq!(embedded.health().await, (true, Vec::new(), 1));
    let roles = embedded.roles().await;
    assert!(roles.contains(&"kept".to_owned()) && !roles.contains(&"refused".to_owned()));
    assert_eq!(embedded.create_role("after").await, MilvusStatus::default());
    embedded.deployment.close().unwrap();
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_failed_sync_and_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let disk = Arc::new(Disk::default());
    let embedded = Embedded::open(&data, &disk).await;
    let mut acknowledged = vec!["admin".to_owned()];
    for round in 0..5 {
        let name = format!("kept_{round}");
        assert_eq!(embedded.create_role(&name).await, MilvusStatus::default());
        acknowledged.push(name);
        disk.break_down(true);
        assert_eq!(embedded.create_role(&format!("lost_{round}")).await.code, 2);
        disk.break_down(false);
        embedded.becomes_writable().await;
    }
    disk.break_down(true);
    assert_eq!(embedded.create_role("last").await.code, 2);
    // Closed while it is broken, and opened by a healthy process.
    embedded.deployment.close().unwrap();
    drop(embedded);
    let process = Process::start(&data);
    let root = Grpc::connect(process.address, ROOT).await;
    let roles = root.list_roles().await.unwrap();
    for role in &acknowledged {
        assert!(roles.contains(role), "{role} is not among {roles:?}");
    }
}
