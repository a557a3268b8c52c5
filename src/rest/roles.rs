//! Roles over REST.

use serde::Serialize;

use super::answer::{Answer, command, described, list, refused};
use super::grants::database;
use super::shape::{Body, Field};
use crate::admin::{Admin, GrantQuery, GrantView};
use crate::api::Operation;
use crate::credential::Caller;

/// A grant as it is shown here.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Grant {
    object_type: String,
    object_name: String,
    privilege: String,
    db_name: String,
    grantor: String,
}

impl From<GrantView> for Grant {
    fn from(grant: GrantView) -> Self {
        Self {
            object_type: grant.object_type,
            object_name: grant.object_name,
            privilege: grant.privilege,
            db_name: grant.database,
            grantor: grant.grantor,
        }
    }
}

pub(super) fn list_roles(admin: &Admin) -> Answer {
    match admin.select_role(None, false) {
        Ok(roles) => list(&roles.into_iter().map(|role| role.name).collect::<Vec<_>>()),
        Err(error) => refused(Operation::SelectRole, &error),
    }
}

/// Two steps, as Milvus has them: the role for its description, then its grants.
pub(super) fn describe(admin: &Admin, body: &Body, connection: &str) -> Answer {
    let name = body.get(Field::RoleName);
    let roles = match admin.select_role(Some(name), false) {
        Ok(roles) => roles,
        Err(error) => return refused(Operation::SelectRole, &error),
    };
    let query = GrantQuery {
        present: true,
        role: Some(name.to_owned()),
        object: None,
        database: database(body, connection).to_owned(),
    };
    let grants = match admin.select_grants(&query) {
        Ok(grants) => grants,
        Err(error) => return refused(Operation::SelectGrant, &error),
    };
    let grants: Vec<Grant> = grants.into_iter().map(Grant::from).collect();
    let description = roles.into_iter().next().map(|role| role.description).unwrap_or_default();
    described(&grants, description)
}

pub(super) async fn create(admin: &Admin, caller: &Caller, body: &Body) -> Answer {
    let (name, description) = (body.get(Field::RoleName), body.get(Field::Description));
    command(Operation::CreateRole, admin.create_role(caller, name, description).await)
}

pub(super) async fn alter(admin: &Admin, caller: &Caller, body: &Body) -> Answer {
    let (name, description) = (body.get(Field::RoleName), body.get(Field::Description));
    command(Operation::AlterRole, admin.alter_role(caller, name, description).await)
}

pub(super) async fn drop_role(admin: &Admin, caller: &Caller, body: &Body) -> Answer {
    let outcome = admin.drop_role(caller, body.get(Field::RoleName), false).await;
    command(Operation::DropRole, outcome)
}
