//! Putting a backup back: every check first, then everything in one batch, or nothing at all.
//!
//! What is restored never gives more than the backup holds: it makes new users, roles and groups
//! only, which start with nothing, and grants only to roles that it makes itself. Milvus also
//! takes grants to roles that are there already; whoever holds such a role would gain by it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::grant_plan::new_row;
use super::privilege_groups::{is_reserved, removal_of_group_grants};
use super::roles::{is_default, removal_of_role};
use super::users::unbind_all;
use super::{Admin, AdminError, GrantView, Planned, RbacBackup, RestoreError};
use crate::credential::{Caller, is_usable_hash};
use crate::model::{
    ADMIN, Change, Credential, DEFAULT_DATABASE, Grantor, ObjectRow, ObjectType, Privilege,
    PrivilegeGroup, Record, Role, RoleName, UserName, stored_group,
};
use crate::snapshot::Snapshot;

/// Names that the backup itself makes, to judge what refers to them.
struct Made<'a> {
    roles: BTreeSet<&'a str>,
    groups: BTreeSet<&'a str>,
}

impl Admin {
    /// Restores a backup. An empty one changes nothing.
    ///
    /// # Errors
    /// Something is there already, refers to what is not there, cannot be stored, or makes an
    /// administrator though the caller is none; or the change was not acknowledged. Nothing has
    /// been written then, unless the outcome is unknown.
    pub async fn restore(&self, caller: &Caller, backup: RbacBackup) -> Result<(), AdminError> {
        let target = format!(
            "{} users, {} roles, {} grants, {} privilege groups",
            backup.users.len(),
            backup.roles.len(),
            backup.grants.len(),
            backup.groups.len()
        );
        let trace = self.trace(caller, "restore", &target);
        self.commit(trace, self.prepare_restore(caller, backup)).await
    }

    fn prepare_restore(
        &self,
        caller: &Caller,
        mut backup: RbacBackup,
    ) -> Result<impl FnMut(&Snapshot) -> Planned + Send + use<>, AdminError> {
        for role in &backup.roles {
            self.check_role_description(&role.description)?;
        }
        for user in &mut backup.users {
            // Trimmed before it is compared: ` root ` is root.
            user.name = user.name.trim().to_owned();
        }
        let admin = self.clone();
        let caller = caller.clone();
        Ok(move |state: &Snapshot| {
            admin.check_restore(state, &caller, &backup)?;
            Ok(((), restored(state, &backup)?))
        })
    }

    /// All checks, in Milvus's order where it has them.
    fn check_restore(
        &self,
        state: &Snapshot,
        caller: &Caller,
        backup: &RbacBackup,
    ) -> Result<(), AdminError> {
        let mut made = Made { roles: BTreeSet::new(), groups: BTreeSet::new() };
        for role in &backup.roles {
            let name = role.name.as_str();
            if is_default(name) || state.role(name).is_some() || !made.roles.insert(name) {
                return Err(RestoreError::RoleExists(name.to_owned()).into());
            }
        }
        for group in &backup.groups {
            let name = group.name.as_str();
            if is_reserved(name) || state.group(name).is_some() || !made.groups.insert(name) {
                return Err(RestoreError::GroupExists(name.to_owned()).into());
            }
        }
        for grant in &backup.grants {
            let group = |name: &str| made.groups.contains(name) || state.group(name).is_some();
            if stored_spelling(&grant.privilege, group).is_none() {
                return Err(RestoreError::UnknownPrivilege(grant.privilege.clone()).into());
            }
        }
        let mut users = BTreeSet::new();
        for user in &backup.users {
            if state.user(&user.name).is_some() || !users.insert(user.name.as_str()) {
                return Err(RestoreError::UserExists(user.name.clone()).into());
            }
        }
        self.check_restored_roles(state, caller, backup, &made)?;
        for user in &backup.users {
            if !is_usable_hash(&user.hash) {
                return Err(RestoreError::NotAHash(user.name.clone()).into());
            }
        }
        Ok(())
    }

    /// The roles that users and grants refer to.
    fn check_restored_roles(
        &self,
        state: &Snapshot,
        caller: &Caller,
        backup: &RbacBackup,
        made: &Made<'_>,
    ) -> Result<(), AdminError> {
        for role in backup.users.iter().flat_map(|user| &user.roles) {
            let exists = state.role(role).is_some() && self.rules.is_shown(role);
            if !exists && !made.roles.contains(role.as_str()) {
                return Err(RestoreError::UnknownRole(role.clone()).into());
            }
        }
        for grant in &backup.grants {
            if !made.roles.contains(grant.role.as_str()) {
                return Err(RestoreError::GrantToOtherRole(grant.role.clone()).into());
            }
        }
        if backup.users.iter().any(|user| user.roles.iter().any(|role| role == ADMIN)) {
            self.may_name_admins(state, caller)?;
        }
        Ok(())
    }
}

/// The changes that restore a backup which has been checked.
fn restored(state: &Snapshot, backup: &RbacBackup) -> Result<Vec<Change>, RestoreError> {
    let mut changes = Vec::new();
    for role in &backup.roles {
        let name = role_name("role", &role.name)?;
        changes.extend(removal_of_role(state, &name));
        let record = Role { description: role.description.clone() };
        changes.push(Change::Put(Record::Role(name, record)));
    }
    for group in &backup.groups {
        key_text("privilege group", &group.name)?;
        changes.extend(removal_of_group_grants(state, &group.name));
        let mut privileges: Vec<Arc<str>> =
            group.privileges.iter().map(|name| Arc::from(name.as_str())).collect();
        privileges.sort_unstable();
        privileges.dedup();
        let name = Arc::from(group.name.as_str());
        changes.push(Change::Put(Record::Group(PrivilegeGroup { name, privileges })));
    }
    changes.extend(restored_grants(state, &backup.grants)?);
    for user in &backup.users {
        let bad = || RestoreError::Name { what: "user", name: user.name.clone() };
        let name = UserName::new(&user.name).ok_or_else(bad)?;
        changes.extend(unbind_all(state, &name));
        let credential = Credential { hash: user.hash.clone(), description: None, time_tick: 0 };
        changes.push(Change::Put(Record::User(name.clone(), credential)));
        for role in &user.roles {
            let role = role_name("role", role)?;
            changes.push(Change::Put(Record::Binding(name.clone(), role)));
        }
    }
    Ok(changes)
}

/// The changes that restore grants to roles that are new and hold nothing. Of a grant that is
/// there twice the first one counts.
fn restored_grants(state: &Snapshot, grants: &[GrantView]) -> Result<Vec<Change>, RestoreError> {
    let mut rows: BTreeMap<ObjectRow, BTreeMap<Arc<str>, Grantor>> = BTreeMap::new();
    for grant in grants {
        let spelling = stored_spelling(&grant.privilege, |_| true);
        let unknown = || RestoreError::UnknownPrivilege(grant.privilege.clone());
        rows.entry(restored_row(grant)?)
            .or_default()
            .entry(Arc::from(spelling.ok_or_else(unknown)?))
            .or_insert_with(|| Grantor(Arc::from(grant.grantor.as_str())));
    }
    let mut changes = Vec::new();
    for (row, privileges) in rows {
        let (made, id) = new_row(state.grants(), row);
        changes.extend(made);
        changes.extend(privileges.into_iter().map(|(privilege, grantor)| {
            Change::Put(Record::Privilege(id.clone(), privilege, grantor))
        }));
    }
    Ok(changes)
}

fn restored_row(grant: &GrantView) -> Result<ObjectRow, RestoreError> {
    let bad = |what, name: &str| RestoreError::Name { what, name: name.to_owned() };
    let object_type = ObjectType::from_name(&grant.object_type)
        .ok_or_else(|| bad("object type", &grant.object_type))?;
    key_text("object", &grant.object_name)?;
    let database = match grant.database.as_str() {
        "" => DEFAULT_DATABASE,
        // The first dot of a stored object ends the database.
        database if database.contains('.') => return Err(bad("database", database)),
        database => database,
    };
    key_text("database", database)?;
    let role = role_name("role", &grant.role)?;
    Ok(ObjectRow::new(role, object_type.as_str(), database, &grant.object_name))
}

/// How a privilege or group is spelt in a stored grant; `None` if it is neither.
fn stored_spelling(name: &str, is_group: impl FnOnce(&str) -> bool) -> Option<String> {
    if name == "*" {
        return Some(name.to_owned());
    }
    match Privilege::from_name(name) {
        Some(privilege) => Some(privilege.stored_name()),
        None => is_group(name).then(|| stored_group(name)),
    }
}

fn role_name(what: &'static str, name: &str) -> Result<RoleName, RestoreError> {
    RoleName::new(name).ok_or_else(|| RestoreError::Name { what, name: name.to_owned() })
}

/// Checks a text that becomes a part of a key.
fn key_text(what: &'static str, name: &str) -> Result<(), RestoreError> {
    if name.is_empty() || name.contains('/') {
        return Err(RestoreError::Name { what, name: name.to_owned() });
    }
    Ok(())
}
