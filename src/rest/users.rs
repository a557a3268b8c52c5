//! Users over REST.

use super::answer::{Answer, command, described, list, refused};
use super::shape::{Body, Field};
use crate::admin::{Admin, GivenPassword, Membership, NewUser, UserUpdate};
use crate::api::Operation;
use crate::credential::Caller;

pub(super) fn list_users(admin: &Admin) -> Answer {
    list(&admin.list_users())
}

pub(super) fn describe(admin: &Admin, body: &Body) -> Answer {
    match admin.select_user(Some(body.get(Field::UserName)), true) {
        Err(error) => refused(Operation::SelectUser, &error),
        // A user that is not there looks like one without roles.
        Ok(users) => {
            let user = users.into_iter().next();
            let (roles, description) =
                user.map(|user| (user.roles, user.description)).unwrap_or_default();
            described(&roles, description)
        }
    }
}

pub(super) async fn create(admin: &Admin, caller: &Caller, mut body: Body) -> Answer {
    let new = NewUser {
        name: body.take(Field::UserName).unwrap_or_default(),
        password: GivenPassword::plain(body.take(Field::Password).unwrap_or_default()),
        description: body.take(Field::Description),
    };
    command(Operation::CreateCredential, admin.create_user(caller, new).await)
}

pub(super) async fn update_password(admin: &Admin, caller: &Caller, mut body: Body) -> Answer {
    let update = UserUpdate {
        name: body.take(Field::UserName).unwrap_or_default(),
        old_password: GivenPassword::plain(body.take(Field::Password).unwrap_or_default()),
        new_password: GivenPassword::plain(body.take(Field::NewPassword).unwrap_or_default()),
        description: body.take(Field::Description),
    };
    command(Operation::UpdateCredential, admin.update_user(caller, update).await)
}

pub(super) async fn drop_user(admin: &Admin, caller: &Caller, body: &Body) -> Answer {
    let outcome = admin.delete_user(caller, body.get(Field::UserName)).await;
    command(Operation::DeleteCredential, outcome)
}

pub(super) async fn operate_role(
    admin: &Admin,
    caller: &Caller,
    body: &Body,
    membership: Membership,
) -> Answer {
    let (user, role) = (body.get(Field::UserName), body.get(Field::RoleName));
    let outcome = admin.operate_user_role(caller, user, role, Some(membership)).await;
    command(Operation::OperateUserRole, outcome)
}
