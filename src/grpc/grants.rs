//! Grants over gRPC: only asking for them, so far.

use crate::admin::{Admin, GrantQuery, ObjectQuery};
use crate::api::Operation;
use crate::proto::common::Status;
use crate::proto::milvus as pb;

use super::status::refused;

pub(super) fn select(
    admin: &Admin,
    message: pb::SelectGrantRequest,
) -> Result<pb::SelectGrantResponse, tonic::Status> {
    let query = match message.entity {
        None => GrantQuery::default(),
        Some(entity) => GrantQuery {
            present: true,
            role: entity.role.map(|role| role.name),
            object: entity
                .object
                .map(|object| ObjectQuery { object_type: object.name, name: entity.object_name }),
        },
    };
    let status = match admin.check_grant_query(&query) {
        Ok(()) => Status::default(),
        Err(error) => refused(Operation::SelectGrant, &error)?,
    };
    Ok(pb::SelectGrantResponse { status: Some(status), entities: Vec::new() })
}
