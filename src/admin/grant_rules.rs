//! Which privilege or group a name in a grant stands for, and whether it may be granted there.

use std::sync::Arc;

use super::GrantError;
use super::grant_plan::Target;
use crate::model::{BuiltinGroups, Level, ObjectType, Privilege, PrivilegeKind, stored_group};
use crate::snapshot::Snapshot;

/// What a request grants.
pub(super) struct Meant {
    /// The privileges in stored spelling, the one that was named first.
    pub(super) privileges: Vec<Arc<str>>,
    /// The type under which they are stored.
    pub(super) object_type: ObjectType,
    /// The object under which they are stored, if it is not the one of the request.
    pub(super) object: Option<String>,
}

impl Meant {
    fn everything(object_type: ObjectType) -> Self {
        Self { privileges: vec![Arc::from("*")], object_type, object: None }
    }

    /// A privilege and what goes with it.
    fn privilege(privilege: Privilege, object_type: ObjectType) -> Self {
        let related = privilege.related().iter().filter_map(|name| Privilege::from_name(name));
        let privileges = std::iter::once(privilege)
            .chain(related)
            .map(|privilege| Arc::from(privilege.stored_name()))
            .collect();
        Self { privileges, object_type, object: None }
    }

    fn custom_group(name: &str) -> Self {
        let privileges = vec![Arc::from(stored_group(name))];
        Self { privileges, object_type: ObjectType::Global, object: None }
    }

    /// A custom group that may have been there once.
    pub(super) fn gone_group(name: &str) -> Self {
        Self::custom_group(name)
    }

    /// Whether all of it is granted.
    pub(super) fn is_held(&self, target: &Target, state: &Snapshot) -> bool {
        self.privileges.iter().all(|privilege| target.holds(state.grants(), privilege))
    }
}

/// The privilege of this name. One that has left Milvus's list can only be revoked.
fn known(name: &str, revoke: bool) -> Option<Privilege> {
    Privilege::from_name(name).filter(|privilege| revoke || privilege.number().is_some())
}

/// A name in a grant by object.
pub(super) fn by_object(
    state: &Snapshot,
    name: &str,
    object_type: ObjectType,
    revoke: bool,
) -> Result<Meant, GrantError> {
    let privilege = known(name, revoke);
    let level_group = privilege.is_some_and(|found| found.kind() == PrivilegeKind::LevelGroup);
    if privilege.is_none() && state.group(name).is_some() {
        return Err(GrantError::CustomGroup(name.to_owned()));
    }
    if level_group {
        return Err(GrantError::BuiltinGroup(name.to_owned()));
    }
    let mut meant = if name == "*" {
        Meant::everything(object_type)
    } else {
        let found = privilege.filter(|found| found.v1_object_type() == Some(object_type));
        let privilege = found.ok_or_else(|| GrantError::NotOfObjectType {
            privilege: name.to_owned(),
            object_type: object_type.as_str(),
        })?;
        Meant::privilege(privilege, object_type)
    };
    // Global means everything there is. `Admin` keeps its object, as in Milvus, to no effect.
    let keeps = privilege.is_some_and(Privilege::is_group);
    if object_type == ObjectType::Global && !keeps {
        meant.object = Some("*".to_owned());
    }
    Ok(meant)
}

/// A name in a grant by level, on this database and collection.
pub(super) fn by_level(
    state: &Snapshot,
    builtin: &BuiltinGroups,
    name: &str,
    place: (&str, &str),
    revoke: bool,
) -> Result<Meant, GrantError> {
    if name == "*" {
        return Ok(Meant::everything(ObjectType::Global));
    }
    if let Some(privilege) = known(name, revoke) {
        if privilege.kind() == PrivilegeKind::LevelGroup {
            let first = builtin.members(privilege).first();
            check_level(name, first.map_or(privilege.level(), |member| member.level()), place)?;
        }
        let object_type = privilege.v1_object_type().unwrap_or(ObjectType::Global);
        return Ok(Meant::privilege(privilege, object_type));
    }
    let unknown = || GrantError::UnknownPrivilege(name.to_owned());
    let group = state.group(name).ok_or_else(unknown)?;
    // An empty group has no level and is taken anywhere.
    if let Some(first) = group.privileges.first() {
        // A group in a group has none either, and cannot be granted.
        check_level(name, member_level(first), place)?;
    }
    Ok(Meant::custom_group(name))
}

/// The level of a member of a group.
pub(super) fn member_level(name: &str) -> Level {
    match Privilege::from_name(name) {
        Some(privilege) if !privilege.is_group() => privilege.level(),
        _ => Level::None,
    }
}

/// Whether a group of this level may be granted on this database and collection.
fn check_level(
    name: &str,
    level: Level,
    (database, collection): (&str, &str),
) -> Result<(), GrantError> {
    let name = || name.to_owned();
    match level {
        Level::Cluster if database != "*" || collection != "*" => {
            Err(GrantError::ClusterLevel(name()))
        }
        Level::Database if collection != "*" => Err(GrantError::DatabaseLevel(name())),
        Level::Collection if database == "*" && collection != "*" => {
            Err(GrantError::CollectionLevel(name()))
        }
        Level::None => Err(GrantError::NoLevel),
        Level::Cluster | Level::Database | Level::Collection => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Change, PrivilegeGroup, Record};

    fn with_group(name: &str, members: &[&str]) -> Snapshot {
        let privileges = members.iter().map(|member| Arc::from(*member)).collect();
        let group = PrivilegeGroup { name: name.into(), privileges };
        let mut state = Snapshot::default();
        state.apply(&Change::Put(Record::Group(group)));
        state
    }

    fn level(state: &Snapshot, name: &str, place: (&str, &str)) -> Result<Meant, GrantError> {
        by_level(state, &BuiltinGroups::default(), name, place, false)
    }

    #[test]
    fn related_privileges_are_granted_along_by_their_name_alone() {
        let state = Snapshot::default();
        let names = |meant: Meant| -> Vec<String> {
            meant.privileges.iter().map(ToString::to_string).collect()
        };
        let load = by_object(&state, "Load", ObjectType::Collection, false).ok().unwrap();
        assert_eq!(
            names(load),
            ["PrivilegeLoad", "PrivilegeGetLoadState", "PrivilegeGetLoadingProgress"]
        );
        let flush = level(&state, "Flush", ("db", "c")).ok().unwrap();
        assert_eq!(names(flush), ["PrivilegeFlush", "PrivilegeGetFlushState"]);
        let group = level(&state, "CollectionReadWrite", ("db", "c")).ok().unwrap();
        assert_eq!(names(group), ["PrivilegeGroupCollectionReadWrite"]);
    }

    #[test]
    fn names_that_begin_with_group_are_no_back_door_to_the_groups() {
        let state = Snapshot::default();
        for name in ["GroupClusterAdmin", "GroupReadOnly", "PrivilegeSearch"] {
            let error = level(&state, name, ("*", "*")).err().unwrap();
            assert_eq!(error, GrantError::UnknownPrivilege(name.to_owned()));
            assert!(by_object(&state, name, ObjectType::Global, false).is_err(), "{name}");
        }
    }

    #[test]
    fn a_group_of_groups_has_no_level_and_an_empty_one_needs_none() {
        let nested = with_group("g", &["CollectionReadOnly"]);
        assert_eq!(level(&nested, "g", ("*", "*")).err(), Some(GrantError::NoLevel));
        assert!(level(&with_group("g", &[]), "g", ("db", "c")).is_ok());
        let cluster = with_group("g", &["CreateDatabase"]);
        assert!(level(&cluster, "g", ("*", "*")).is_ok());
        assert!(level(&cluster, "g", ("default", "*")).is_err());
    }

    #[test]
    fn the_objects_of_global_privileges_become_a_star_unless_it_is_the_group() {
        let state = Snapshot::default();
        let object = |name| by_object(&state, name, ObjectType::Global, false).ok().unwrap().object;
        assert_eq!(object("CreateCollection").as_deref(), Some("*"));
        assert_eq!(object("*").as_deref(), Some("*"));
        assert_eq!(object("Admin"), None);
    }
}
