//! Custom privilege groups: making, dropping, listing and changing them.
//!
//! A change of a group acts at once on every role that holds it, because grants name the group
//! and not its members. The built-in groups are configuration; they are only listed here.

use std::sync::Arc;

use super::grant_rules::member_level;
use super::{Admin, AdminError, GroupError, Planned};
use crate::credential::Caller;
use crate::model::{
    Change, Level, NameKind, Privilege, PrivilegeGroup, Record, RecordKey, stored_group,
};
use crate::snapshot::Snapshot;

/// What is to happen to the members of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupAction {
    /// They are to be in it.
    Add,
    /// They are not to be in it.
    Remove,
}

/// A group as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// Short names of its members: sorted, or in Milvus's order if it is built in.
    pub privileges: Vec<String>,
}

impl Admin {
    /// Makes an empty group.
    ///
    /// # Errors
    /// The name breaks its rule or is taken, or the change was not acknowledged.
    pub async fn create_privilege_group(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<(), AdminError> {
        let operation = "create privilege group";
        let trace = self.trace(caller, operation, name);
        self.commit(trace, self.prepare_create_group(name)).await
    }

    fn prepare_create_group(
        &self,
        name: &str,
    ) -> Result<impl FnMut(&Snapshot) -> Planned + Send + use<>, AdminError> {
        self.check_known_group(name)?;
        let group = PrivilegeGroup { name: Arc::from(name), privileges: Vec::new() };
        Ok(move |state: &Snapshot| {
            if state.group(&group.name).is_some() {
                return Err(GroupError::Exists(group.name.to_string()).into());
            }
            if is_reserved(&group.name) {
                return Err(GroupError::Reserved(group.name.to_string()).into());
            }
            // A new group is granted to nobody, whatever an earlier one of that name left.
            let mut changes = removal_of_group_grants(state, &group.name);
            changes.push(Change::Put(Record::Group(group.clone())));
            Ok(((), changes))
        })
    }

    /// Drops a group. One that is not there, or is built in, is dropped already.
    ///
    /// # Errors
    /// The name breaks its rule, a role holds the group, or the change was not acknowledged.
    pub async fn drop_privilege_group(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<(), AdminError> {
        let operation = "drop privilege group";
        let trace = self.trace(caller, operation, name);
        self.commit(trace, self.prepare_drop_group(name)).await
    }

    fn prepare_drop_group(
        &self,
        name: &str,
    ) -> Result<impl FnMut(&Snapshot) -> Planned + Send + use<>, AdminError> {
        self.check_known_group(name)?;
        let name: Arc<str> = Arc::from(name);
        Ok(move |state: &Snapshot| {
            if state.group(&name).is_none() {
                return Ok(((), Vec::new()));
            }
            let stored = stored_group(&name);
            let holder = state
                .grants()
                .rows_with(&stored)
                .find(|(row, _)| state.role(row.role.as_str()).is_some());
            if let Some((row, _)) = holder {
                let (group, role) = (name.to_string(), row.role.to_string());
                return Err(GroupError::InUse { group, role }.into());
            }
            // Rows of roles that are gone: Milvus would choke on the name of a missing group.
            let mut changes = removal_of_group_grants(state, &name);
            changes.push(Change::Delete(RecordKey::Group(name.clone())));
            Ok(((), changes))
        })
    }

    /// All groups: custom ones ascending by name, then the nine that are built in.
    #[must_use]
    pub fn list_privilege_groups(&self) -> Vec<GroupView> {
        let state = self.snapshots.read();
        let custom = state.groups().map(|group| GroupView {
            name: group.name.to_string(),
            privileges: group.privileges.iter().map(ToString::to_string).collect(),
        });
        let built_in = self.rules.builtin_groups.listed().map(|(group, members)| GroupView {
            name: group.name().to_owned(),
            privileges: members.iter().map(|member| member.name().to_owned()).collect(),
        });
        custom.chain(built_in).collect()
    }

    /// Adds members to a group or removes them. Adding what is there and removing what is not is
    /// no error.
    ///
    /// # Errors
    /// A name breaks its rule, the group is not there or built in, no member is given or one is
    /// not there, the members would not be of one level, the action is neither (`None`), or the
    /// change was not acknowledged.
    pub async fn operate_privilege_group(
        &self,
        caller: &Caller,
        name: &str,
        privileges: &[String],
        action: Option<GroupAction>,
    ) -> Result<(), AdminError> {
        let operation = match action {
            Some(GroupAction::Add) => "add to privilege group",
            Some(GroupAction::Remove) => "remove from privilege group",
            None => "operate privilege group",
        };
        let target = format!("{name}: {}", privileges.join(","));
        let trace = self.trace(caller, operation, &target);
        self.commit(trace, self.prepare_operate_group(name, privileges, action)).await
    }

    fn prepare_operate_group(
        &self,
        name: &str,
        privileges: &[String],
        action: Option<GroupAction>,
    ) -> Result<impl FnMut(&Snapshot) -> Planned + Send + use<>, AdminError> {
        self.check_known_group(name)?;
        for privilege in privileges.iter().filter(|privilege| *privilege != "*") {
            self.rules.object_name.check(NameKind::Privilege, privilege)?;
        }
        let name: Arc<str> = Arc::from(name);
        let given: Vec<Arc<str>> =
            privileges.iter().map(|privilege| Arc::from(privilege.as_str())).collect();
        Ok(move |state: &Snapshot| {
            let group = changed_group(state, &name, &given, action)?;
            let same = state.group(&name) == Some(&group);
            let change = Change::Put(Record::Group(group));
            Ok(((), if same { Vec::new() } else { vec![change] }))
        })
    }

    /// Checks the name of a group. Any stored name passes.
    fn check_known_group(&self, name: &str) -> Result<(), GroupError> {
        match self.snapshots.read().group(name) {
            Some(_) => Ok(()),
            None => self.rules.check_group_name(name),
        }
    }
}

/// Whether a name means something by itself. So does `Group` before a built-in group: Milvus would
/// read the stored name of such a custom group as the built-in one.
pub(super) fn is_reserved(name: &str) -> bool {
    let built_in = name.strip_prefix("Group").and_then(Privilege::from_name);
    Privilege::from_name(name).is_some() || built_in.is_some_and(Privilege::is_group)
}

/// A group with members added or removed.
fn changed_group(
    state: &Snapshot,
    name: &str,
    given: &[Arc<str>],
    action: Option<GroupAction>,
) -> Result<PrivilegeGroup, AdminError> {
    let unknown = || GroupError::Unknown(name.to_owned());
    let mut group = state.group(name).ok_or_else(unknown)?.clone();
    if given.is_empty() {
        return Err(GroupError::NoPrivileges.into());
    }
    let action = action.ok_or(GroupError::Action)?;
    for member in given {
        // What has left Milvus's list, or is gone, can only be taken out.
        let present = action == GroupAction::Remove && group.privileges.contains(member);
        if !present && !is_member_name(state, member) {
            return Err(GroupError::UnknownMember(member.to_string()).into());
        }
    }
    match action {
        GroupAction::Remove => group.privileges.retain(|member| !given.contains(member)),
        GroupAction::Add => {
            group.privileges.extend(given.iter().cloned());
            group.privileges.sort_unstable();
            group.privileges.dedup();
            let mut levels: Vec<Level> = Vec::new();
            levels.extend(group.privileges.iter().map(|member| member_level(member)));
            if levels.windows(2).any(|pair| matches!(pair, [one, other] if one != other)) {
                return Err(GroupError::MixedLevels.into());
            }
        }
    }
    Ok(group)
}

/// Whether a name may be added to a group: a privilege, or any other group.
fn is_member_name(state: &Snapshot, name: &str) -> bool {
    Privilege::from_name(name).is_some_and(|privilege| privilege.number().is_some())
        || state.group(name).is_some()
}

/// The changes that take a group from whoever holds it.
pub(super) fn removal_of_group_grants(state: &Snapshot, name: &str) -> Vec<Change> {
    let stored: Arc<str> = Arc::from(stored_group(name));
    let delete = |id| Change::Delete(RecordKey::Privilege(id, stored.clone()));
    state.grants().rows_with(&stored).map(|(_, id)| delete(id.clone())).collect()
}
