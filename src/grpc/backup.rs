//! Backup and restore over gRPC.

use crate::admin::{Admin, BackupRole, BackupUser, GrantView, GroupView, RbacBackup};
use crate::api::Operation;
use crate::credential::Caller;
use crate::model::PasswordHash;
use crate::proto::common::Status;
use crate::proto::milvus as pb;

use super::grants::entity;
use super::privilege_groups::info;
use super::status::outcome;

pub(super) fn backup(admin: &Admin) -> pb::BackupRbacMetaResponse {
    let RbacBackup { users, roles, grants, groups } = admin.backup();
    let users = users.into_iter().map(|user| pb::UserInfo {
        user: user.name,
        password: user.hash.expose().to_owned(),
        roles: user.roles.into_iter().map(named_role).collect(),
    });
    let roles = roles
        .into_iter()
        .map(|role| pb::RoleEntity { name: role.name, description: role.description });
    let meta = pb::RbacMeta {
        users: users.collect(),
        roles: roles.collect(),
        grants: grants.into_iter().map(entity).collect(),
        privilege_groups: groups.into_iter().map(info).collect(),
    };
    pb::BackupRbacMetaResponse { status: Some(Status::default()), rbac_meta: Some(meta) }
}

pub(super) async fn restore(
    admin: &Admin,
    caller: &Caller,
    message: pb::RestoreRbacMetaRequest,
) -> Result<Status, tonic::Status> {
    let meta = message.rbac_meta.unwrap_or_default();
    let users = meta.users.into_iter().map(|user| BackupUser {
        hash: PasswordHash::new(&zeroize::Zeroizing::new(user.password)),
        name: user.user,
        roles: user.roles.into_iter().map(|role| role.name).collect(),
    });
    let roles = meta
        .roles
        .into_iter()
        .map(|role| BackupRole { name: role.name, description: role.description });
    let groups = meta.privilege_groups.into_iter().map(|group| GroupView {
        name: group.group_name,
        privileges: group.privileges.into_iter().map(|privilege| privilege.name).collect(),
    });
    let backup = RbacBackup {
        users: users.collect(),
        roles: roles.collect(),
        grants: meta.grants.into_iter().map(view).collect(),
        groups: groups.collect(),
    };
    outcome(Operation::RestoreRbac, admin.restore(caller, backup).await)
}

/// A grant out of a message; what is absent is empty and judged by the operation.
fn view(entity: pb::GrantEntity) -> GrantView {
    let grantor = entity.grantor.unwrap_or_default();
    GrantView {
        role: entity.role.unwrap_or_default().name,
        object_type: entity.object.unwrap_or_default().name,
        object_name: entity.object_name,
        database: entity.db_name,
        privilege: grantor.privilege.unwrap_or_default().name,
        grantor: grantor.user.unwrap_or_default().name,
    }
}

fn named_role(name: String) -> pb::RoleEntity {
    pb::RoleEntity { name, description: String::new() }
}
