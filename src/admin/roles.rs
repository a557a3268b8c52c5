//! Making, altering and dropping roles.

use super::{Admin, AdminError, ConfiguredRoleAction, DefaultRoleAction, Planned};
use crate::credential::Caller;
use crate::model::{ADMIN, Change, NameKind, PUBLIC, Record, RecordKey, Role, RoleName};
use crate::snapshot::Snapshot;

impl Admin {
    /// Makes a role without members and without grants.
    ///
    /// # Errors
    /// Name or description break their rules, the role exists or is reserved, there are too many,
    /// or the change was not acknowledged.
    pub async fn create_role(
        &self,
        caller: &Caller,
        name: &str,
        description: &str,
    ) -> Result<(), AdminError> {
        let trace = self.trace(caller, "create role", name);
        self.commit(trace, self.prepare_create_role(name, description)).await
    }

    fn prepare_create_role(
        &self,
        name: &str,
        description: &str,
    ) -> Result<impl FnMut(&Snapshot) -> Planned + Send + use<>, AdminError> {
        self.rules.role_name.check(NameKind::Role, name)?;
        self.check_role_description(description)?;
        let role = RoleName::new(name).ok_or(AdminError::UnknownRole)?;
        let record = Role { description: description.to_owned() };
        let limit = self.rules.max_roles;
        Ok(move |state: &Snapshot| {
            // `public` is taken also where it is not there: its name is reserved.
            if state.role(role.as_str()).is_some() || is_default(role.as_str()) {
                return Err(AdminError::RoleExists(text_form(role.as_str(), &record.description)));
            }
            if limit > 0 && state.roles().len() >= limit {
                return Err(AdminError::RoleQuota);
            }
            let mut changes = removal_of_role(state, &role);
            changes.push(Change::Put(Record::Role(role.clone(), record.clone())));
            Ok(((), changes))
        })
    }

    /// Replaces the description of a role.
    ///
    /// # Errors
    /// Name or description break their rules, the role is built in, configured or not there, or
    /// the change was not acknowledged.
    pub async fn alter_role(
        &self,
        caller: &Caller,
        name: &str,
        description: &str,
    ) -> Result<(), AdminError> {
        let trace = self.trace(caller, "alter role", name);
        self.commit(trace, self.prepare_alter_role(name, description)).await
    }

    fn prepare_alter_role(
        &self,
        name: &str,
        description: &str,
    ) -> Result<impl FnMut(&Snapshot) -> Planned + Send + use<>, AdminError> {
        self.rules.known_role(&self.snapshots.read(), name)?;
        self.check_role_description(description)?;
        protect(name, DefaultRoleAction::Alter)?;
        self.protect_configured(name, ConfiguredRoleAction::Alter)?;
        let role = RoleName::new(name).ok_or(AdminError::AlterUnknownRole)?;
        let record = Role { description: description.to_owned() };
        Ok(move |state: &Snapshot| match state.role(role.as_str()) {
            None => Err(AdminError::AlterUnknownRole),
            Some(present) if *present == record => Ok(((), Vec::new())),
            Some(_) => Ok(((), vec![Change::Put(Record::Role(role.clone(), record.clone()))])),
        })
    }

    /// Drops a role and the bindings to it; with `force` also what it was granted.
    ///
    /// # Errors
    /// The name breaks its rule, the role is built in, configured, not there, or has grants and is
    /// not forced, or the change was not acknowledged.
    pub async fn drop_role(
        &self,
        caller: &Caller,
        name: &str,
        force: bool,
    ) -> Result<(), AdminError> {
        let trace = self.trace(caller, "drop role", name);
        self.commit(trace, self.prepare_drop_role(name, force)).await
    }

    fn prepare_drop_role(
        &self,
        name: &str,
        force: bool,
    ) -> Result<impl FnMut(&Snapshot) -> Planned + Send + use<>, AdminError> {
        self.rules.known_role(&self.snapshots.read(), name)?;
        protect(name, DefaultRoleAction::Drop)?;
        self.protect_configured(name, ConfiguredRoleAction::Drop)?;
        let role = RoleName::new(name).ok_or(AdminError::UnknownRole)?;
        Ok(move |state: &Snapshot| {
            if state.role(role.as_str()).is_none() {
                return Err(AdminError::UnknownRole);
            }
            if !force && state.grants().any_of(&role) {
                return Err(AdminError::RoleHasGrants);
            }
            let mut changes = removal_of_role(state, &role);
            changes.push(Change::Delete(RecordKey::Role(role.clone())));
            Ok(((), changes))
        })
    }

    fn protect_configured(
        &self,
        name: &str,
        action: ConfiguredRoleAction,
    ) -> Result<(), AdminError> {
        if self.rules.is_configured(name) {
            return Err(AdminError::ConfiguredRole { role: name.to_owned(), action });
        }
        Ok(())
    }

    pub(super) fn check_role_description(&self, description: &str) -> Result<(), AdminError> {
        let limit = self.rules.max_role_description;
        if description.len() > limit {
            return Err(AdminError::RoleDescription { length: description.len(), limit });
        }
        Ok(())
    }
}

/// The changes that take away all members and all grants of a role: also what an earlier role of
/// the same name may have left behind.
pub(super) fn removal_of_role(state: &Snapshot, role: &RoleName) -> Vec<Change> {
    let mut changes = state.grants().removal_of(role);
    changes.extend(
        state
            .members_of(role.as_str())
            .map(|user| Change::Delete(RecordKey::Binding(user.clone(), role.clone()))),
    );
    changes
}

/// Whether the role is built in.
pub(super) fn is_default(name: &str) -> bool {
    name == ADMIN || name == PUBLIC
}

fn protect(name: &str, action: DefaultRoleAction) -> Result<(), AdminError> {
    if is_default(name) {
        return Err(AdminError::DefaultRole { role: name.to_owned(), action });
    }
    Ok(())
}

/// A role entity in protobuf text form, as Milvus shows it in this one message.
fn text_form(name: &str, description: &str) -> String {
    if description.is_empty() {
        return format!("name:\"{}\"", escaped(name));
    }
    format!("name:\"{}\" description:\"{}\"", escaped(name), escaped(description))
}

fn escaped(text: &str) -> String {
    text.chars().map(escaped_char).collect()
}

fn escaped_char(character: char) -> String {
    match character {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        control if control.is_ascii_control() => format!("\\x{:02x}", u32::from(control)),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_of_a_role_escapes_what_would_break_it() {
        assert_eq!(text_form("r", ""), "name:\"r\"");
        assert_eq!(
            text_form("r", "a \"b\"\\\n\u{1}é"),
            "name:\"r\" description:\"a \\\"b\\\"\\\\\\n\\x01é\""
        );
    }
}
