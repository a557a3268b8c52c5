//! Short forms of the calls of part 2.

use milvus_rbac::proto::common::Status;
use milvus_rbac::proto::milvus as pb;

use crate::support::Grpc;

/// A grant that is shown, in one line: `Collection default.c1 Search`.
pub(crate) fn line(grant: &pb::GrantEntity) -> String {
    let object_type = &grant.object.as_ref().unwrap().name;
    let privilege = grant.grantor.as_ref().unwrap().privilege.as_ref().unwrap();
    format!("{object_type} {}.{} {}", grant.db_name, grant.object_name, privilege.name)
}

pub(crate) fn entity(role: &str, object: (&str, &str), privilege: &str) -> pb::GrantEntity {
    pb::GrantEntity {
        role: Some(role_entity(role)),
        object: Some(pb::ObjectEntity { name: object.0.to_owned() }),
        object_name: object.1.to_owned(),
        grantor: Some(grantor(privilege)),
        db_name: String::new(),
    }
}

pub(crate) fn role_entity(name: &str) -> pb::RoleEntity {
    pb::RoleEntity { name: name.to_owned(), description: String::new() }
}

pub(crate) fn grantor(privilege: &str) -> pb::GrantorEntity {
    pb::GrantorEntity {
        user: None,
        privilege: Some(pb::PrivilegeEntity { name: privilege.to_owned() }),
    }
}

/// Grants (0) or revokes (1) by object.
pub(crate) async fn operate(client: &Grpc, entity: pb::GrantEntity, r#type: i32) -> Status {
    let request = pb::OperatePrivilegeRequest {
        base: None,
        entity: Some(entity),
        r#type,
        version: String::new(),
    };
    client.rpc().operate_privilege(request).await.unwrap().into_inner()
}

/// Grants (0) or revokes (1) by level.
pub(crate) async fn operate_v2(
    client: &Grpc,
    role: &str,
    privilege: &str,
    (database, collection): (&str, &str),
    r#type: i32,
) -> Status {
    let request = pb::OperatePrivilegeV2Request {
        base: None,
        role: Some(role_entity(role)),
        grantor: Some(grantor(privilege)),
        r#type,
        db_name: database.to_owned(),
        collection_name: collection.to_owned(),
    };
    client.rpc().operate_privilege_v2(request).await.unwrap().into_inner()
}

pub(crate) async fn select_grants(
    client: &Grpc,
    entity: Option<pb::GrantEntity>,
) -> pb::SelectGrantResponse {
    let request = pb::SelectGrantRequest { base: None, entity };
    client.rpc().select_grant(request).await.unwrap().into_inner()
}

/// All grants of a role in all databases.
pub(crate) async fn grants_of(client: &Grpc, role: &str) -> Vec<String> {
    let entity = pb::GrantEntity {
        role: Some(role_entity(role)),
        db_name: "*".to_owned(),
        ..Default::default()
    };
    let answer = select_grants(client, Some(entity)).await;
    assert_eq!(answer.status, Some(Status::default()));
    answer.entities.iter().map(line).collect()
}

pub(crate) async fn create_group(client: &Grpc, name: &str) -> Status {
    let request = pb::CreatePrivilegeGroupRequest { base: None, group_name: name.to_owned() };
    client.rpc().create_privilege_group(request).await.unwrap().into_inner()
}

pub(crate) async fn drop_group(client: &Grpc, name: &str) -> Status {
    let request = pb::DropPrivilegeGroupRequest { base: None, group_name: name.to_owned() };
    client.rpc().drop_privilege_group(request).await.unwrap().into_inner()
}

/// Adds (0) or removes (1).
pub(crate) async fn operate_group(
    client: &Grpc,
    name: &str,
    privileges: &[&str],
    r#type: i32,
) -> Status {
    let entity = |name: &&str| pb::PrivilegeEntity { name: (*name).to_owned() };
    let request = pb::OperatePrivilegeGroupRequest {
        base: None,
        group_name: name.to_owned(),
        privileges: privileges.iter().map(entity).collect(),
        r#type,
    };
    client.rpc().operate_privilege_group(request).await.unwrap().into_inner()
}

/// Name and members of all groups.
pub(crate) async fn list_groups(client: &Grpc) -> Vec<(String, Vec<String>)> {
    let request = pb::ListPrivilegeGroupsRequest { base: None };
    let answer = client.rpc().list_privilege_groups(request).await.unwrap().into_inner();
    assert_eq!(answer.status, Some(Status::default()));
    let members = |group: &pb::PrivilegeGroupInfo| {
        group.privileges.iter().map(|privilege| privilege.name.clone()).collect()
    };
    answer.privilege_groups.iter().map(|group| (group.group_name.clone(), members(group))).collect()
}

pub(crate) async fn backup(client: &Grpc) -> pb::RbacMeta {
    let answer = client.rpc().backup_rbac(pb::BackupRbacMetaRequest { base: None }).await.unwrap();
    let answer = answer.into_inner();
    assert_eq!(answer.status, Some(Status::default()));
    answer.rbac_meta.unwrap()
}

pub(crate) async fn restore(client: &Grpc, meta: Option<pb::RbacMeta>) -> Status {
    let request = pb::RestoreRbacMetaRequest { base: None, rbac_meta: meta };
    client.rpc().restore_rbac(request).await.unwrap().into_inner()
}

/// A refusal as it must be: both codes and the whole text.
#[track_caller]
pub(crate) fn refused(status: &Status, code: i32, legacy: i32, reason: &str) {
    assert_eq!((status.code, status.error_code, status.reason.as_str()), (code, legacy, reason));
    assert_eq!(status.detail, reason);
    assert!(!status.retriable);
    assert_eq!(status.extra_info.get("is_input_error").map(String::as_str), Some("true"));
}

#[track_caller]
pub(crate) fn succeeded(status: &Status) {
    assert_eq!(*status, Status::default());
}
