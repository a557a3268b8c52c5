//! Privilege groups over REST.

use serde::Serialize;

use super::answer::{Answer, command, success};
use super::shape::{Body, Field};
use crate::admin::{Admin, GroupAction};
use crate::api::Operation;
use crate::credential::Caller;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Groups {
    privilege_groups: Vec<Group>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    privilege_group_name: String,
    /// One text with commas, not a list: so does Milvus.
    privileges: String,
}

pub(super) fn list(admin: &Admin) -> Answer {
    let groups = admin.list_privilege_groups().into_iter().map(|group| Group {
        privilege_group_name: group.name,
        privileges: group.privileges.join(","),
    });
    success(&Groups { privilege_groups: groups.collect() })
}

pub(super) async fn create(admin: &Admin, caller: &Caller, body: &Body) -> Answer {
    let outcome = admin.create_privilege_group(caller, body.get(Field::PrivilegeGroupName)).await;
    command(Operation::CreatePrivilegeGroup, outcome)
}

pub(super) async fn drop_group(admin: &Admin, caller: &Caller, body: &Body) -> Answer {
    let outcome = admin.drop_privilege_group(caller, body.get(Field::PrivilegeGroupName)).await;
    command(Operation::DropPrivilegeGroup, outcome)
}

pub(super) async fn operate(
    admin: &Admin,
    caller: &Caller,
    body: &Body,
    action: GroupAction,
) -> Answer {
    let name = body.get(Field::PrivilegeGroupName);
    let outcome =
        admin.operate_privilege_group(caller, name, body.privileges(), Some(action)).await;
    command(Operation::OperatePrivilegeGroup, outcome)
}
