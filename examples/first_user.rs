//! Makes a user and a role over gRPC, and lists them.
//!
//! Start a server, then run this against it:
//!
//! ```text
//! cargo run --release -- serve --store memory:
//! cargo run --example first_user -- http://localhost:19530 root:Milvus
//! ```

use base64::prelude::*;
use milvus_rbac::proto::common::Status;
use milvus_rbac::proto::milvus as pb;
use milvus_rbac::proto::milvus::milvus_service_client::MilvusServiceClient;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Endpoint;

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "http://localhost:19530".to_owned());
    let login = arguments.next().unwrap_or_else(|| "root:Milvus".to_owned());

    // Every call carries base64 of `user:password`, without a scheme word.
    let authorization: MetadataValue<Ascii> = BASE64_STANDARD.encode(login).parse()?;
    let channel = Endpoint::from_shared(address)?.connect().await?;
    let mut client =
        MilvusServiceClient::with_interceptor(channel, move |mut request: Request<()>| {
            request.metadata_mut().insert("authorization", authorization.clone());
            Ok(request)
        });

    let user = pb::CreateCredentialRequest {
        username: "user_1".to_owned(),
        // An encoding, not encryption.
        password: BASE64_STANDARD.encode("P@ssw0rd"),
        ..Default::default()
    };
    report("create user_1", &client.create_credential(user).await?.into_inner());

    let entity = pb::RoleEntity { name: "role_a".to_owned(), description: String::new() };
    let role = pb::CreateRoleRequest { base: None, entity: Some(entity) };
    report("create role_a", &client.create_role(role).await?.into_inner());

    let users = client.list_cred_users(pb::ListCredUsersRequest::default()).await?.into_inner();
    println!("users: {:?}", users.usernames);
    let roles = client.select_role(pb::SelectRoleRequest::default()).await?.into_inner().results;
    let names: Vec<String> =
        roles.into_iter().filter_map(|result| result.role).map(|role| role.name).collect();
    println!("roles: {names:?}");
    Ok(())
}

/// A refused operation is a normal answer with a code; only failures of the call are errors.
fn report(what: &str, status: &Status) {
    if status.code == 0 {
        println!("{what}: done");
    } else {
        println!("{what}: refused with code {}: {}", status.code, status.reason);
    }
}
