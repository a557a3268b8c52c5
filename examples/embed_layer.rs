//! A server of one's own behind the layer: a tonic service that searches collections, and that only
//! callers who may reach. The layer knows what `Search` needs and where it names its collection.
//!
//! ```text
//! cargo run --example embed_layer --no-default-features
//! ```

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use base64::prelude::*;
use http::uri::PathAndQuery;
use milvus_rbac::admin::{GivenPassword, GivenPrivilege, GrantAction, LevelGrant};
use milvus_rbac::admin::{Membership, NewUser};
use milvus_rbac::config::Settings;
use milvus_rbac::credential::{Caller, Peer};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::layer::{Admitted, Guard, GuardLimits, RbacLayer};
use milvus_rbac::store::MemoryStore;
use tonic::body::Body;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

type Error = Box<dyn std::error::Error>;

const SEARCH: &str = "/milvus.proto.milvus.MilvusService/Search";

/// As much of Milvus's message as this program reads; it would have all of it.
#[derive(Clone, PartialEq, prost::Message)]
struct SearchRequest {
    #[prost(string, tag = "2")]
    db_name: String,
    #[prost(string, tag = "3")]
    collection_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SearchResults {
    #[prost(string, tag = "3")]
    collection_name: String,
}

/// What answers `Search`, knowing nothing of users.
#[derive(Clone)]
struct Searches;

impl tonic::server::UnaryService<SearchRequest> for Searches {
    type Response = SearchResults;
    type Future = Ready<Result<Response<SearchResults>, Status>>;

    fn call(&mut self, request: Request<SearchRequest>) -> Self::Future {
        // What comes here is allowed; who it is, and what was decided, came along.
        let name = request.extensions().get::<Caller>().map(|caller| caller.name().to_owned());
        let database = request.extensions().get::<Admitted>().map(|it| it.database.clone());
        let SearchRequest { collection_name, .. } = request.into_inner();
        let (name, database) = (name.unwrap_or_default(), database.unwrap_or_default());
        println!("  the service searches {collection_name} in {database} for {name}");
        ready(Ok(Response::new(SearchResults { collection_name })))
    }
}

/// The same as a service that tonic can route to; generated code looks like this.
#[derive(Clone)]
struct MilvusService;

impl tonic::server::NamedService for MilvusService {
    const NAME: &'static str = "milvus.proto.milvus.MilvusService";
}

impl tower::Service<http::Request<Body>> for MilvusService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            if request.uri().path() != SEARCH {
                return Ok(Status::unimplemented("only Search is answered").into_http());
            }
            let codec = ProstCodec::<SearchResults, SearchRequest>::default();
            Ok(tonic::server::Grpc::new(codec).unary(Searches, request).await)
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let deployment = Deployment::open(Box::new(MemoryStore::new()), &Settings::default())?;
    set_up(&deployment).await?;

    let guard = Guard::new(deployment.authorizer().clone(), GuardLimits::default());
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?;
    let address = incoming.local_addr()?;
    // Whoever has the address of the peer puts it in as a `Peer`, so that logins share fairly.
    let server = Server::builder().layer(RbacLayer::new(guard)).add_service(MilvusService);
    let serving = tokio::spawn(server.serve_with_incoming(incoming));

    let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
    for (login, collection) in
        [("user_1:P@ssw0rd", "books"), ("user_1:P@ssw0rd", "films"), ("user_1:guess", "books")]
    {
        println!("{login} asks for {collection}");
        match search(channel.clone(), login, collection).await {
            Ok(found) => println!("  found something in {}", found.into_inner().collection_name),
            Err(status) => println!("  refused: {}", status.message()),
        }
    }
    serving.abort();
    deployment.close()?;
    Ok(())
}

/// What a client does.
async fn search(
    channel: Channel,
    login: &str,
    collection: &str,
) -> Result<Response<SearchResults>, Status> {
    let message = SearchRequest { db_name: String::new(), collection_name: collection.to_owned() };
    let mut request = Request::new(message);
    let header = BASE64_STANDARD.encode(login).parse();
    let header = header.map_err(|_| Status::internal("base64 is always a header"))?;
    request.metadata_mut().insert("authorization", header);
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let codec = ProstCodec::<SearchRequest, SearchResults>::default();
    client.unary(request, PathAndQuery::from_static(SEARCH), codec).await
}

/// Makes `user_1`, who may search the collection `books`.
async fn set_up(deployment: &Deployment) -> Result<(), Error> {
    let (admin, program) = (deployment.admin(), Caller::unauthenticated(Peer::LOCAL));
    admin.bootstrap(None).await?;
    let new = NewUser {
        name: "user_1".to_owned(),
        password: GivenPassword::plain("P@ssw0rd".to_owned()),
        description: None,
    };
    admin.create_user(&program, new).await?;
    admin.create_role(&program, "reader", "").await?;
    let grant = LevelGrant {
        role: Some("reader".to_owned()),
        privilege: GivenPrivilege::Named("Search".to_owned()),
        database: "default".to_owned(),
        collection: "books".to_owned(),
    };
    admin.operate_privilege_v2(&program, GrantAction::Grant, grant).await?;
    admin.operate_user_role(&program, "user_1", "reader", Some(Membership::Bind)).await?;
    Ok(())
}
