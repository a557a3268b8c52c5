//! Who holds which role: binding, unbinding, and the two views of it.

use super::{Admin, AdminError, DefaultRoleAction, Planned};
use crate::credential::Caller;
use crate::model::{ADMIN, Change, PUBLIC, ROOT, Record, RecordKey, RoleName, UserName};
use crate::snapshot::Snapshot;

/// What is to happen to a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// The user is to hold the role.
    Bind,
    /// The user is not to hold it.
    Unbind,
}

/// A role as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleView {
    /// Its name.
    pub name: String,
    /// Its description, empty if there is none.
    pub description: String,
    /// Who holds it, if that was asked for.
    pub users: Vec<String>,
}

/// A user as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserView {
    /// Its name.
    pub name: String,
    /// Its description, empty if there is none.
    pub description: String,
    /// Its roles, ascending, if that was asked for.
    pub roles: Vec<String>,
}

impl Admin {
    /// Binds a user to a role or unbinds it. Doing it twice is no error, and unbinding works for
    /// users that are not there.
    ///
    /// # Errors
    /// A name breaks its rule, role or user are not there, the type is neither, `public` where it
    /// is only a reserved name, `root` from `admin` where root always holds it, `admin` by a caller
    /// who is no administrator, the last administrator, or the change was not acknowledged.
    pub async fn operate_user_role(
        &self,
        caller: &Caller,
        user: &str,
        role: &str,
        membership: Option<Membership>,
    ) -> Result<(), AdminError> {
        let operation = match membership {
            Some(Membership::Bind) => "bind role",
            Some(Membership::Unbind) => "unbind role",
            None => "operate user role",
        };
        let target = format!("{} to {role}", self.snapshots.read().resolve_user(user));
        let trace = self.trace(caller, operation, &target);
        self.commit(trace, self.prepare_membership(caller, user, role, membership)).await
    }

    fn prepare_membership(
        &self,
        caller: &Caller,
        user: &str,
        role: &str,
        membership: Option<Membership>,
    ) -> Result<impl FnMut(&Snapshot) -> Planned + Send + use<>, AdminError> {
        let user = {
            let state = self.snapshots.read();
            let user = self.rules.known_user(&state, user)?.to_owned();
            self.rules.known_role(&state, role)?;
            user
        };
        let user = UserName::new(&user).ok_or(AdminError::BindUnknownUser(user))?;
        let role = RoleName::new(role).ok_or(AdminError::UnknownRole)?;
        let admin = self.clone();
        let caller = caller.clone();
        Ok(move |state: &Snapshot| {
            let changes = admin.plan_membership(state, &caller, &user, &role, membership)?;
            Ok(((), changes))
        })
    }

    fn plan_membership(
        &self,
        state: &Snapshot,
        caller: &Caller,
        user: &UserName,
        role: &RoleName,
        membership: Option<Membership>,
    ) -> Result<Vec<Change>, AdminError> {
        if !self.rules.public_role && role.as_str() == PUBLIC {
            let action = match membership {
                Some(Membership::Unbind) => DefaultRoleAction::Unbind,
                _ => DefaultRoleAction::Bind,
            };
            return Err(AdminError::DefaultRole { role: role.to_string(), action });
        }
        if state.role(role.as_str()).is_none() {
            return Err(AdminError::UnknownRole);
        }
        if membership != Some(Membership::Unbind) && state.user(user.as_str()).is_none() {
            return Err(AdminError::BindUnknownUser(user.to_string()));
        }
        let membership = membership.ok_or(AdminError::OperateType)?;
        if role.as_str() == ADMIN {
            self.may_name_admins(state, caller)?;
        }
        if self.rules.shows_root_as_admin() && user.as_str() == ROOT && role.as_str() == ADMIN {
            // Root holds admin by its name. The binding is shown and never stored.
            return match membership {
                Membership::Bind => Ok(Vec::new()),
                Membership::Unbind => Err(AdminError::DefaultRole {
                    role: role.to_string(),
                    action: DefaultRoleAction::Unbind,
                }),
            };
        }
        if role.as_str() == ADMIN && membership == Membership::Unbind {
            self.keep_last_admin(state, user.as_str())?;
        }
        let bound = state.is_bound(user.as_str(), role.as_str());
        Ok(match membership {
            Membership::Bind if !bound => {
                vec![Change::Put(Record::Binding(user.clone(), role.clone()))]
            }
            Membership::Unbind if bound => {
                vec![Change::Delete(RecordKey::Binding(user.clone(), role.clone()))]
            }
            _ => Vec::new(),
        })
    }

    /// Whether the caller may make and unmake administrators. To manage roles is not enough, or
    /// whoever may do that could do everything.
    pub(super) fn may_name_admins(
        &self,
        state: &Snapshot,
        caller: &Caller,
    ) -> Result<(), AdminError> {
        let refused = self.rules.only_admins_bind_admin
            && caller.is_authenticated()
            && !state.is_administrator(caller.name(), self.rules.root_needs_role);
        if refused { Err(AdminError::OnlyAdmins) } else { Ok(()) }
    }

    /// Refuses to take `admin` from its last member where `root` does not pass by its name:
    /// nobody could give it to anybody any more.
    pub(super) fn keep_last_admin(&self, state: &Snapshot, user: &str) -> Result<(), AdminError> {
        let is_last = self.rules.root_needs_role
            && state.is_bound(user, ADMIN)
            && state.user(user).is_some()
            && !state
                .members_of(ADMIN)
                .any(|other| other.as_str() != user && state.user(other.as_str()).is_some());
        if is_last { Err(AdminError::LastAdmin(user.to_owned())) } else { Ok(()) }
    }

    /// One role or, without a name, all roles, ascending by name. A role that is not there gives
    /// nothing.
    ///
    /// # Errors
    /// The name breaks its rule.
    pub fn select_role(
        &self,
        name: Option<&str>,
        include_users: bool,
    ) -> Result<Vec<RoleView>, AdminError> {
        let state = self.snapshots.read();
        let view = |name: &RoleName, description: &str| RoleView {
            name: name.to_string(),
            description: description.to_owned(),
            users: if include_users { self.members(&state, name) } else { Vec::new() },
        };
        let Some(name) = name else {
            let shown = state.roles().filter(|(name, _)| self.rules.is_shown(name.as_str()));
            return Ok(shown.map(|(name, role)| view(name, &role.description)).collect());
        };
        self.rules.known_role(&state, name)?;
        let found = RoleName::new(name).filter(|name| self.rules.is_shown(name.as_str()));
        Ok(found
            .and_then(|name| state.role(name.as_str()).map(|role| view(&name, &role.description)))
            .into_iter()
            .collect())
    }

    /// Members of a role in the order of the text `user/role`, as Milvus lists them: `a-b` comes
    /// before `a`.
    fn members(&self, state: &Snapshot, role: &RoleName) -> Vec<String> {
        let mut users: Vec<String> =
            state.members_of(role.as_str()).map(ToString::to_string).collect();
        if self.rules.shows_root_as_admin()
            && role.as_str() == ADMIN
            && state.user(ROOT).is_some()
            && !state.is_bound(ROOT, ADMIN)
        {
            users.push(ROOT.to_owned());
        }
        users.sort_by(|a, b| a.bytes().chain([b'/']).cmp(b.bytes().chain([b'/'])));
        users
    }

    /// One user or, without a name, all users, ascending by name. A user that is not there gives
    /// nothing.
    ///
    /// # Errors
    /// The name breaks its rule.
    pub fn select_user(
        &self,
        name: Option<&str>,
        include_roles: bool,
    ) -> Result<Vec<UserView>, AdminError> {
        let state = self.snapshots.read();
        let view = |name: &str, description: Option<&str>| UserView {
            name: name.to_owned(),
            description: description.unwrap_or_default().to_owned(),
            roles: if include_roles { self.roles_shown(&state, name) } else { Vec::new() },
        };
        let Some(name) = name else {
            return Ok(state
                .users()
                .map(|(name, user)| view(name.as_str(), user.credential.description.as_deref()))
                .collect());
        };
        let name = self.rules.known_user(&state, name)?;
        let found = state.user(name);
        Ok(found
            .map(|user| view(name, user.credential.description.as_deref()))
            .into_iter()
            .collect())
    }

    /// The roles that a user is bound to, ascending. Bindings to roles that are not there do not
    /// count.
    pub(super) fn roles_bound(&self, state: &Snapshot, user: &str) -> Vec<String> {
        let there = |role: &RoleName| {
            self.rules.is_shown(role.as_str()) && state.role(role.as_str()).is_some()
        };
        state.roles_of(user).iter().filter(|role| there(role)).map(ToString::to_string).collect()
    }

    /// The roles of a user as they are shown, ascending.
    fn roles_shown(&self, state: &Snapshot, user: &str) -> Vec<String> {
        let mut roles = self.roles_bound(state, user);
        if self.rules.shows_root_as_admin() && user == ROOT && !state.is_bound(ROOT, ADMIN) {
            roles.push(ADMIN.to_owned());
            roles.sort();
        }
        roles
    }
}
