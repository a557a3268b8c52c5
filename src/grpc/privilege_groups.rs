//! Custom privilege groups over gRPC.

use crate::admin::{Admin, GroupAction, GroupView};
use crate::api::Operation;
use crate::credential::Caller;
use crate::proto::common::Status;
use crate::proto::milvus as pb;

use super::status::outcome;

type Answer<T> = Result<T, tonic::Status>;

pub(super) async fn create(
    admin: &Admin,
    caller: &Caller,
    message: pb::CreatePrivilegeGroupRequest,
) -> Answer<Status> {
    let result = admin.create_privilege_group(caller, &message.group_name).await;
    outcome(Operation::CreatePrivilegeGroup, result)
}

pub(super) async fn drop(
    admin: &Admin,
    caller: &Caller,
    message: pb::DropPrivilegeGroupRequest,
) -> Answer<Status> {
    let result = admin.drop_privilege_group(caller, &message.group_name).await;
    outcome(Operation::DropPrivilegeGroup, result)
}

pub(super) fn list(admin: &Admin) -> pb::ListPrivilegeGroupsResponse {
    let groups = admin.list_privilege_groups();
    pb::ListPrivilegeGroupsResponse {
        status: Some(Status::default()),
        privilege_groups: groups.into_iter().map(info).collect(),
    }
}

pub(super) async fn operate(
    admin: &Admin,
    caller: &Caller,
    message: pb::OperatePrivilegeGroupRequest,
) -> Answer<Status> {
    let action = match pb::OperatePrivilegeGroupType::try_from(message.r#type) {
        Ok(pb::OperatePrivilegeGroupType::AddPrivilegesToGroup) => Some(GroupAction::Add),
        Ok(pb::OperatePrivilegeGroupType::RemovePrivilegesFromGroup) => Some(GroupAction::Remove),
        Err(_) => None,
    };
    let privileges: Vec<String> =
        message.privileges.into_iter().map(|privilege| privilege.name).collect();
    let result =
        admin.operate_privilege_group(caller, &message.group_name, &privileges, action).await;
    outcome(Operation::OperatePrivilegeGroup, result)
}

/// A group as messages carry it.
pub(super) fn info(group: GroupView) -> pb::PrivilegeGroupInfo {
    let entity = |name| pb::PrivilegeEntity { name };
    pb::PrivilegeGroupInfo {
        group_name: group.name,
        privileges: group.privileges.into_iter().map(entity).collect(),
    }
}
