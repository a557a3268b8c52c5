//! Grants over REST.

use super::answer::{Answer, command};
use super::shape::{Body, Field};
use crate::admin::{Admin, GivenPrivilege, GrantAction, LevelGrant, ObjectGrant};
use crate::api::Operation;
use crate::credential::Caller;

/// By object. `connection` is the database of the header, which counts where the body names none.
pub(super) async fn operate(
    admin: &Admin,
    caller: &Caller,
    body: &Body,
    connection: &str,
    action: GrantAction,
) -> Answer {
    let text = |field| body.get(field).to_owned();
    let grant = ObjectGrant {
        role: Some(text(Field::RoleName)),
        object_type: Some(text(Field::ObjectType)),
        object_name: text(Field::ObjectName),
        database: database(body, connection).to_owned(),
        privilege: GivenPrivilege::Named(text(Field::Privilege)),
        by_level: false,
    };
    let outcome = admin.operate_privilege(caller, action, Some(grant)).await;
    command(Operation::OperatePrivilege, outcome)
}

/// By level. The header with the database is not asked, as in Milvus.
pub(super) async fn operate_v2(
    admin: &Admin,
    caller: &Caller,
    body: &Body,
    action: GrantAction,
) -> Answer {
    let text = |field| body.get(field).to_owned();
    let grant = LevelGrant {
        role: Some(text(Field::RoleName)),
        privilege: GivenPrivilege::Named(text(Field::Privilege)),
        database: text(Field::DbName),
        collection: text(Field::CollectionName),
    };
    let outcome = admin.operate_privilege_v2(caller, action, grant).await;
    command(Operation::OperatePrivilege, outcome)
}

/// The database of the body, or else of the header.
pub(super) fn database<'a>(body: &'a Body, connection: &'a str) -> &'a str {
    let name = body.get(Field::DbName);
    if name.is_empty() { connection } else { name }
}
