//! Which databases and collections somebody sees in a list, by the grants of their roles.
//!
//! Seeing is wider than doing: any grant in a database shows it. What a caller may do is the
//! decision's business, and whether lists are filtered at all that of whoever asks.

use std::collections::HashSet;
use std::sync::Arc;

use super::Snapshot;
use super::glob::{Glob, is_pattern};
use super::stored_privilege::split_object;
use crate::model::{
    Level, ObjectType, PUBLIC, Privilege, PrivilegeKind, RoleName, custom_group, short_privilege,
};

/// Who looks, and by which rules.
#[derive(Debug, Clone, Copy)]
pub struct Viewer<'a> {
    /// Name of the user. One who is not there sees nothing.
    pub user: &'a str,
    /// Whether `root` needs roles like anybody else.
    pub root_needs_role: bool,
    /// Whether the grants of a role that does not exist count.
    pub ghost_roles: bool,
}

/// The names that somebody sees.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    everything: bool,
    names: HashSet<Arc<str>>,
    /// `*` is one of them.
    patterns: Vec<Glob>,
}

impl Sight {
    /// Sees every name.
    #[must_use]
    pub fn everything() -> Self {
        Self { everything: true, ..Self::default() }
    }

    /// Whether the name is seen. Case matters; `*` in a grant covers no name with a slash.
    #[must_use]
    pub fn shows(&self, name: &str) -> bool {
        self.everything
            || self.names.contains(name)
            || self.patterns.iter().any(|pattern| pattern.covers(name))
    }

    /// Sees this name, too, or what it covers if it is a pattern.
    pub fn add(&mut self, name: &str) {
        if !is_pattern(name) {
            self.names.insert(Arc::from(name));
        } else if let Some(pattern) = Glob::new(name)
            && !self.patterns.contains(&pattern)
        {
            // One that is malformed covers nothing.
            self.patterns.push(pattern);
        }
    }
}

impl Snapshot {
    /// The databases that the viewer sees: administrators all, others those in which one of their
    /// own roles has any grant. What everybody holds by `public` shows nothing.
    #[must_use]
    pub fn databases_shown(&self, viewer: Viewer<'_>) -> Sight {
        if self.sees_everything(viewer) {
            return Sight::everything();
        }
        let mut sight = Sight::default();
        for role in self.roles_that_show(viewer) {
            for row in self.grants().granted_rows_of(role) {
                sight.add(split_object(&row.object).0);
            }
        }
        sight
    }

    /// The collections of a database, whose name is not empty, that the viewer sees:
    /// administrators all, others those on which one of their own roles has a grant there or in
    /// all databases: one of type `Collection`, or of a custom group or a built-in one for
    /// collections. `All` shows every collection. What everybody holds by `public` shows nothing.
    #[must_use]
    pub fn collections_shown(&self, viewer: Viewer<'_>, database: &str) -> Sight {
        if self.sees_everything(viewer) {
            return Sight::everything();
        }
        let mut sight = Sight::default();
        for role in self.roles_that_show(viewer) {
            for (row, privilege) in self.grants().of_role(role) {
                let (covered, name) = split_object(&row.object);
                if !covers(covered, database) {
                    continue;
                }
                match ObjectType::from_name(&row.object_type) {
                    Some(ObjectType::Collection) => sight.add(name),
                    Some(ObjectType::Global) if is_everything(privilege) => {
                        return Sight::everything();
                    }
                    Some(_) if self.is_group_for_collections(privilege) => sight.add(name),
                    _ => {}
                }
            }
        }
        sight
    }

    fn sees_everything(&self, viewer: Viewer<'_>) -> bool {
        self.user(viewer.user).is_some()
            && self.is_administrator(viewer.user, viewer.root_needs_role)
    }

    fn roles_that_show(&self, viewer: Viewer<'_>) -> impl Iterator<Item = &RoleName> {
        let known = self.user(viewer.user).is_some();
        self.roles_of(viewer.user)
            .iter()
            .filter(move |_| known)
            // Also where it was bound by name.
            .filter(|role| role.as_str() != PUBLIC)
            .filter(move |role| viewer.ghost_roles || self.role(role.as_str()).is_some())
    }

    fn is_group_for_collections(&self, stored: &str) -> bool {
        if let Some(name) = custom_group(stored) {
            return self.group(name).is_some();
        }
        Privilege::from_name(short_privilege(stored)).is_some_and(|group| {
            group.kind() == PrivilegeKind::LevelGroup && group.level() == Level::Collection
        })
    }
}

/// Whether the database of a grant is, or covers, this one.
fn covers(granted: &str, database: &str) -> bool {
    if is_pattern(granted) {
        Glob::new(granted).is_some_and(|pattern| pattern.covers(database))
    } else {
        granted == database
    }
}

fn is_everything(stored: &str) -> bool {
    let privilege = Privilege::from_name(short_privilege(stored));
    privilege.is_some_and(|privilege| privilege.kind() == PrivilegeKind::All)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        ADMIN, Change, Credential, GrantId, Grantor, ObjectRow, PasswordHash, PrivilegeGroup,
        Record, RecordKey, Role, UserName,
    };

    const ANN: Viewer<'_> = Viewer { user: "ann", root_needs_role: false, ghost_roles: false };

    fn put(state: &mut Snapshot, record: Record) {
        state.apply(&Change::Put(record));
    }

    fn role(name: &str) -> RoleName {
        RoleName::new(name).unwrap()
    }

    fn user(state: &mut Snapshot, name: &str) {
        let credential =
            Credential { hash: PasswordHash::new(""), description: None, time_tick: 0 };
        put(state, Record::User(UserName::new(name).unwrap(), credential));
    }

    /// `ann` holds `r`, and `bob` nothing.
    fn ann() -> Snapshot {
        let mut state = Snapshot::default();
        user(&mut state, "ann");
        user(&mut state, "bob");
        bind(&mut state, "ann", "r");
        state
    }

    fn bind(state: &mut Snapshot, user: &str, held: &str) {
        put(state, Record::Role(role(held), Role::default()));
        put(state, Record::Binding(UserName::new(user).unwrap(), role(held)));
    }

    fn grant(state: &mut Snapshot, name: &str, of: &str, object: &str, privilege: &str) {
        let row = ObjectRow { role: role(name), object_type: of.into(), object: object.into() };
        let id = row.grant_id();
        put(state, Record::Row(row, id.clone()));
        put(state, Record::Privilege(id, privilege.into(), Grantor("root".into())));
    }

    fn group(state: &mut Snapshot, name: &str) {
        let privileges = vec!["Search".into()];
        put(state, Record::Group(PrivilegeGroup { name: name.into(), privileges }));
    }

    fn databases(state: &Snapshot, viewer: Viewer<'_>) -> Vec<&'static str> {
        let sight = state.databases_shown(viewer);
        ["default", "db", "db1", "DB", "a/b"].into_iter().filter(|name| sight.shows(name)).collect()
    }

    fn collections(state: &Snapshot, database: &str) -> Vec<&'static str> {
        let sight = state.collections_shown(ANN, database);
        ["c", "c1", "d", "C", "a/b"].into_iter().filter(|name| sight.shows(name)).collect()
    }

    /// What one grant in `r` shows: databases, and collections of `db`.
    fn shown(of: &str, object: &str, privilege: &str) -> (Vec<&'static str>, Vec<&'static str>) {
        let mut state = ann();
        group(&mut state, "g");
        grant(&mut state, "r", of, object, privilege);
        (databases(&state, ANN), collections(&state, "db"))
    }

    const ALL: [&str; 5] = ["c", "c1", "d", "C", "a/b"];

    #[test]
    fn without_a_grant_nothing_is_seen_and_an_empty_row_is_none() {
        let mut state = ann();
        let row =
            ObjectRow { role: role("r"), object_type: "Collection".into(), object: "db.c".into() };
        put(&mut state, Record::Row(row, GrantId("1".into())));
        assert!(databases(&state, ANN).is_empty() && collections(&state, "db").is_empty());
    }

    #[test]
    fn a_database_is_seen_by_any_grant_in_it_and_all_by_one_in_all() {
        assert_eq!(shown("User", "db.ann", "PrivilegeSelectUser").0, ["db"]);
        assert_eq!(shown("Global", "db.*", "PrivilegeCreateCollection").0, ["db"]);
        assert_eq!(shown("Collection", "c", "PrivilegeSearch").0, ["default"]);
        assert_eq!(shown("Collection", ".c", "PrivilegeSearch").0, ["default"]);
        assert_eq!(shown("Collection", "*.c", "PrivilegeSearch").0, ["default", "db", "db1", "DB"]);
        assert_eq!(shown("Collection", "db?.c", "PrivilegeSearch").0, ["db1"]);
        assert!(shown("Collection", "[.c", "PrivilegeSearch").0.is_empty());
    }

    #[test]
    fn a_collection_is_seen_by_any_grant_on_it_in_its_database() {
        assert_eq!(shown("Collection", "db.c", "PrivilegeSearch").1, ["c"]);
        assert_eq!(shown("Collection", "*.c", "PrivilegeSearch").1, ["c"]);
        assert_eq!(shown("Collection", "d*.c?", "PrivilegeSearch").1, ["c1"]);
        assert_eq!(shown("Collection", "db.*", "*").1, ["c", "c1", "d", "C"]);
        for elsewhere in ["c", "default.c", "db1.*", "DB.c", "[.c", "db.["] {
            assert!(shown("Collection", elsewhere, "PrivilegeSearch").1.is_empty(), "{elsewhere}");
        }
        assert!(shown("Global", "db.*", "PrivilegeDescribeCollection").1.is_empty());
        assert!(shown("Global", "db.c", "PrivilegeCreateCollection").1.is_empty());
        assert!(shown("User", "db.c", "PrivilegeSelectUser").1.is_empty());
        assert!(shown("Odd", "db.c", "PrivilegeSearch").1.is_empty());
    }

    #[test]
    fn groups_show_the_collections_that_they_were_granted_on() {
        for privilege in ["PrivilegeGroupg", "PrivilegeGroupCollectionReadOnly"] {
            assert_eq!(shown("Global", "db.c", privilege).1, ["c"], "{privilege}");
            assert_eq!(shown("Global", "*.*", privilege).1, ["c", "c1", "d", "C"], "{privilege}");
            assert!(shown("Global", "db1.c", privilege).1.is_empty(), "{privilege}");
        }
        for privilege in ["PrivilegeGroupDatabaseAdmin", "PrivilegeGroupClusterAdmin"] {
            assert!(shown("Global", "*.*", privilege).1.is_empty(), "{privilege}");
        }
        assert!(shown("Global", "db.c", "PrivilegeGroupgone").1.is_empty());
    }

    #[test]
    fn all_shows_every_collection_where_it_holds() {
        for object in ["db.*", "*.*", "db.c"] {
            assert_eq!(shown("Global", object, "PrivilegeAll").1, ALL, "{object}");
        }
        assert!(shown("Global", "default.*", "PrivilegeAll").1.is_empty());
    }

    #[test]
    fn what_everybody_holds_and_what_a_missing_role_holds_shows_nothing() {
        let mut state = ann();
        bind(&mut state, "ann", PUBLIC);
        for name in [PUBLIC, "ghost"] {
            grant(&mut state, name, "Collection", "*.*", "PrivilegeSearch");
        }
        put(&mut state, Record::Binding(UserName::new("ann").unwrap(), role("ghost")));
        assert!(databases(&state, ANN).is_empty() && collections(&state, "db").is_empty());
        assert_eq!(databases(&state, Viewer { ghost_roles: true, ..ANN }).len(), 4);
    }

    #[test]
    fn administrators_see_everything_until_they_are_gone() {
        let mut state = ann();
        user(&mut state, "root");
        bind(&mut state, "bob", ADMIN);
        for name in ["root", "bob"] {
            let viewer = Viewer { user: name, ..ANN };
            assert_eq!(databases(&state, viewer).len(), 5, "{name}");
            assert!(state.collections_shown(viewer, "db").shows("a/b"), "{name}");
        }
        let needs = Viewer { user: "root", root_needs_role: true, ..ANN };
        assert!(databases(&state, needs).is_empty());
        grant(&mut state, "r", "Collection", "db.c", "PrivilegeSearch");
        for name in ["bob", "ann"] {
            let viewer = Viewer { user: name, ..ANN };
            assert!(!databases(&state, viewer).is_empty());
            state.apply(&Change::Delete(RecordKey::User(UserName::new(name).unwrap())));
            assert!(databases(&state, viewer).is_empty(), "{name}");
            assert!(!state.collections_shown(viewer, "db").shows("c"), "{name}");
        }
    }
}
