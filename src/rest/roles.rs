//! Roles over REST.

use super::answer::{Answer, command, described, list, refused};
use super::shape::{Body, Field};
use crate::admin::{Admin, GrantQuery};
use crate::api::Operation;
use crate::credential::Caller;

pub(super) fn list_roles(admin: &Admin) -> Answer {
    match admin.select_role(None, false) {
        Ok(roles) => list(&roles.into_iter().map(|role| role.name).collect::<Vec<_>>()),
        Err(error) => refused(Operation::SelectRole, &error),
    }
}

/// Two steps, as Milvus has them: the role for its description, then its grants.
pub(super) fn describe(admin: &Admin, body: &Body) -> Answer {
    let name = body.get(Field::RoleName);
    let roles = match admin.select_role(Some(name), false) {
        Ok(roles) => roles,
        Err(error) => return refused(Operation::SelectRole, &error),
    };
    let query = GrantQuery { present: true, role: Some(name.to_owned()), object: None };
    if let Err(error) = admin.check_grant_query(&query) {
        return refused(Operation::SelectGrant, &error);
    }
    let description = roles.into_iter().next().map(|role| role.description).unwrap_or_default();
    described(&[], description)
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
