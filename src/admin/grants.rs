//! Granting and revoking, by object (v1) and by level (v2): what a request must hold, in the
//! order in which Milvus checks it.
//!
//! Which privilege a name stands for is `grant_rules.rs`'s, what changes in the state
//! `grant_plan.rs`'s; asking for grants is `grant_query.rs`'s.

use std::sync::Arc;

use super::grant_plan::{self, Target};
use super::grant_rules::{Meant, by_level, by_object};
use super::{Admin, AdminError, DefaultRoleAction, GrantError, Planned};
use crate::credential::Caller;
use crate::model::{
    Change, DEFAULT_DATABASE, Grantor, NameKind, ObjectType, PUBLIC, ROOT, RoleName,
};
use crate::snapshot::Snapshot;

/// What is to happen to a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantAction {
    /// It is to be there.
    Grant,
    /// It is not to be there.
    Revoke,
    /// Neither; holds the number that was sent.
    Other(i32),
}

/// The privilege of a request, which stands in a message in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenPrivilege {
    /// The outer message is missing.
    NoGrantor,
    /// The inner message is missing.
    NoPrivilege,
    /// Its short name.
    Named(String),
}

/// A grant by object.
#[derive(Debug, Clone)]
pub struct ObjectGrant {
    /// The role; needed.
    pub role: Option<String>,
    /// Name of the type of the object; needed.
    pub object_type: Option<String>,
    /// Name of the object, or `*`.
    pub object_name: String,
    /// The database, `*` for all; empty means `default`.
    pub database: String,
    /// The privilege, or `*`; needed.
    pub privilege: GivenPrivilege,
    /// Whether the privilege is checked as in a grant by level.
    pub by_level: bool,
}

/// A grant by level.
#[derive(Debug, Clone)]
pub struct LevelGrant {
    /// The role; needed.
    pub role: Option<String>,
    /// The privilege or group, or `*`; needed.
    pub privilege: GivenPrivilege,
    /// The database, `*` for all; empty means `default`.
    pub database: String,
    /// The collection, `*` for all; needed.
    pub collection: String,
}

/// A request whose parts are there and well-formed.
struct Checked {
    action: GrantAction,
    role: String,
    privilege: String,
    /// Set in a grant by object, where the privilege must fit it.
    object_type: Option<ObjectType>,
    database: String,
    object: String,
}

impl GivenPrivilege {
    fn named(self, grantor: &'static str) -> Result<String, AdminError> {
        match self {
            Self::NoGrantor => Err(AdminError::GrantPart(grantor)),
            Self::NoPrivilege => {
                Err(AdminError::GrantPart("privilege entity in the grantor entity"))
            }
            Self::Named(name) => Ok(name),
        }
    }
}

impl Admin {
    /// Grants or revokes a privilege on an object, and the privileges that go with it. Doing it
    /// twice is no error.
    ///
    /// # Errors
    /// A part is missing or malformed, the role is not there or reserved, the privilege is a group
    /// or does not fit the type of the object, or the change was not acknowledged.
    pub async fn operate_privilege(
        &self,
        caller: &Caller,
        action: GrantAction,
        grant: Option<ObjectGrant>,
    ) -> Result<(), AdminError> {
        let target = grant.as_ref().map(describe_object_grant).unwrap_or_default();
        let trace = self.trace(caller, operation(action), &target);
        let checked = self.check_object_grant(action, grant);
        self.commit(trace, checked.map(|checked| self.plan_grant(caller, checked))).await
    }

    /// Grants or revokes a privilege or a group, and the privileges that go with it. Doing it
    /// twice is no error.
    ///
    /// # Errors
    /// A part is missing or malformed, the role is not there or reserved, the privilege is not
    /// there, a group does not fit database and collection, or the change was not acknowledged.
    pub async fn operate_privilege_v2(
        &self,
        caller: &Caller,
        action: GrantAction,
        grant: LevelGrant,
    ) -> Result<(), AdminError> {
        let target = describe(
            &grant.privilege,
            &grant.database,
            &grant.collection,
            grant.role.as_deref().unwrap_or_default(),
        );
        let trace = self.trace(caller, operation(action), &target);
        let checked = self.check_level_grant(action, grant);
        self.commit(trace, checked.map(|checked| self.plan_grant(caller, checked))).await
    }

    fn check_object_grant(
        &self,
        action: GrantAction,
        grant: Option<ObjectGrant>,
    ) -> Result<Checked, AdminError> {
        let state = self.snapshots.read();
        let grant = grant.ok_or(AdminError::GrantPart("entity in the request"))?;
        let privilege = grant.privilege.named("grantor entity in the grant entity")?;
        self.check_star_or(NameKind::Privilege, &privilege)?;
        let part = AdminError::GrantPart("resource entity in the grant entity");
        let object_type = grant.object_type.ok_or(part)?;
        self.rules.object_name.check(NameKind::ObjectType, &object_type)?;
        // Names of users follow a rule of their own: any user that is there can be meant.
        let user = object_type == ObjectType::User.as_str();
        if !(user && state.user(&grant.object_name).is_some()) {
            self.check_star_or(NameKind::Object, &grant.object_name)?;
        }
        // Milvus says `object` where it means the role.
        let part = AdminError::GrantPart("object entity in the grant entity");
        let role = grant.role.ok_or(part)?;
        self.rules.known_role(&state, &role)?;
        let database = self.check_database(&state, action, &role, grant.database)?;
        if let GrantAction::Other(sent) = action {
            return Err(GrantError::Action(sent).into());
        }
        let object_type = ObjectType::from_name(&object_type).ok_or(GrantError::ObjectType)?;
        let object_type = (!grant.by_level).then_some(object_type);
        let object = grant.object_name;
        Ok(Checked { action, role, privilege, object_type, database, object })
    }

    fn check_level_grant(
        &self,
        action: GrantAction,
        grant: LevelGrant,
    ) -> Result<Checked, AdminError> {
        let state = self.snapshots.read();
        let role = grant.role.ok_or(AdminError::GrantPart("role in the request"))?;
        self.rules.known_role(&state, &role)?;
        let privilege = grant.privilege.named("grantor entity in the request")?;
        self.check_star_or(NameKind::Privilege, &privilege)?;
        if let GrantAction::Other(_) = action {
            return Err(GrantError::LevelAction.into());
        }
        let database = self.check_database(&state, action, &role, grant.database)?;
        self.check_star_or(NameKind::Collection, &grant.collection)?;
        let object = grant.collection;
        Ok(Checked { action, role, privilege, object_type: None, database, object })
    }

    fn check_star_or(&self, kind: NameKind, name: &str) -> Result<(), AdminError> {
        if name == "*" { Ok(()) } else { Ok(self.rules.object_name.check(kind, name)?) }
    }

    /// The database that is meant. A name that breaks the rule is taken only to revoke what is
    /// stored under it.
    fn check_database(
        &self,
        state: &Snapshot,
        action: GrantAction,
        role: &str,
        database: String,
    ) -> Result<String, AdminError> {
        if database.is_empty() {
            return Ok(DEFAULT_DATABASE.to_owned());
        }
        let stored = || {
            let role = RoleName::new(role);
            action == GrantAction::Revoke
                && role.is_some_and(|role| {
                    let prefix = format!("{database}.");
                    state.grants().rows_of(&role).any(|(row, _)| row.object.starts_with(&prefix))
                })
        };
        match self.rules.check_database(&database) {
            Err(error) if !stored() => Err(error.into()),
            _ => Ok(database),
        }
    }

    fn plan_grant(
        &self,
        caller: &Caller,
        checked: Checked,
    ) -> impl FnMut(&Snapshot) -> Planned + Send + use<> {
        let (admin, caller) = (self.clone(), caller.clone());
        move |state: &Snapshot| Ok(((), admin.plan_grant_request(state, &caller, &checked)?))
    }

    fn plan_grant_request(
        &self,
        state: &Snapshot,
        caller: &Caller,
        request: &Checked,
    ) -> Result<Vec<Change>, AdminError> {
        let revoke = request.action == GrantAction::Revoke;
        if !self.rules.public_role && request.role == PUBLIC {
            let action = if revoke { DefaultRoleAction::Revoke } else { DefaultRoleAction::Grant };
            return Err(AdminError::DefaultRole { role: request.role.clone(), action });
        }
        let unknown = || GrantError::UnknownRole(request.role.clone());
        let role = RoleName::new(&request.role).ok_or_else(unknown)?;
        if state.role(role.as_str()).is_none() {
            return Err(unknown().into());
        }
        let grantor = grantor(state, caller)?;
        let target = |meant: &Meant| Target {
            role: role.clone(),
            object_type: Arc::from(meant.object_type.as_str()),
            database: request.database.clone(),
            name: meant.object.clone().unwrap_or_else(|| request.object.clone()),
        };
        let meant = match request.object_type {
            Some(object_type) => by_object(state, &request.privilege, object_type, revoke),
            None => by_level(
                state,
                &self.rules.builtin_groups,
                &request.privilege,
                (&request.database, &request.object),
                revoke,
            ),
        };
        let meant = match meant {
            // A group that is gone can still be taken from whoever holds it.
            Err(error @ GrantError::UnknownPrivilege(_)) if revoke => {
                let gone = Meant::gone_group(&request.privilege);
                Some(gone).filter(|gone| gone.is_held(&target(gone), state)).ok_or(error)?
            }
            other => other?,
        };
        let target = target(&meant);
        Ok(if revoke {
            grant_plan::revoke(state, &target, &meant.privileges)
        } else {
            grant_plan::grant(state, &target, &meant.privileges, &grantor)
        })
    }
}

/// Who is recorded. Where nobody is known to be calling, because authorization is off or the call
/// comes from within the process, `root`, as for the server's own grants.
fn grantor(state: &Snapshot, caller: &Caller) -> Result<Grantor, GrantError> {
    if !caller.is_authenticated() {
        return Ok(Grantor(Arc::from(ROOT)));
    }
    match state.user(caller.name()) {
        Some(_) => Ok(Grantor(Arc::from(caller.name()))),
        None => Err(GrantError::UnknownGrantor(caller.name().to_owned())),
    }
}

fn operation(action: GrantAction) -> &'static str {
    match action {
        GrantAction::Grant => "grant",
        GrantAction::Revoke => "revoke",
        GrantAction::Other(_) => "operate privilege",
    }
}

fn describe_object_grant(grant: &ObjectGrant) -> String {
    let object_type = grant.object_type.as_deref().unwrap_or_default();
    let object = format!("{object_type} {}", grant.object_name);
    describe(&grant.privilege, &grant.database, &object, grant.role.as_deref().unwrap_or_default())
}

/// A grant in one line, for the log.
fn describe(privilege: &GivenPrivilege, database: &str, object: &str, role: &str) -> String {
    let privilege = match privilege {
        GivenPrivilege::Named(name) => name,
        GivenPrivilege::NoGrantor | GivenPrivilege::NoPrivilege => "",
    };
    format!("{privilege} on {object} in {database} for {role}")
}
