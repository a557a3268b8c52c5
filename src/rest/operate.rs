//! Which function each endpoint calls, once a request may be served.

use super::answer::Answer;
use super::shape::Body;
use super::{grants, privilege_groups, roles, users};
use crate::admin::{Admin, GrantAction, GroupAction, Membership};
use crate::api::Endpoint;
use crate::credential::Caller;

/// `connection` is the database of the header.
pub(super) async fn operate(
    admin: &Admin,
    endpoint: Endpoint,
    caller: &Caller,
    body: Body,
    connection: &str,
) -> Answer {
    match endpoint {
        Endpoint::UsersList => users::list_users(admin),
        Endpoint::UsersDescribe => users::describe(admin, &body),
        Endpoint::UsersCreate => users::create(admin, caller, body).await,
        Endpoint::UsersUpdatePassword => users::update_password(admin, caller, body).await,
        Endpoint::UsersDrop => users::drop_user(admin, caller, &body).await,
        Endpoint::UsersGrantRole => {
            users::operate_role(admin, caller, &body, Membership::Bind).await
        }
        Endpoint::UsersRevokeRole => {
            users::operate_role(admin, caller, &body, Membership::Unbind).await
        }
        Endpoint::RolesList => roles::list_roles(admin),
        Endpoint::RolesDescribe => roles::describe(admin, &body, connection),
        Endpoint::RolesCreate => roles::create(admin, caller, &body).await,
        Endpoint::RolesAlter => roles::alter(admin, caller, &body).await,
        Endpoint::RolesDrop => roles::drop_role(admin, caller, &body).await,
        Endpoint::RolesGrant => {
            grants::operate(admin, caller, &body, connection, GrantAction::Grant).await
        }
        Endpoint::RolesRevoke => {
            grants::operate(admin, caller, &body, connection, GrantAction::Revoke).await
        }
        Endpoint::RolesGrantV2 => {
            grants::operate_v2(admin, caller, &body, GrantAction::Grant).await
        }
        Endpoint::RolesRevokeV2 => {
            grants::operate_v2(admin, caller, &body, GrantAction::Revoke).await
        }
        Endpoint::GroupsList => privilege_groups::list(admin),
        Endpoint::GroupsCreate => privilege_groups::create(admin, caller, &body).await,
        Endpoint::GroupsDrop => privilege_groups::drop_group(admin, caller, &body).await,
        Endpoint::GroupsAdd => {
            privilege_groups::operate(admin, caller, &body, GroupAction::Add).await
        }
        Endpoint::GroupsRemove => {
            privilege_groups::operate(admin, caller, &body, GroupAction::Remove).await
        }
    }
}
