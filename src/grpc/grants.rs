//! Grants over gRPC.

use crate::admin::{
    Admin, GivenPrivilege, GrantAction, GrantQuery, GrantView, LevelGrant, ObjectGrant, ObjectQuery,
};
use crate::api::Operation;
use crate::credential::Caller;
use crate::proto::common::Status;
use crate::proto::milvus as pb;

use super::status::{outcome, refused};

type Answer<T> = Result<T, tonic::Status>;

pub(super) async fn operate(
    admin: &Admin,
    caller: &Caller,
    message: pb::OperatePrivilegeRequest,
    connection: String,
) -> Answer<Status> {
    let by_level = message.version == "v2";
    let grant = message.entity.map(|entity| ObjectGrant {
        role: entity.role.map(|role| role.name),
        object_type: entity.object.map(|object| object.name),
        object_name: entity.object_name,
        database: database(entity.db_name, connection),
        privilege: privilege(entity.grantor),
        by_level,
    });
    let result = admin.operate_privilege(caller, action(message.r#type), grant).await;
    outcome(Operation::OperatePrivilege, result)
}

pub(super) async fn operate_v2(
    admin: &Admin,
    caller: &Caller,
    message: pb::OperatePrivilegeV2Request,
    connection: String,
) -> Answer<Status> {
    let grant = LevelGrant {
        role: message.role.map(|role| role.name),
        privilege: privilege(message.grantor),
        database: database(message.db_name, connection),
        collection: message.collection_name,
    };
    let result = admin.operate_privilege_v2(caller, action(message.r#type), grant).await;
    outcome(Operation::OperatePrivilege, result)
}

pub(super) fn select(
    admin: &Admin,
    message: pb::SelectGrantRequest,
    connection: String,
) -> Answer<pb::SelectGrantResponse> {
    let query = match message.entity {
        None => GrantQuery::default(),
        Some(entity) => GrantQuery {
            present: true,
            role: entity.role.map(|role| role.name),
            object: entity
                .object
                .map(|object| ObjectQuery { object_type: object.name, name: entity.object_name }),
            database: database(entity.db_name, connection),
        },
    };
    match admin.select_grants(&query) {
        Ok(grants) => Ok(pb::SelectGrantResponse {
            status: Some(Status::default()),
            entities: grants.into_iter().map(entity).collect(),
        }),
        Err(error) => {
            let status = Some(refused(Operation::SelectGrant, &error)?);
            Ok(pb::SelectGrantResponse { status, entities: Vec::new() })
        }
    }
}

/// A grant as messages carry it.
pub(super) fn entity(grant: GrantView) -> pb::GrantEntity {
    pb::GrantEntity {
        role: Some(pb::RoleEntity { name: grant.role, description: String::new() }),
        object: Some(pb::ObjectEntity { name: grant.object_type }),
        object_name: grant.object_name,
        grantor: Some(pb::GrantorEntity {
            user: Some(pb::UserEntity { name: grant.grantor }),
            privilege: Some(pb::PrivilegeEntity { name: grant.privilege }),
        }),
        db_name: grant.database,
    }
}

/// The database of the request, or else of the connection.
fn database(request: String, connection: String) -> String {
    if request.is_empty() { connection } else { request }
}

fn privilege(grantor: Option<pb::GrantorEntity>) -> GivenPrivilege {
    match grantor.map(|grantor| grantor.privilege) {
        None => GivenPrivilege::NoGrantor,
        Some(None) => GivenPrivilege::NoPrivilege,
        Some(Some(privilege)) => GivenPrivilege::Named(privilege.name),
    }
}

fn action(number: i32) -> GrantAction {
    match pb::OperatePrivilegeType::try_from(number) {
        Ok(pb::OperatePrivilegeType::Grant) => GrantAction::Grant,
        Ok(pb::OperatePrivilegeType::Revoke) => GrantAction::Revoke,
        Err(_) => GrantAction::Other(number),
    }
}
