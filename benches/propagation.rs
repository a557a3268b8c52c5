//! How long it takes until a revoke on one replica is seen by another, beside a bare put that is
//! seen by a watch of the same etcd. See `README.md` here.
//!
//! Both kinds of round take turns in one run. It starts an etcd of its own on loopback and ends it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a bench that cannot go on fails"
)]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use milvus_rbac::admin::{GivenPassword, Membership, NewUser};
use milvus_rbac::config::Settings;
use milvus_rbac::credential::{Caller, Login, Peer};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::policy::{Requirement, find};
use milvus_rbac::proto::etcdserverpb::kv_client::KvClient;
use milvus_rbac::proto::etcdserverpb::request_op::Request;
use milvus_rbac::proto::etcdserverpb::watch_client::WatchClient;
use milvus_rbac::proto::etcdserverpb::watch_request::RequestUnion;
use milvus_rbac::proto::etcdserverpb::{
    PutRequest, RequestOp, TxnRequest, WatchCreateRequest, WatchRequest, WatchResponse,
};
use milvus_rbac::store::{EtcdOptions, EtcdStore};
use tonic::Streaming;
use tonic::transport::Channel;

const ROUNDS: usize = 1_000;
/// Rounds that are made and not counted.
const WARM_UP: usize = 50;
const KEY: &[u8] = b"bare";

/// An etcd of one member, ended when dropped.
struct Etcd {
    process: Child,
    endpoint: String,
    _home: tempfile::TempDir,
}

impl Etcd {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (clients, peers) = (free(), free());
        let url = |address| format!("http://{address}");
        let process = Command::new("etcd")
            .arg("--data-dir")
            .arg(home.path())
            .args(["--listen-client-urls", &url(clients), "--advertise-client-urls", &url(clients)])
            .args(["--listen-peer-urls", &url(peers), "--initial-advertise-peer-urls", &url(peers)])
            .args(["--initial-cluster", &format!("default={}", url(peers))])
            .args(["--logger=zap", "--log-level=error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("etcd (package etcd-server) can be run");
        Self { process, endpoint: clients.to_string(), _home: home }
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A put on one connection that a watch on another sees.
struct Bare {
    writer: KvClient<Channel>,
    watch: Streaming<WatchResponse>,
    _requests: tokio::sync::mpsc::Sender<WatchRequest>,
}

impl Bare {
    async fn connect(etcd: &Etcd) -> Self {
        let url = format!("http://{}", etcd.endpoint);
        let endpoint = Channel::from_shared(url).unwrap();
        let create = WatchCreateRequest { key: KEY.to_vec(), ..WatchCreateRequest::default() };
        let request = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        let (requests, mut queue) = tokio::sync::mpsc::channel(1);
        requests.send(request).await.unwrap();
        let queue = futures_util::stream::poll_fn(move |context| queue.poll_recv(context));
        let mut watcher = WatchClient::new(endpoint.connect().await.unwrap());
        let mut watch = watcher.watch(queue).await.unwrap().into_inner();
        assert!(watch.message().await.unwrap().unwrap().created);
        Self {
            writer: KvClient::new(endpoint.connect().await.unwrap()),
            watch,
            _requests: requests,
        }
    }

    /// One round: from before the put until the watch has told of it.
    async fn round(&mut self) -> Duration {
        let put = PutRequest { key: KEY.to_vec(), value: vec![7; 64] };
        let put = RequestOp { request: Some(Request::RequestPut(put)) };
        let request = TxnRequest { success: vec![put], ..TxnRequest::default() };
        let start = Instant::now();
        let mut writer = self.writer.clone();
        let written = tokio::spawn(async move { writer.txn(request).await });
        while self.watch.message().await.unwrap().unwrap().events.is_empty() {}
        let seen = start.elapsed();
        written.await.unwrap().unwrap();
        seen
    }
}

/// Two replicas on one etcd, and a user whose right is given and taken.
struct Fleet {
    one: Deployment,
    other: Deployment,
    caller: Caller,
    requirement: &'static Requirement,
}

fn program() -> Caller {
    Caller::unauthenticated(Peer::LOCAL)
}

fn open(etcd: &Etcd) -> Deployment {
    let mut settings = Settings::default();
    settings.passwords.bcrypt_cost = 4;
    let store = EtcdStore::open(EtcdOptions::new([&etcd.endpoint])).unwrap();
    Deployment::open(Box::new(store), &settings).unwrap()
}

impl Fleet {
    async fn start(etcd: &Etcd) -> Self {
        let one = open(etcd);
        one.admin().bootstrap(None).await.unwrap();
        let new = NewUser {
            name: "u".to_owned(),
            password: GivenPassword::plain("P@ssw0rd".to_owned()),
            description: None,
        };
        one.admin().create_user(&program(), new).await.unwrap();
        let other = open(etcd);
        let login = Login::new("u", b"P@ssw0rd");
        let caller = other.authorizer().log_in(login, Peer::LOCAL).await.unwrap();
        let requirement = find("/milvus.proto.milvus.MilvusService/ListCredUsers").unwrap();
        Self { one, other, caller, requirement }
    }

    async fn operate(&self, membership: Membership) {
        let admin = self.one.admin();
        admin.operate_user_role(&program(), "u", "admin", Some(membership)).await.unwrap();
    }

    fn may(&self) -> bool {
        let authorizer = self.other.authorizer();
        authorizer.check(&self.caller, self.requirement, "default", &[]).is_allowed()
    }

    async fn until(&self, may: bool) {
        let mut revisions = self.other.authorizer().revisions();
        while self.may() != may {
            revisions.changed().await.unwrap();
        }
    }

    /// One round: from before the revoke on one replica until the other one denies.
    async fn round(&self) -> Duration {
        self.operate(Membership::Bind).await;
        self.until(true).await;
        let start = Instant::now();
        let seen = async {
            self.until(false).await;
            start.elapsed()
        };
        let ((), seen) = tokio::join!(self.operate(Membership::Unbind), seen);
        seen
    }
}

fn at(times: &[Duration], percent: usize) -> Duration {
    times[(times.len() - 1) * percent / 100]
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    // cargo test runs benches, too, to see that they start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let etcd = Etcd::start();
    let fleet = Fleet::start(&etcd).await;
    let mut bare = Bare::connect(&etcd).await;
    let (mut puts, mut revokes) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + ROUNDS {
        let (put, revoke) = (bare.round().await, fleet.round().await);
        if round >= WARM_UP {
            puts.push(put);
            revokes.push(revoke);
        }
        if (round + 1) % 250 == 0 {
            eprintln!("{} rounds", round + 1);
        }
    }
    puts.sort();
    revokes.sort();
    println!("{ROUNDS} rounds of each, in turns, on one etcd");
    println!("{:<34}{:>10}{:>10}{:>10}{:>10}", "", "p50", "p90", "p99", "most");
    for (name, times) in
        [("bare put, seen by a watch", &puts), ("revoke, seen by a replica", &revokes)]
    {
        let [p50, p90, p99, most] = [50, 90, 99, 100].map(|percent| at(times, percent));
        println!("{name:<34}{p50:>10.2?}{p90:>10.2?}{p99:>10.2?}{most:>10.2?}");
    }
    let ratio = at(&revokes, 50).as_secs_f64() / at(&puts, 50).as_secs_f64();
    println!("a revoke takes {ratio:.2} times as long as a bare put (median; goal: at most 2)");
    fleet.one.close().unwrap();
    fleet.other.close().unwrap();
}
