//! What a stored grant means: the stored text of its privilege and of its object, taken apart.

use std::sync::Arc;

use imbl::OrdMap;

use crate::model::{
    BuiltinGroups, DEFAULT_DATABASE, ObjectType, Privilege, PrivilegeGroup, PrivilegeKind,
    PrivilegeSet,
};

/// Custom groups by name.
pub(super) type Groups = OrdMap<Arc<str>, Arc<PrivilegeGroup>>;

/// What the stored text of a privilege stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning<'a> {
    /// These privileges, each on objects of its own type.
    Privileges(PrivilegeSet),
    /// These privileges, in databases whose name equals that of the grant. With `named`, also the
    /// object has to be the same, or `*` on either side.
    Database {
        /// The privileges.
        privileges: PrivilegeSet,
        /// Whether the object counts.
        named: bool,
    },
    /// The members of a custom group, if there is one of this name.
    Group(&'a str),
    /// Nothing that this version knows.
    Unknown,
}

/// What `text` means in a row of type `object_type`.
///
/// A type that nobody knows may be one of smaller things, which a newer version gives a privilege
/// on; Milvus would take the privilege for one on the collection.
pub(super) fn meaning<'a>(
    object_type: &str,
    text: &'a str,
    builtin: &BuiltinGroups,
) -> Meaning<'a> {
    let Some(object_type) = ObjectType::from_name(object_type) else { return Meaning::Unknown };
    if text == "*" {
        return Meaning::Privileges(PrivilegeSet::of_type(object_type));
    }
    if let Some(name) = text.strip_prefix("PrivilegeGroup") {
        let group = Privilege::from_name(name).filter(|group| group.is_group());
        return match group {
            None => Meaning::Group(name),
            Some(group) if group.kind() == PrivilegeKind::LegacyGroup => {
                // Of the three only `Admin` is not about collections.
                let named = group.object_type() == ObjectType::Collection;
                Meaning::Database { privileges: builtin.set(group), named }
            }
            Some(group) => Meaning::Privileges(singles(builtin.members(group).iter().copied())),
        };
    }
    let known = text.strip_prefix("Privilege").and_then(Privilege::from_name);
    match known.map(|privilege| (privilege, privilege.kind())) {
        Some((privilege, PrivilegeKind::Single)) => Meaning::Privileges(singles([privilege])),
        Some((_, PrivilegeKind::All)) => {
            Meaning::Database { privileges: PrivilegeSet::EVERYTHING, named: false }
        }
        _ => Meaning::Unknown,
    }
}

/// The privileges in a custom group. A group inside it, and a name that nobody knows, is nothing.
pub(super) fn members(group: &PrivilegeGroup) -> PrivilegeSet {
    singles(group.privileges.iter().filter_map(|name| Privilege::from_name(name)))
}

fn singles(privileges: impl IntoIterator<Item = Privilege>) -> PrivilegeSet {
    privileges.into_iter().filter(|one| one.kind() == PrivilegeKind::Single).collect()
}

/// Database and name of a stored object. Without a dot it is an object of `default`; what stands
/// behind a second dot is dropped.
pub(super) fn split_object(object: &str) -> (&str, &str) {
    let mut pieces = object.split('.');
    match (pieces.next(), pieces.next()) {
        (Some(""), Some(name)) => (DEFAULT_DATABASE, name),
        (Some(database), Some(name)) => (database, name),
        _ => (DEFAULT_DATABASE, object),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn privilege(name: &str) -> Privilege {
        Privilege::from_name(name).unwrap()
    }

    #[test]
    fn objects_are_taken_apart_at_the_first_dots() {
        assert_eq!(split_object("c"), ("default", "c"));
        assert_eq!(split_object("db.c"), ("db", "c"));
        assert_eq!(split_object("db.c.d"), ("db", "c"));
        assert_eq!(split_object(".c"), ("default", "c"));
        assert_eq!(split_object("db."), ("db", ""));
        assert_eq!(split_object("*.*"), ("*", "*"));
    }

    #[test]
    fn what_is_not_known_means_nothing() {
        let builtin = BuiltinGroups::default();
        for text in
            ["", "Search", "PrivilegeNope", "PrivilegeReadOnly", "PrivilegeClusterAdmin", "**"]
        {
            assert_eq!(meaning("Collection", text, &builtin), Meaning::Unknown, "{text}");
        }
        for text in ["*", "PrivilegeSearch", "PrivilegeAll", "PrivilegeGroupg"] {
            assert_eq!(meaning("Nope", text, &builtin), Meaning::Unknown, "{text}");
        }
        assert_eq!(meaning("Global", "PrivilegeGroupg", &builtin), Meaning::Group("g"));
    }

    #[test]
    fn a_star_is_every_privilege_of_the_stored_type() {
        let builtin = BuiltinGroups::default();
        let Meaning::Privileges(set) = meaning("User", "*", &builtin) else { panic!() };
        assert!(set.contains(privilege("UpdateUser")) && !set.contains(privilege("Insert")));
    }

    #[test]
    fn groups_within_groups_give_nothing() {
        let names = ["Search", "CollectionReadOnly", "All", "ReadOnly", "other", "Nope"];
        let group = PrivilegeGroup {
            name: "g".into(),
            privileges: names.into_iter().map(Arc::from).collect(),
        };
        assert_eq!(members(&group), [privilege("Search")].into_iter().collect());
    }
}
