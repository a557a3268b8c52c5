//! Which RPC each REST path stands for, so that both need the same and are decided alike.

use crate::policy::{Requirement, find};

/// An operation that REST offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `users/list`.
    UsersList,
    /// `users/describe`.
    UsersDescribe,
    /// `users/create`.
    UsersCreate,
    /// `users/update_password`.
    UsersUpdatePassword,
    /// `users/drop`.
    UsersDrop,
    /// `users/grant_role`.
    UsersGrantRole,
    /// `users/revoke_role`.
    UsersRevokeRole,
    /// `roles/list`.
    RolesList,
    /// `roles/describe`.
    RolesDescribe,
    /// `roles/create`.
    RolesCreate,
    /// `roles/alter`.
    RolesAlter,
    /// `roles/drop`.
    RolesDrop,
    /// `roles/grant_privilege`.
    RolesGrant,
    /// `roles/revoke_privilege`.
    RolesRevoke,
    /// `roles/grant_privilege_v2`.
    RolesGrantV2,
    /// `roles/revoke_privilege_v2`.
    RolesRevokeV2,
    /// `privilege_groups/list`.
    GroupsList,
    /// `privilege_groups/create`.
    GroupsCreate,
    /// `privilege_groups/drop`.
    GroupsDrop,
    /// `privilege_groups/add_privileges_to_group`.
    GroupsAdd,
    /// `privilege_groups/remove_privileges_from_group`.
    GroupsRemove,
}

/// A path, what it does, and the RPC whose row it is decided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestPath {
    /// The exact path.
    pub path: &'static str,
    /// What it does.
    pub endpoint: Endpoint,
    /// Path of the RPC.
    pub rpc: &'static str,
}

/// Describing a role reads its grants, too.
const GRANTS_OF_ROLE: &str = "/milvus.proto.milvus.MilvusService/SelectGrant";

impl RestPath {
    /// The row of the RPC it stands for.
    #[must_use]
    pub fn requirement(&self) -> Option<&'static Requirement> {
        find(self.rpc)
    }

    /// All rows that it has to be allowed by, that of its RPC first.
    #[must_use]
    pub fn requirements(&self) -> Vec<&'static Requirement> {
        let second = (self.endpoint == Endpoint::RolesDescribe).then_some(GRANTS_OF_ROLE);
        std::iter::once(self.rpc).chain(second).filter_map(find).collect()
    }
}

macro_rules! rest_path {
    ($path:literal, $endpoint:ident, $rpc:literal) => {
        RestPath {
            path: concat!("/v2/vectordb/", $path),
            endpoint: Endpoint::$endpoint,
            rpc: concat!("/milvus.proto.milvus.MilvusService/", $rpc),
        }
    };
}

static PATHS: [RestPath; 21] = [
    rest_path!("users/list", UsersList, "ListCredUsers"),
    rest_path!("users/describe", UsersDescribe, "SelectUser"),
    rest_path!("users/create", UsersCreate, "CreateCredential"),
    rest_path!("users/update_password", UsersUpdatePassword, "UpdateCredential"),
    rest_path!("users/drop", UsersDrop, "DeleteCredential"),
    rest_path!("users/grant_role", UsersGrantRole, "OperateUserRole"),
    rest_path!("users/revoke_role", UsersRevokeRole, "OperateUserRole"),
    rest_path!("roles/list", RolesList, "SelectRole"),
    rest_path!("roles/describe", RolesDescribe, "SelectRole"),
    rest_path!("roles/create", RolesCreate, "CreateRole"),
    rest_path!("roles/alter", RolesAlter, "AlterRole"),
    rest_path!("roles/drop", RolesDrop, "DropRole"),
    rest_path!("roles/grant_privilege", RolesGrant, "OperatePrivilege"),
    rest_path!("roles/revoke_privilege", RolesRevoke, "OperatePrivilege"),
    rest_path!("roles/grant_privilege_v2", RolesGrantV2, "OperatePrivilegeV2"),
    rest_path!("roles/revoke_privilege_v2", RolesRevokeV2, "OperatePrivilegeV2"),
    rest_path!("privilege_groups/list", GroupsList, "ListPrivilegeGroups"),
    rest_path!("privilege_groups/create", GroupsCreate, "CreatePrivilegeGroup"),
    rest_path!("privilege_groups/drop", GroupsDrop, "DropPrivilegeGroup"),
    rest_path!("privilege_groups/add_privileges_to_group", GroupsAdd, "OperatePrivilegeGroup"),
    rest_path!(
        "privilege_groups/remove_privileges_from_group",
        GroupsRemove,
        "OperatePrivilegeGroup"
    ),
];

/// All paths.
#[must_use]
pub fn rest_paths() -> &'static [RestPath] {
    &PATHS
}

/// The path, if it is one of ours. Compared exactly: case, slashes and escapes matter.
#[must_use]
pub fn find_rest_path(path: &str) -> Option<&'static RestPath> {
    PATHS.iter().find(|known| known.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_leads_to_a_row_that_is_served() {
        for path in rest_paths() {
            let requirement = path.requirement().unwrap();
            assert!(requirement.served && !requirement.streaming, "{}", path.path);
        }
    }

    #[test]
    fn only_the_exact_path_is_known() {
        assert!(find_rest_path("/v2/vectordb/users/list").is_some());
        for path in [
            "/v2/vectordb/users/list/",
            "/v2/vectordb/users//list",
            "/V2/vectordb/users/list",
            "/v2/vectordb/users/%6cist",
            "/v2/vectordb/users/list;a=b",
            "/v2/vectordb/x/../users/list",
        ] {
            assert!(find_rest_path(path).is_none(), "{path}");
        }
    }
}
