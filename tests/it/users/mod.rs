//! Users over gRPC: `CreateCredential`, `UpdateCredential`, `DeleteCredential`, `ListCredUsers`.

mod create;
mod delete;
mod passwords;
mod reset;
mod update;

use milvus_rbac::proto::common::Status as MilvusStatus;
use milvus_rbac::proto::milvus as pb;

use crate::support::{Grpc, encoded};

/// A password that both modes accept.
pub(super) const GOOD: &str = "P@ssw0rd";

/// `CreateCredential` with the password as it is on the wire.
pub(super) async fn create(
    client: &Grpc,
    name: &str,
    password: &str,
    description: Option<&str>,
) -> MilvusStatus {
    let request = pb::CreateCredentialRequest {
        username: name.to_owned(),
        password: password.to_owned(),
        description: description.map(ToOwned::to_owned),
        ..Default::default()
    };
    client.rpc().create_credential(request).await.unwrap().into_inner()
}

/// Makes a user with [`GOOD`].
pub(super) async fn created(client: &Grpc, name: &str) {
    assert_eq!(create(client, name, &encoded(GOOD), None).await, MilvusStatus::default());
}

/// `UpdateCredential` with the passwords as they are on the wire.
pub(super) async fn update(
    client: &Grpc,
    name: &str,
    (old, new): (&str, &str),
    description: Option<&str>,
) -> Result<MilvusStatus, tonic::Status> {
    let request = pb::UpdateCredentialRequest {
        username: name.to_owned(),
        old_password: old.to_owned(),
        new_password: new.to_owned(),
        description: description.map(ToOwned::to_owned),
        ..Default::default()
    };
    client.rpc().update_credential(request).await.map(tonic::Response::into_inner)
}
