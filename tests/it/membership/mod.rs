//! Who holds which role, over gRPC: `OperateUserRole`, `SelectRole`, `SelectUser`.

mod bind;
mod builtin;
mod views;

use milvus_rbac::proto::milvus as pb;

use crate::support::{Grpc, success};

pub(super) const GOOD: &str = "P@ssw0rd";
pub(super) const BIND: i32 = 0;
pub(super) const UNBIND: i32 = 1;
pub(super) const UNKNOWN_ROLE: &str =
    "not found the role, maybe the role isn't existed or internal system error: invalid parameter";
pub(super) const EMPTY_ROLE: &str =
    "role name should be not empty: invalid parameter[expected=not empty][actual=]";
pub(super) const EMPTY_USER: &str = "username must be not empty: invalid parameter";

pub(super) async fn bind(client: &Grpc, user: &str, role: &str) {
    assert_eq!(client.operate_user_role(user, role, BIND).await.unwrap(), success());
}

pub(super) async fn select_role(
    client: &Grpc,
    name: Option<&str>,
    users: bool,
) -> pb::SelectRoleResponse {
    let role = name.map(|name| pb::RoleEntity { name: name.into(), description: String::new() });
    let request = pb::SelectRoleRequest { base: None, role, include_user_info: users };
    client.rpc().select_role(request).await.unwrap().into_inner()
}

pub(super) async fn select_user(
    client: &Grpc,
    name: Option<&str>,
    roles: bool,
) -> pb::SelectUserResponse {
    let user = name.map(|name| pb::UserEntity { name: name.to_owned() });
    let request = pb::SelectUserRequest { base: None, user, include_role_info: roles };
    client.rpc().select_user(request).await.unwrap().into_inner()
}

/// The members of each role that is found.
pub(super) async fn members(client: &Grpc, name: Option<&str>) -> Vec<(String, Vec<String>)> {
    let answer = select_role(client, name, true).await;
    assert_eq!(answer.status, Some(success()));
    let names = |users: Vec<pb::UserEntity>| users.into_iter().map(|user| user.name).collect();
    answer
        .results
        .into_iter()
        .map(|result| (result.role.unwrap().name, names(result.users)))
        .collect()
}

/// The roles of each user that is found.
pub(super) async fn roles(client: &Grpc, name: Option<&str>) -> Vec<(String, Vec<String>)> {
    let answer = select_user(client, name, true).await;
    assert_eq!(answer.status, Some(success()));
    let named = |roles: Vec<pb::RoleEntity>| {
        let bare = |role: pb::RoleEntity| {
            assert_eq!(role.description, "", "roles inside users carry their name only");
            role.name
        };
        roles.into_iter().map(bare).collect()
    };
    answer
        .results
        .into_iter()
        .map(|result| (result.user.unwrap().name, named(result.roles)))
        .collect()
}

pub(super) fn shown(name: &str, others: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), others.iter().map(ToString::to_string).collect())
}
