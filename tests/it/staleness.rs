//! A state that is older than it may be: every request is refused, health says so, and all of it
//! is over as soon as the state is confirmed.
//!
//! The clock stands still unless a test moves it, so the state is as old as the test says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use milvus_rbac::clock::ManualClock;
use milvus_rbac::config::{Compat, Settings};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::grpc::{MilvusRpcs, ServerIdentity};
use milvus_rbac::layer::{Guard, GuardLimits, RbacLayer};
use milvus_rbac::proto::milvus as pb;
use milvus_rbac::proto::milvus::milvus_service_client::MilvusServiceClient;
use milvus_rbac::proto::milvus::milvus_service_server::MilvusServiceServer;
use milvus_rbac::store::MemoryStore;
use serde_json::json;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Streaming};
use tonic_health::pb::health_check_response::ServingStatus::{NotServing, Serving};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tower::Layer as _;

use crate::support::{Contact, Grpc, Log, ROOT, Rest, Shared, TestServer, basic, settings};

const PATIENCE: Duration = Duration::from_secs(20);
const GOOD: &str = "Passw0rd!";

/// The most that the state may be old. Whoever waits for that looks again as soon in true time.
const MOST: i64 = 200;

const TEXT: &str = "the state of this server is older than it may be, so nothing is decided on it; \
                    try again later, or ask another replica";

/// A server whose state ages.
struct Aging {
    server: TestServer,
    contact: Arc<Contact>,
}

impl Aging {
    async fn start(name: &str) -> Self {
        Self::with(name, settings(Compat::Documented), MOST).await
    }

    async fn with(name: &str, mut settings: Settings, most: i64) -> Self {
        settings.transport.max_staleness = Duration::from_millis(most.unsigned_abs());
        let contact = Contact::new();
        let deployment = open(name, &settings, &contact);
        Self { server: TestServer::on(deployment, &settings).await, contact }
    }

    async fn root(&self) -> Grpc {
        self.server.grpc(ROOT).await
    }

    fn health(&self) -> HealthClient<tonic::transport::Channel> {
        let address = format!("http://{}", self.server.address);
        HealthClient::new(tonic::transport::Endpoint::from_shared(address).unwrap().connect_lazy())
    }

    /// Confirms the state and waits until somebody has heard of it.
    async fn confirm(&self) {
        self.contact.confirm();
        let freshness = self.server.deployment.admin().writer().freshness();
        in_time(freshness.becomes_fresh()).await;
    }

    fn bcrypts(&self) -> u64 {
        self.server.deployment.verifier().jobs_done()
    }
}

fn open(name: &str, settings: &Settings, contact: &Arc<Contact>) -> Deployment {
    let store = Box::new(Shared::new(name, contact));
    Deployment::with_clock(store, settings, contact.clock.clone()).unwrap()
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap()
}

async fn list_users(client: &Grpc) -> Result<Vec<String>, (Code, String)> {
    client.list_users().await.map_err(|status| (status.code(), status.message().to_owned()))
}

/// Status, code and message of a list of users over REST.
async fn rest_users(client: &Rest) -> (u16, i64, String) {
    let answer = client.post("users/list", &json!({})).await;
    let message = answer.json()["message"].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), answer.code(), message)
}

#[tokio::test]
async fn over_both_apis_every_request_is_refused_until_the_state_is_confirmed() {
    let aging = Aging::start("both").await;
    let (root, rest) = (aging.root().await, aging.server.rest(ROOT));
    assert_eq!(root.create_role("role_a").await.unwrap().code, 0);
    assert_eq!(rest_users(&rest).await, (200, 0, String::new()));
    for _ in 0..2 {
        aging.contact.lose(MOST);
        assert_eq!(list_users(&root).await.unwrap(), ["root"], "as old as it may be");
        aging.contact.lose(1);
        assert_eq!(list_users(&root).await, Err((Code::Unavailable, TEXT.to_owned())));
        let status = root.create_role("role_b").await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unavailable, TEXT));
        let refused = (503, 2, TEXT.to_owned());
        assert_eq!(rest_users(&rest).await, refused);
        assert_eq!(rest_users(&rest.http2()).await, refused);
        let unknown = rest.post("no/such/path", &json!({})).await;
        assert_eq!((unknown.status.as_u16(), unknown.code()), (503, 2));
        aging.confirm().await;
        assert_eq!(root.list_roles().await.unwrap(), ["admin", "role_a"]);
        assert_eq!(rest_users(&rest).await, (200, 0, String::new()));
    }
}

#[tokio::test]
async fn a_login_is_refused_before_any_bcrypt_whether_right_wrong_or_remembered() {
    let aging = Aging::start("logins").await;
    let root = aging.root().await;
    assert_eq!(root.create_user("ann", GOOD).await.unwrap().code, 0);
    assert_eq!(list_users(&root).await.unwrap(), ["ann", "root"], "remembered from now on");
    aging.contact.lose(MOST + 1);
    let before = aging.bcrypts();
    for login in [ROOT, ("ann", GOOD), ("ann", "wrong"), ("nobody", GOOD)] {
        let grpc = aging.server.grpc(login).await;
        assert_eq!(list_users(&grpc).await, Err((Code::Unavailable, TEXT.to_owned())), "{login:?}");
        let rest = aging.server.rest(login);
        assert_eq!(rest_users(&rest).await, (503, 2, TEXT.to_owned()), "{login:?}");
    }
    let stranger = Grpc::anonymous(aging.server.address).await;
    for client in [stranger.clone(), stranger.with_authorization("no base64")] {
        assert_eq!(list_users(&client).await, Err((Code::Unavailable, TEXT.to_owned())));
    }
    assert_eq!(aging.bcrypts(), before);
    aging.confirm().await;
    assert!(aging.server.grpc(("ann", GOOD)).await.logs_in().await);
    assert!(!aging.server.grpc(("ann", "wrong")).await.logs_in().await);
}

#[tokio::test]
async fn also_without_authorization_nothing_is_answered_from_a_state_that_is_too_old() {
    let mut settings = settings(Compat::Documented);
    settings.security.authorization = false;
    let aging = Aging::with("open", settings, MOST).await;
    let stranger = Grpc::anonymous(aging.server.address).await;
    assert_eq!(list_users(&stranger).await.unwrap(), ["root"]);
    aging.contact.lose(MOST + 1);
    assert_eq!(list_users(&stranger).await, Err((Code::Unavailable, TEXT.to_owned())));
    aging.confirm().await;
    assert_eq!(list_users(&stranger).await.unwrap(), ["root"]);
}

/// Waits until a check says so of everything and of Milvus's service.
async fn until_health_is(aging: &Aging, wanted: i32) {
    let deadline = Instant::now() + PATIENCE;
    for service in ["", "milvus.proto.milvus.MilvusService"] {
        loop {
            let request = HealthCheckRequest { service: service.to_owned() };
            if aging.health().check(request).await.unwrap().into_inner().status == wanted {
                break;
            }
            assert!(Instant::now() < deadline, "the health of {service:?} is not {wanted}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn next_health(answers: &mut Streaming<HealthCheckResponse>) -> i32 {
    in_time(answers.message()).await.unwrap().unwrap().status
}

#[tokio::test]
async fn health_is_told_without_a_login_and_follows_the_state_there_and_back() {
    let aging = Aging::start("health").await;
    let watch = aging.health().watch(HealthCheckRequest::default()).await;
    let mut answers = watch.unwrap().into_inner();
    assert_eq!(next_health(&mut answers).await, i32::from(Serving));
    for _ in 0..2 {
        until_health_is(&aging, Serving.into()).await;
        aging.contact.lose(MOST + 1);
        assert_eq!(next_health(&mut answers).await, i32::from(NotServing));
        until_health_is(&aging, NotServing.into()).await;
        aging.confirm().await;
        assert_eq!(next_health(&mut answers).await, i32::from(Serving));
    }
}

fn as_root<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let login = MetadataValue::try_from(basic(ROOT.0, ROOT.1)).unwrap();
    request.metadata_mut().insert("authorization", login);
    request
}

#[tokio::test]
async fn streams_that_need_a_login_end_with_the_state() {
    let mut settings = settings(Compat::Documented);
    settings.transport.open_health = false;
    let aging = Aging::with("streams", settings, MOST).await;
    let health = HealthCheckRequest::default();
    let watch = aging.health().watch(as_root(health.clone())).await;
    let mut watch = watch.unwrap().into_inner();
    assert_eq!(next_health(&mut watch).await, i32::from(Serving));
    let (questions, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let stream = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
    let ask = || ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(aging.root().await.channel);
    questions.send(ask()).unwrap();
    let answers = in_time(client.server_reflection_info(as_root(stream))).await;
    let mut answers = answers.unwrap().into_inner();
    assert!(in_time(answers.message()).await.unwrap().is_some());

    // While it is confirmed in time, both go on.
    for _ in 0..5 {
        aging.contact.lose(MOST);
        aging.contact.confirm();
        let freshness = aging.server.deployment.admin().writer().freshness();
        while freshness.age() != Some(Duration::ZERO) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        questions.send(ask()).unwrap();
        assert!(in_time(answers.message()).await.unwrap().is_some());
    }
    aging.contact.lose(MOST + 1);
    let status = in_time(answers.message()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, TEXT));
    in_time(questions.closed()).await;
    let mut last = in_time(watch.message()).await;
    if let Ok(Some(answer)) = &last {
        assert_eq!(answer.status, i32::from(NotServing));
        last = in_time(watch.message()).await;
    }
    assert_eq!(last.unwrap_err().code(), Code::Unavailable);

    let refused = aging.health().watch(as_root(health.clone())).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::Unavailable, TEXT));
    aging.confirm().await;
    assert!(aging.health().watch(as_root(health)).await.is_ok());
}

#[tokio::test]
async fn check_health_tells_of_a_store_that_is_silent_for_half_of_what_it_may() {
    let aging = Aging::with("silent", settings(Compat::Documented), 10_000).await;
    let root = aging.root().await;
    let health = async || {
        let answer = root.rpc().check_health(pb::CheckHealthRequest {}).await.unwrap();
        (answer.get_ref().is_healthy, answer.into_inner().reasons)
    };
    aging.contact.lose(5_000);
    assert_eq!(health().await, (true, vec![]));
    aging.contact.lose(1_080);
    let reason = "the store has not answered for 6.1 s: checks go on until the state is 10.0 s \
                  old, then every request is refused";
    assert_eq!(health().await, (false, vec![reason.to_owned()]));
    // Requests are answered all the same.
    let request = pb::GetComponentStatesRequest {};
    let states = root.rpc().get_component_states(request).await.unwrap();
    assert_eq!(states.into_inner().state.unwrap().state_code, 1);
    aging.confirm().await;
    while aging.server.deployment.admin().writer().freshness().age() != Some(Duration::ZERO) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(health().await, (true, vec![]));
}

#[tokio::test]
async fn a_store_of_our_own_never_makes_the_state_too_old() {
    let clock = Arc::new(ManualClock::at(0));
    let settings = settings(Compat::Documented);
    let store = Box::new(MemoryStore::new());
    let deployment = Deployment::with_clock(store, &settings, clock.clone()).unwrap();
    let server = TestServer::on(deployment, &settings).await;
    let root = server.grpc(ROOT).await;
    clock.advance(365 * 24 * 3_600_000);
    assert_eq!(list_users(&root).await.unwrap(), ["root"]);
    let health = root.rpc().check_health(pb::CheckHealthRequest {}).await.unwrap();
    assert!(health.into_inner().is_healthy);
    let answer = HealthClient::new(root.channel).check(HealthCheckRequest::default()).await;
    assert_eq!(answer.unwrap().into_inner().status, i32::from(Serving));
}

#[tokio::test]
async fn whoever_embeds_the_layer_is_refused_alike() {
    let mut settings = settings(Compat::Documented);
    settings.transport.max_staleness = Duration::from_secs(10);
    settings.security.authorization = false;
    let contact = Contact::new();
    let deployment = open("embedded", &settings, &contact);
    let identity = ServerIdentity::new(contact.clock.clone());
    let rpcs = MilvusServiceServer::new(MilvusRpcs::new(deployment.admin().clone(), identity));
    let guard = Guard::new(deployment.authorizer().clone(), GuardLimits::default());
    let mut client = MilvusServiceClient::new(RbacLayer::new(guard).layer(rpcs));
    assert!(client.get_version(pb::GetVersionRequest {}).await.is_ok());
    contact.lose(10_001);
    let status = client.get_version(pb::GetVersionRequest {}).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, TEXT));
    // The operations themselves go on; who calls them looks at the age.
    assert!(deployment.admin().writer().freshness().is_stale());
    assert!(deployment.admin().list_users().is_empty());
    contact.confirm();
    in_time(deployment.admin().writer().freshness().becomes_fresh()).await;
    assert!(client.get_version(pb::GetVersionRequest {}).await.is_ok());
}

#[tokio::test]
async fn each_turn_is_one_line_in_the_log_however_many_are_refused() {
    let log = Log::begin();
    let aging = Aging::start("logged_turns").await;
    let (root, rest) = (aging.root().await, aging.server.rest(ROOT));
    assert_eq!(root.create_user("logged_tina", GOOD).await.unwrap().code, 0);
    let (tina, liar) = (("logged_tina", GOOD), ("logged_tina", "wrong"));
    let (tina, liar) = (aging.server.grpc(tina).await, aging.server.grpc(liar).await);
    assert!(tina.logs_in().await);
    aging.contact.lose(MOST + 1);
    for _ in 0..30 {
        assert!(list_users(&root).await.is_err());
        assert!(list_users(&tina).await.is_err());
        assert!(list_users(&liar).await.is_err());
        assert_eq!(rest_users(&rest).await.0, 503);
    }
    let line = log.line("shared:logged_turns").await;
    assert_eq!(line["level"], "ERROR");
    assert_eq!(
        line["fields"]["message"],
        "the state is older than it may be; every request is refused until it is confirmed"
    );
    aging.confirm().await;
    log.line("the state is confirmed").await;
    let turns = || {
        let lines = log.lines("shared:logged_turns");
        lines.into_iter().filter(|line| line.contains("the state is")).collect::<Vec<_>>()
    };
    let deadline = Instant::now() + PATIENCE;
    while turns().len() < 2 {
        assert!(Instant::now() < deadline, "{:?}", turns());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(turns().len(), 2);
    assert!(turns()[1].contains("the state is confirmed; requests are answered again"));
    let refused = |line: &String| line.contains("login refused") || line.contains("\"denied\"");
    let lines: Vec<_> = log.lines("logged_tina").into_iter().filter(refused).collect();
    assert!(lines.is_empty(), "{lines:?}");
}
