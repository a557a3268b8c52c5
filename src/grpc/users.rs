//! Users over gRPC.

use crate::admin::{Admin, GivenPassword, Membership, NewUser, UserUpdate};
use crate::api::Operation;
use crate::credential::Caller;
use crate::proto::common::Status;
use crate::proto::milvus as pb;

use super::status::{outcome, refused};

type Answer<T> = Result<T, tonic::Status>;

pub(super) async fn create(
    admin: &Admin,
    caller: &Caller,
    message: pb::CreateCredentialRequest,
) -> Answer<Status> {
    let new = NewUser {
        name: message.username,
        password: GivenPassword::base64(message.password),
        description: message.description,
    };
    outcome(Operation::CreateCredential, admin.create_user(caller, new).await)
}

pub(super) async fn update(
    admin: &Admin,
    caller: &Caller,
    message: pb::UpdateCredentialRequest,
) -> Answer<Status> {
    let update = UserUpdate {
        name: message.username,
        old_password: GivenPassword::base64(message.old_password),
        new_password: GivenPassword::base64(message.new_password),
        description: message.description,
    };
    outcome(Operation::UpdateCredential, admin.update_user(caller, update).await)
}

pub(super) async fn delete(
    admin: &Admin,
    caller: &Caller,
    message: pb::DeleteCredentialRequest,
) -> Answer<Status> {
    let result = admin.delete_user(caller, &message.username).await;
    outcome(Operation::DeleteCredential, result)
}

pub(super) fn list(admin: &Admin) -> pb::ListCredUsersResponse {
    pb::ListCredUsersResponse { status: Some(Status::default()), usernames: admin.list_users() }
}

pub(super) async fn operate_role(
    admin: &Admin,
    caller: &Caller,
    message: pb::OperateUserRoleRequest,
) -> Answer<Status> {
    let membership = match message.r#type {
        0 => Some(Membership::Bind),
        1 => Some(Membership::Unbind),
        _ => None,
    };
    let result =
        admin.operate_user_role(caller, &message.username, &message.role_name, membership).await;
    outcome(Operation::OperateUserRole, result)
}

pub(super) fn select(
    admin: &Admin,
    message: &pb::SelectUserRequest,
) -> Answer<pb::SelectUserResponse> {
    let name = message.user.as_ref().map(|user| user.name.as_str());
    let users = match admin.select_user(name, message.include_role_info) {
        Ok(users) => users,
        Err(error) => {
            let status = refused(Operation::SelectUser, &error)?;
            return Ok(pb::SelectUserResponse { status: Some(status), results: Vec::new() });
        }
    };
    let role = |name| pb::RoleEntity { name, description: String::new() };
    let results = users
        .into_iter()
        .map(|user| pb::UserResult {
            user: Some(pb::UserEntity { name: user.name }),
            roles: user.roles.into_iter().map(role).collect(),
            description: user.description,
        })
        .collect();
    Ok(pb::SelectUserResponse { status: Some(Status::default()), results })
}
