//! What nobody in their right mind sends: names of every character, messages of every wrong
//! shape, frames that are none. Each is refused with its own code, and nothing changes.

mod frames;
mod messages;
mod names;

use milvus_rbac::model::Revision;

use crate::support::{Grpc, ROOT, TestServer};

/// Everything that a request could have changed.
pub(super) async fn state(server: &TestServer) -> (Vec<String>, Vec<String>, Revision) {
    let root: Grpc = server.grpc(ROOT).await;
    let revision = server.deployment.admin().snapshots().get().revision();
    (root.list_users().await.unwrap(), root.list_roles().await.unwrap(), revision)
}
