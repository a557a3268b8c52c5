//! Roles over gRPC.

use crate::admin::Admin;
use crate::api::Operation;
use crate::credential::Caller;
use crate::proto::common::Status;
use crate::proto::milvus as pb;

use super::status::{outcome, refused};

type Answer<T> = Result<T, tonic::Status>;

pub(super) async fn create(
    admin: &Admin,
    caller: &Caller,
    message: pb::CreateRoleRequest,
) -> Answer<Status> {
    // An absent entity counts as an empty name.
    let role = message.entity.unwrap_or_default();
    let result = admin.create_role(caller, &role.name, &role.description).await;
    outcome(Operation::CreateRole, result)
}

pub(super) async fn alter(
    admin: &Admin,
    caller: &Caller,
    message: pb::AlterRoleRequest,
) -> Answer<Status> {
    let result = admin.alter_role(caller, &message.role_name, &message.description).await;
    outcome(Operation::AlterRole, result)
}

pub(super) async fn drop(
    admin: &Admin,
    caller: &Caller,
    message: pb::DropRoleRequest,
) -> Answer<Status> {
    let result = admin.drop_role(caller, &message.role_name, message.force_drop).await;
    outcome(Operation::DropRole, result)
}

pub(super) fn select(
    admin: &Admin,
    message: &pb::SelectRoleRequest,
) -> Answer<pb::SelectRoleResponse> {
    let name = message.role.as_ref().map(|role| role.name.as_str());
    let roles = match admin.select_role(name, message.include_user_info) {
        Ok(roles) => roles,
        Err(error) => {
            let status = refused(Operation::SelectRole, &error)?;
            return Ok(pb::SelectRoleResponse { status: Some(status), results: Vec::new() });
        }
    };
    let results = roles
        .into_iter()
        .map(|role| pb::RoleResult {
            role: Some(pb::RoleEntity { name: role.name, description: role.description }),
            users: role.users.into_iter().map(|name| pb::UserEntity { name }).collect(),
        })
        .collect();
    Ok(pb::SelectRoleResponse { status: Some(Status::default()), results })
}
