//! What the built-in privilege groups contain, which an operator may have replaced.

use super::{Privilege, PrivilegeKind, PrivilegeSet};

/// The members of the nine groups and of the three old ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltinGroups {
    /// In the order in which they are listed.
    groups: Vec<(Privilege, Vec<Privilege>)>,
}

impl Default for BuiltinGroups {
    fn default() -> Self {
        let groups = Privilege::all().filter(|privilege| privilege.is_group());
        Self { groups: groups.map(|group| (group, group.default_members())).collect() }
    }
}

impl BuiltinGroups {
    /// Replaces the members of a group. What is not a group is left out of account.
    pub fn replace(&mut self, group: Privilege, members: Vec<Privilege>) {
        if let Some(found) = self.groups.iter_mut().find(|(known, _)| *known == group) {
            found.1 = members;
        }
    }

    /// The members of a group, in order; empty for what is no group.
    #[must_use]
    pub fn members(&self, group: Privilege) -> &[Privilege] {
        self.groups.iter().find(|(known, _)| *known == group).map_or(&[], |(_, members)| members)
    }

    /// The members of a group as a set.
    #[must_use]
    pub fn set(&self, group: Privilege) -> PrivilegeSet {
        self.members(group).iter().copied().collect()
    }

    /// The nine groups that are listed, in order.
    pub fn listed(&self) -> impl Iterator<Item = (Privilege, &[Privilege])> {
        self.groups
            .iter()
            .filter(|(group, _)| group.kind() == PrivilegeKind::LevelGroup)
            .map(|(group, members)| (*group, members.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_groups_are_listed_in_order_and_the_old_ones_are_not() {
        let groups = BuiltinGroups::default();
        let names: Vec<&str> = groups.listed().map(|(group, _)| group.name()).collect();
        assert_eq!(
            names,
            [
                "ClusterReadOnly",
                "ClusterReadWrite",
                "ClusterAdmin",
                "DatabaseReadOnly",
                "DatabaseReadWrite",
                "DatabaseAdmin",
                "CollectionReadOnly",
                "CollectionReadWrite",
                "CollectionAdmin",
            ]
        );
        let admin = Privilege::from_name("Admin").unwrap();
        assert!(groups.set(admin).contains(Privilege::from_name("RestoreRBAC").unwrap()));
    }

    #[test]
    fn a_replaced_group_has_the_members_it_was_given() {
        let mut groups = BuiltinGroups::default();
        let group = Privilege::from_name("DatabaseReadOnly").unwrap();
        let search = Privilege::from_name("Search").unwrap();
        groups.replace(group, vec![search]);
        assert_eq!(groups.members(group), [search]);
        assert!(groups.members(search).is_empty());
    }
}
