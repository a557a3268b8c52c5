//! Milvus's privileges: names, numbers, object types, levels.
//!
//! The table comes from `proto/privileges.txt`. A [`Privilege`] is a position in it, so a set of
//! them is one number.

use std::fmt;
use std::sync::LazyLock;

use super::{Level, ObjectType};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivilegeKind {
    /// One privilege.
    Single,
    /// `All`: everything in a database.
    All,
    /// `ReadOnly`, `ReadWrite` or `Admin`: evaluated as such, never listed.
    LegacyGroup,
    /// One of the nine groups, which are granted by level and stand for their members.
    LevelGroup,
}

struct Row {
    number: Option<u8>,
    name: &'static str,
    kind: PrivilegeKind,
    level: Level,
    v1: Option<ObjectType>,
    object_type: ObjectType,
}

include!(concat!(env!("OUT_DIR"), "/privileges.rs"));

/// A row that no position leads to; there is none, because positions are only made of rows.
static NOTHING: Row = Row {
    number: None,
    name: "",
    kind: PrivilegeKind::Single,
    level: Level::None,
    v1: None,
    object_type: ObjectType::Global,
};

/// A name that Milvus defines: a privilege or a built-in group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Privilege(u8);

impl Privilege {
    /// The one in this row of `proto/privileges.txt`. Only `build.rs` counts rows.
    pub(crate) const fn at(position: u8) -> Self {
        Self(position)
    }

    /// All of them, in Milvus's order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.len()).filter_map(|at| u8::try_from(at).ok().map(Self))
    }

    /// The one with this short name; case matters.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|privilege| privilege.name() == name)
    }

    /// The short name, which calls use: `Search`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// What it stands for.
    #[must_use]
    pub fn kind(self) -> PrivilegeKind {
        self.row().kind
    }

    /// Milvus's number, or `None` for one that has left Milvus's list. Such a one is shown and
    /// revoked where it is stored, and not granted any more.
    #[must_use]
    pub fn number(self) -> Option<u8> {
        self.row().number
    }

    /// How far it reaches; of a group, how far its members do.
    #[must_use]
    pub fn level(self) -> Level {
        self.row().level
    }

    /// The object type under which the call by object (v1) takes it.
    #[must_use]
    pub fn v1_object_type(self) -> Option<ObjectType> {
        self.row().v1
    }

    /// The object type of requests that need it.
    #[must_use]
    pub fn object_type(self) -> ObjectType {
        self.row().object_type
    }

    /// Whether it stands for several.
    #[must_use]
    pub fn is_group(self) -> bool {
        matches!(self.kind(), PrivilegeKind::LegacyGroup | PrivilegeKind::LevelGroup)
    }

    /// The name as it is stored and as denials show it: `PrivilegeSearch`, and for groups
    /// `PrivilegeGroupReadOnly`.
    #[must_use]
    pub fn stored_name(self) -> String {
        let prefix = if self.is_group() { "PrivilegeGroup" } else { "Privilege" };
        format!("{prefix}{}", self.name())
    }

    /// The members of a built-in group as Milvus has them, in its order; empty for the rest.
    #[must_use]
    pub fn default_members(self) -> Vec<Self> {
        let found = MEMBERS.iter().find(|(group, _)| self.is_group() && *group == self.name());
        let names = found.map_or(&[][..], |(_, names)| names);
        names.iter().filter_map(|name| Self::from_name(name)).collect()
    }

    /// What is granted and revoked along with it.
    #[must_use]
    pub fn related(self) -> &'static [&'static str] {
        match self.name() {
            "Load" => &["GetLoadState", "GetLoadingProgress"],
            "Flush" => &["GetFlushState"],
            _ => &[],
        }
    }

    fn row(self) -> &'static Row {
        TABLE.get(usize::from(self.0)).unwrap_or(&NOTHING)
    }
}

impl fmt::Debug for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of privileges, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct PrivilegeSet(u128);

impl PrivilegeSet {
    /// None.
    pub const EMPTY: Self = Self(0);
    /// Every one, also those of later versions.
    pub const EVERYTHING: Self = Self(u128::MAX);

    /// Whether the privilege is in it.
    #[must_use]
    pub fn contains(self, privilege: Privilege) -> bool {
        self.0 & (1 << privilege.0) != 0
    }

    /// Adds a privilege.
    pub fn insert(&mut self, privilege: Privilege) {
        self.0 |= 1 << privilege.0;
    }

    /// Both together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this and not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Every single privilege on objects of a type. Groups and `All` are in none.
    #[must_use]
    pub fn of_type(object_type: ObjectType) -> Self {
        static SETS: LazyLock<[PrivilegeSet; 3]> = LazyLock::new(|| {
            ObjectType::ALL.map(|wanted| {
                let single = |one: &Privilege| one.kind() == PrivilegeKind::Single;
                Privilege::all().filter(|one| single(one) && one.object_type() == wanted).collect()
            })
        });
        let [collection, global, user] = *SETS;
        match object_type {
            ObjectType::Collection => collection,
            ObjectType::Global => global,
            ObjectType::User => user,
        }
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Privilege> for PrivilegeSet {
    fn from_iter<I: IntoIterator<Item = Privilege>>(privileges: I) -> Self {
        let mut set = Self::EMPTY;
        for privilege in privileges {
            set.insert(privilege);
        }
        set
    }
}

impl fmt::Debug for PrivilegeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Privilege::all().filter(|one| self.contains(*one))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_fits_into_a_set() {
        assert!(TABLE.len() <= 128);
        for privilege in Privilege::all() {
            assert_eq!(Privilege::from_name(privilege.name()), Some(privilege));
            let set: PrivilegeSet = [privilege].into_iter().collect();
            assert!(set.contains(privilege) && PrivilegeSet::EVERYTHING.contains(privilege));
        }
        assert_eq!(Privilege::from_name("search"), None);
        assert_eq!(Privilege::from_name(""), None);
    }

    #[test]
    fn the_members_of_groups_are_privileges() {
        for (group, names) in MEMBERS {
            let group = Privilege::from_name(group).unwrap();
            assert!(group.is_group());
            assert_eq!(group.default_members().len(), names.len());
        }
        assert_eq!(MEMBERS.len(), 12);
    }

    #[test]
    fn groups_are_stored_under_a_prefix_of_their_own() {
        let stored = |name| Privilege::from_name(name).unwrap().stored_name();
        assert_eq!(stored("Search"), "PrivilegeSearch");
        assert_eq!(stored("All"), "PrivilegeAll");
        assert_eq!(stored("ReadOnly"), "PrivilegeGroupReadOnly");
        assert_eq!(stored("ClusterAdmin"), "PrivilegeGroupClusterAdmin");
    }
}
