//! The same request through four doors, our own gRPC and REST, the layer around a service of
//! somebody else's, and the gateway, is decided alike and for the same reason.

use std::convert::Infallible;

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use milvus_rbac::layer::{Guard, GuardLimits, RbacLayer};
use milvus_rbac::proto::milvus as pb;
use serde_json::{Value, json};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::gateway::gateway_settings;
use crate::gateway::upstream::Upstream;
use crate::privileges::client::operate_v2;
use crate::support::{ROOT, TestServer, Wire, basic, framed, milvus_path, success};

/// What comes of a request: nothing stands against it, or a code of gRPC and a reason.
type Verdict = Result<(), (Code, String)>;

/// A request, as both APIs have it where both have it.
struct Case {
    rpc: &'static str,
    message: Vec<u8>,
    /// The headers beside the login.
    database: Option<&'static str>,
    rest: Option<(&'static str, Value)>,
}

fn case(rpc: &'static str, message: &impl prost::Message) -> Case {
    Case { rpc, message: message.encode_to_vec(), database: None, rest: None }
}

impl Case {
    fn rest(self, path: &'static str, body: Value) -> Self {
        Self { rest: Some((path, body)), ..self }
    }

    fn within(self, database: &'static str) -> Self {
        Self { database: Some(database), ..self }
    }

    fn headers<'a>(&self, login: &'a str) -> Vec<(&'static str, &'a str)> {
        let mut headers = vec![("authorization", login)];
        headers.extend(self.database.map(|name| ("dbname", name)));
        headers
    }
}

/// Requests of every kind of row. None of them changes who may do what.
fn cases() -> Vec<Case> {
    let user = |name: &str| pb::SelectUserRequest {
        user: Some(pb::UserEntity { name: name.to_owned() }),
        ..Default::default()
    };
    // Database and collection stand in fields 2 and 3 of nearly all requests about data.
    let on = |database: &str, collection: &str| pb::DropCollectionRequest {
        base: None,
        db_name: database.to_owned(),
        collection_name: collection.to_owned(),
    };
    let role = pb::SelectRoleRequest::default();
    vec![
        case("ListCredUsers", &pb::ListCredUsersRequest::default()).rest("users/list", json!({})),
        case("SelectUser", &user("ann")).rest("users/describe", json!({"userName": "ann"})),
        case("SelectUser", &user("nobody")).rest("users/describe", json!({"userName": "nobody"})),
        case("SelectUser", &user("root")).rest("users/describe", json!({"userName": "root"})),
        case("SelectRole", &role).rest("roles/list", json!({})),
        case("ListPrivilegeGroups", &pb::ListPrivilegeGroupsRequest::default())
            .rest("privilege_groups/list", json!({})),
        case("Search", &on("", "books")),
        case("Search", &on("", "films")),
        case("Search", &on("db2", "books")),
        case("Search", &on("", "books")).within("db2"),
        case("Search", &on("default", "books")).within("db2"),
        case("Query", &on("", "books")),
        case("Insert", &on("", "")),
        case("CreateCollection", &on("", "books")),
        case("HasCollection", &on("", "books")),
        case("GetVersion", &pb::GetVersionRequest::default()),
        case("Dummy", &pb::GetVersionRequest::default()),
        case("NoSuchRpc", &pb::GetVersionRequest::default()),
    ]
}

/// Who asks, and by which login.
fn callers() -> [(&'static str, String); 5] {
    [
        ("root", basic("root", "Milvus")),
        ("ann", basic("ann", "P@ssw0rd")),
        ("nobody", basic("nobody", "P@ssw0rd")),
        ("ann with another password", basic("ann", "P@ssw0rd!")),
        ("a stranger", basic("stranger", "P@ssw0rd")),
    ]
}

/// Ann may search `books`, and read who there is.
async fn people(server: &TestServer) {
    let root = server.grpc(ROOT).await;
    for name in ["ann", "nobody"] {
        assert_eq!(root.create_user(name, "P@ssw0rd").await.unwrap(), success());
    }
    assert_eq!(root.create_role("r").await.unwrap(), success());
    assert_eq!(root.operate_user_role("ann", "r", 0).await.unwrap(), success());
    for (privilege, place) in [("Search", ("default", "books")), ("SelectOwnership", ("*", "*"))] {
        assert_eq!(operate_v2(&root, "r", privilege, place, 0).await, success());
    }
}

/// What gRPC says against a request; that somebody answers it or not is not about the caller.
fn verdict(code: Code, text: &str) -> Verdict {
    match code {
        Code::Unimplemented if text.contains("is not served here") => Ok(()),
        Code::Ok => Ok(()),
        _ => Err((code, text.to_owned())),
    }
}

async fn over_grpc(wire: &Wire, case: &Case, login: &str) -> Verdict {
    let path = milvus_path(case.rpc);
    let answer = wire.send(&path, &case.headers(login), framed(&case.message)).await;
    verdict(answer.code, &answer.text)
}

/// What REST says against a request, in the words of gRPC.
fn rest_verdict(status: u16, body: &[u8], grpc: &Verdict) -> Verdict {
    let text = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).unwrap();
        body["message"].as_str().unwrap().to_owned()
    };
    match status {
        200 => Ok(()),
        // Over HTTP every refusal of a login reads alike.
        401 => {
            assert_eq!(text(body), "user hasn't authenticated");
            let Err((Code::Unauthenticated, why)) = grpc else { panic!("gRPC lets it in") };
            Err((Code::Unauthenticated, why.clone()))
        }
        403 => {
            let text = text(body);
            let reason = text.strip_prefix("rpc error: code = PermissionDenied desc = ").unwrap();
            Err((Code::PermissionDenied, reason.to_owned()))
        }
        other => panic!("{other}"),
    }
}

async fn over_rest(server: &TestServer, case: &Case, login: &str, grpc: &Verdict) -> Verdict {
    let (path, body) = case.rest.as_ref().unwrap();
    let rest = server.rest(ROOT).with_authorization(Some(&format!("Basic {login}")));
    let answer = rest.post(path, body).await;
    rest_verdict(answer.status.as_u16(), &answer.body, grpc)
}

/// Sends a request to the layer around a service that answers everything with nothing.
async fn through_layer(
    server: &TestServer,
    request: Request<Full<bytes::Bytes>>,
) -> Response<Body> {
    let guard = Guard::new(server.deployment.authorizer().clone(), GuardLimits::default());
    let inner = service_fn(|request: Request<Body>| async move {
        // As a service would, it reads what it is sent.
        let _ = request.into_body().collect().await;
        let mut answer = Response::new(Body::empty());
        answer.headers_mut().insert("grpc-status", http::HeaderValue::from_static("0"));
        Ok::<_, Infallible>(answer)
    });
    RbacLayer::new(guard).layer(inner).oneshot(request).await.unwrap()
}

async fn over_layer(server: &TestServer, case: &Case, login: &str) -> Verdict {
    let mut request = Request::post(format!("http://x{}", milvus_path(case.rpc)))
        .header("content-type", "application/grpc");
    for (name, value) in case.headers(login) {
        request = request.header(name, value);
    }
    let body = Full::new(bytes::Bytes::from(framed(&case.message)));
    let answer = through_layer(server, request.body(body).unwrap()).await;
    let status = Status::from_header_map(answer.headers()).unwrap();
    verdict(status.code(), status.message())
}

async fn over_layer_in_json(
    server: &TestServer,
    case: &Case,
    login: &str,
    grpc: &Verdict,
) -> Verdict {
    let (path, body) = case.rest.as_ref().unwrap();
    let request = Request::post(format!("http://x/v2/vectordb/{path}"))
        .header("content-type", "application/json")
        .header("authorization", format!("Basic {login}"))
        .body(Full::new(bytes::Bytes::from(body.to_string())))
        .unwrap();
    let answer = through_layer(server, request).await;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    rest_verdict(status, &body, grpc)
}

#[tokio::test]
async fn the_same_request_through_four_doors_is_decided_alike_and_for_the_same_reason() {
    let alone = TestServer::start().await;
    let upstream = Upstream::start().await;
    let gateway = TestServer::with(gateway_settings(upstream.address)).await;
    people(&alone).await;
    people(&gateway).await;
    let (direct, through) =
        (Wire::connect(alone.address).await, Wire::connect(gateway.address).await);
    let mut refused = 0;
    let mut allowed = 0;
    for case in cases() {
        for (caller, login) in callers() {
            let what = format!("{} {:?} by {caller}", case.rpc, case.rest);
            let grpc = over_grpc(&direct, &case, &login).await;
            assert_eq!(over_grpc(&through, &case, &login).await, grpc, "gateway: {what}");
            assert_eq!(over_layer(&alone, &case, &login).await, grpc, "layer: {what}");
            if case.rest.is_some() {
                assert_eq!(over_rest(&alone, &case, &login, &grpc).await, grpc, "REST: {what}");
                assert_eq!(over_rest(&gateway, &case, &login, &grpc).await, grpc, "both: {what}");
                let json = over_layer_in_json(&alone, &case, &login, &grpc).await;
                assert_eq!(json, grpc, "layer, JSON: {what}");
            }
            match grpc {
                Ok(()) => allowed += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(allowed > 20 && refused > 50, "{allowed} allowed, {refused} refused");
}
