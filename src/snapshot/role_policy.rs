//! What one role may do, ready to be looked up.
//!
//! A role's stored grants are compiled into this once per change. A look-up compares full names,
//! database and object each on its own, and neither allocates nor locks.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hashbrown::{Equivalent, HashMap};

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
#[derive(Debug, Clone, Default)]
pub struct RolePolicy {
    /// Whether there is a role of this name.
    exists: bool,
    /// Every privilege that some grant brings; what is not in it needs no look-up.
    any: PrivilegeSet,
    /// Object `*` in database `*`.
    everywhere: Cell,
    /// Object `*` in one database.
    databases: HashMap<Arc<str>, Cell>,
    /// One object in database `*`.
    objects: HashMap<Arc<str>, Cell>,
    /// One object in one database.
    exact: HashMap<Target, Cell>,
    /// Patterns other than `*`, which have to be tried one by one.
    patterns: Vec<(Glob, Glob, Cell)>,
    /// `All` and the three old groups: by the text of their database, which is no pattern here.
    equal_database: HashMap<Arc<str>, Whole>,
    /// Custom groups that the grants name, whether they exist or not.
    groups: Vec<Arc<str>>,
}

/// The grants on one target.
#[derive(Debug, Clone, Default)]
struct Cell {
    any: PrivilegeSet,
    grants: Vec<(PrivilegeSet, Arc<StoredGrant>)>,
}

/// What holds in one database by rule C of `spec`: `All` and the old groups.
#[derive(Debug, Clone, Default)]
struct Whole {
    /// Whatever the object.
    every: Cell,
    /// On one object.
    named: HashMap<Arc<str>, Cell>,
    /// On some object, which is enough for a request about `*`.
    some: Cell,
}

/// Database and object.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target(Arc<str>, Arc<str>);

/// The same, borrowed.
struct TargetRef<'a>(&'a str, &'a str);

impl Hash for Target {
    fn hash<H: Hasher>(&self, state: &mut H) {
        TargetRef(&self.0, &self.1).hash(state);
    }
}

impl Hash for TargetRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
        self.1.hash(state);
    }
}

impl Equivalent<Target> for TargetRef<'_> {
    fn equivalent(&self, key: &Target) -> bool {
        *key.0 == *self.0 && *key.1 == *self.1
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
            let grant = Arc::new(StoredGrant { row, privilege: Arc::clone(privilege) });
            match meaning(&grant.row.object_type, privilege, builtin) {
                Meaning::Privileges(set) => policy.add(set, &grant),
                Meaning::Database { privileges, named } => {
                    policy.add_whole(privileges, named, &grant);
                }
                Meaning::Group(name) => {
                    if let Some(group) = groups.get(name) {
                        policy.add(members(group), &grant);
                    }
                    if !policy.groups.iter().any(|known| **known == *name) {
                        policy.groups.push(Arc::from(name));
                    }
                }
                Meaning::Unknown => {}
            }
        }
        policy
    }

    /// Whether there is a role of this name; grants may outlive their role in stores written by
    /// others.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.exists
    }

    /// The grant by which the role has the privilege on the object, if there is one.
    #[must_use]
    pub fn find(
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
        None.or_else(|| self.exact.get(&TargetRef(database, object))?.find(privilege))
            .or_else(|| self.databases.get(database).filter(|_| any_object)?.find(privilege))
            .or_else(|| self.objects.get(object).filter(|_| any_database)?.find(privilege))
            .or_else(|| self.everywhere.find(privilege).filter(|_| any_database && any_object))
            .or_else(|| self.equal_database.get(database)?.find(privilege, object))
            .or_else(|| {
                self.patterns
                    .iter()
                    .filter(|(_, _, cell)| cell.any.contains(privilege))
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
            let cell = match (database, object) {
                ("*", "*") => &mut self.everywhere,
                (_, "*") => self.databases.entry(Arc::from(database)).or_default(),
                ("*", _) => self.objects.entry(Arc::from(object)).or_default(),
                _ => {
                    let target = Target(Arc::from(database), Arc::from(object));
                    self.exact.entry(target).or_default()
                }
            };
            cell.add(privileges, grant);
        } else {
            // One that is malformed covers nothing.
            let (Some(in_database), Some(on)) = (Glob::new(database), Glob::new(object)) else {
                return;
            };
            let mut cell = Cell::default();
            cell.add(privileges, grant);
            self.patterns.push((in_database, on, cell));
        }
        self.any = self.any.union(privileges);
    }

    /// Adds what holds in databases of exactly the name of the grant's.
    fn add_whole(&mut self, privileges: PrivilegeSet, named: bool, grant: &Arc<StoredGrant>) {
        let (database, object) = split_object(&grant.row.object);
        let whole = self.equal_database.entry(Arc::from(database)).or_default();
        if named && object != "*" {
            whole.named.entry(Arc::from(object)).or_default().add(privileges, grant);
            whole.some.add(privileges.without(whole.some.any), grant);
        } else {
            whole.every.add(privileges, grant);
        }
        self.any = self.any.union(privileges);
    }
}

impl Cell {
    fn add(&mut self, privileges: PrivilegeSet, grant: &Arc<StoredGrant>) {
        if !privileges.is_empty() {
            self.any = self.any.union(privileges);
            self.grants.push((privileges, Arc::clone(grant)));
        }
    }

    fn find(&self, privilege: Privilege) -> Option<&Arc<StoredGrant>> {
        if !self.any.contains(privilege) {
            return None;
        }
        self.grants.iter().find(|(set, _)| set.contains(privilege)).map(|(_, grant)| grant)
    }
}

impl Whole {
    fn find(&self, privilege: Privilege, object: &str) -> Option<&Arc<StoredGrant>> {
        let some = if object == "*" { Some(&self.some) } else { self.named.get(object) };
        self.every.find(privilege).or_else(|| some?.find(privilege))
    }
}
