//! What one role may do, ready to be looked up.
//!
//! A role's stored grants are compiled into this once per change. A look-up compares full names,
//! database and object each on its own, and neither allocates nor locks.

use std::sync::Arc;

use hashbrown::HashMap;

use super::cells::{By, Cell, Cells};
use super::glob::{Glob, is_pattern};
use super::stored_privilege::{Groups, Meaning, meaning, members, split_object};
use crate::model::{BuiltinGroups, ObjectRow, ObjectType, Privilege, PrivilegeSet};

/// A grant as it is stored, for whoever wants to know why something was allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredGrant {
    /// Role, type and object.
    pub row: ObjectRow,
    /// The stored text of the privilege or group.
    pub privilege: Arc<str>,
}

/// Everything that the grants of one role allow.
#[derive(Debug, Clone)]
pub(super) struct RolePolicy {
    /// Whether there is a role of this name.
    exists: bool,
    /// Every privilege that some grant brings; what is not in it needs no look-up.
    any: PrivilegeSet,
    /// Object `*` in database `*`.
    everywhere: Option<Cell>,
    /// Object `*` in one database.
    databases: Cells,
    /// One object in database `*`.
    objects: Cells,
    /// One object in one database.
    exact: Cells,
    /// Patterns other than `*`, which have to be tried one by one.
    patterns: Vec<(Glob, Glob, Cell)>,
    /// `All` and the three old groups: by the text of their database, which is no pattern here.
    equal_database: HashMap<Arc<str>, Whole>,
    /// Custom groups that the grants name, whether they exist or not.
    groups: Vec<Arc<str>>,
    /// How many grants it was made of.
    grants: usize,
}

/// What holds in one database by rule C of `spec`: `All` and the old groups.
#[derive(Debug, Clone)]
struct Whole {
    /// Whatever the object.
    every: Option<Cell>,
    /// On one object.
    named: Cells,
    /// On some object, which is enough for a request about `*`.
    some: Option<Cell>,
}

impl Default for RolePolicy {
    fn default() -> Self {
        Self {
            exists: false,
            any: PrivilegeSet::EMPTY,
            everywhere: None,
            databases: Cells::new(By::Database),
            objects: Cells::new(By::Object),
            exact: Cells::new(By::Both),
            patterns: Vec::new(),
            equal_database: HashMap::default(),
            groups: Vec::new(),
            grants: 0,
        }
    }
}

impl RolePolicy {
    /// Compiles the grants of a role: each row with its privileges, in stored spelling.
    pub(super) fn compile<'a>(
        exists: bool,
        grants: impl Iterator<Item = (ObjectRow, &'a Arc<str>)>,
        groups: &Groups,
        builtin: &BuiltinGroups,
    ) -> Self {
        let mut policy = Self { exists, ..Self::default() };
        for (row, privilege) in grants {
            policy.grant(row, privilege, groups, builtin);
        }
        policy
    }

    /// Adds one grant.
    pub(super) fn grant(
        &mut self,
        row: ObjectRow,
        privilege: &Arc<str>,
        groups: &Groups,
        builtin: &BuiltinGroups,
    ) {
        self.grants += 1;
        let grant = Arc::new(StoredGrant { row, privilege: Arc::clone(privilege) });
        match meaning(&grant.row.object_type, privilege, builtin) {
            Meaning::Privileges(set) => self.add(set, &grant),
            Meaning::Database { privileges, named } => self.add_whole(privileges, named, &grant),
            Meaning::Group(name) => {
                if let Some(group) = groups.get(name) {
                    self.add(members(group), &grant);
                }
                if !self.groups.iter().any(|known| **known == *name) {
                    self.groups.push(Arc::from(name));
                }
            }
            Meaning::Unknown => {}
        }
    }

    /// How many grants it was made of.
    pub(super) fn grants(&self) -> usize {
        self.grants
    }

    /// Whether there is a role of this name; grants may outlive their role in stores written by
    /// others.
    #[must_use]
    pub(super) fn exists(&self) -> bool {
        self.exists
    }

    /// The grant by which the role has the privilege on the object, if there is one.
    #[must_use]
    pub(super) fn find(
        &self,
        privilege: Privilege,
        database: &str,
        object: &str,
    ) -> Option<&Arc<StoredGrant>> {
        if !self.any.contains(privilege) {
            return None;
        }
        // `*` covers no name with a slash.
        let (any_database, any_object) = (!database.contains('/'), !object.contains('/'));
        None.or_else(|| self.exact.get(database, object)?.find(privilege))
            .or_else(|| {
                self.databases.get(database, object).filter(|_| any_object)?.find(privilege)
            })
            .or_else(|| {
                self.objects.get(database, object).filter(|_| any_database)?.find(privilege)
            })
            .or_else(|| {
                self.everywhere.as_ref().filter(|_| any_database && any_object)?.find(privilege)
            })
            .or_else(|| self.equal_database.get(database)?.find(privilege, object))
            .or_else(|| {
                self.patterns
                    .iter()
                    .filter(|(_, _, cell)| cell.any().contains(privilege))
                    .find(|(in_database, on, _)| in_database.covers(database) && on.covers(object))
                    .and_then(|(_, _, cell)| cell.find(privilege))
            })
    }

    /// Whether a grant names this custom group.
    pub(super) fn names_group(&self, name: &str) -> bool {
        self.groups.iter().any(|group| **group == *name)
    }

    /// Whether it says nothing at all, as of a role that does not exist and has no grants.
    pub(super) fn is_blank(&self) -> bool {
        !self.exists && self.any.is_empty() && self.groups.is_empty()
    }

    /// Adds privileges, each under its own type: those of type `Global` are about `*`, wherever
    /// they were granted.
    fn add(&mut self, privileges: PrivilegeSet, grant: &Arc<StoredGrant>) {
        let global = PrivilegeSet::of_type(ObjectType::Global);
        let (database, object) = split_object(&grant.row.object);
        self.add_on(database, object, privileges.without(global), grant);
        self.add_on(database, "*", privileges.intersection(global), grant);
    }

    fn add_on(
        &mut self,
        database: &str,
        object: &str,
        privileges: PrivilegeSet,
        grant: &Arc<StoredGrant>,
    ) {
        if privileges.is_empty() {
            return;
        }
        let plain = |text: &str| text == "*" || !is_pattern(text);
        if plain(database) && plain(object) {
            match (database, object) {
                ("*", "*") => Cell::add_to(&mut self.everywhere, privileges, grant),
                (_, "*") => self.databases.add(privileges, grant),
                ("*", _) => self.objects.add(privileges, grant),
                _ => self.exact.add(privileges, grant),
            }
        } else {
            // One that is malformed covers nothing.
            let (Some(in_database), Some(on)) = (Glob::new(database), Glob::new(object)) else {
                return;
            };
            self.patterns.push((in_database, on, Cell::new(privileges, grant)));
        }
        self.any = self.any.union(privileges);
    }

    /// Adds what holds in databases of exactly the name of the grant's.
    fn add_whole(&mut self, privileges: PrivilegeSet, named: bool, grant: &Arc<StoredGrant>) {
        let (database, object) = split_object(&grant.row.object);
        if privileges.is_empty() {
            return;
        }
        let whole = self.equal_database.entry(Arc::from(database)).or_insert_with(Whole::new);
        if named && object != "*" {
            whole.named.add(privileges, grant);
            let known = whole.some.as_ref().map_or(PrivilegeSet::EMPTY, Cell::any);
            let new = privileges.without(known);
            if !new.is_empty() {
                Cell::add_to(&mut whole.some, new, grant);
            }
        } else {
            Cell::add_to(&mut whole.every, privileges, grant);
        }
        self.any = self.any.union(privileges);
    }
}

impl Whole {
    fn new() -> Self {
        Self { every: None, named: Cells::new(By::Object), some: None }
    }

    fn find(&self, privilege: Privilege, object: &str) -> Option<&Arc<StoredGrant>> {
        let every = self.every.as_ref().and_then(|cell| cell.find(privilege));
        every.or_else(|| {
            let some = match object {
                "*" => self.some.as_ref(),
                _ => self.named.get("", object),
            };
            some?.find(privilege)
        })
    }
}
