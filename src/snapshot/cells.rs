//! The grants of one role on one target, and tables of them.
//!
//! A decision about a cold role waits for memory and for little else, so a cell is half a cache
//! line, and what it is about is not written in it: its first grant says that.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::role_policy::StoredGrant;
use super::stored_privilege::split_object;
use crate::model::{Privilege, PrivilegeSet};

/// Privileges, and the grant that brings them.
type Granted = (PrivilegeSet, Arc<StoredGrant>);

/// The grants on one target: at least one.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    first: Granted,
    /// What further grants bring.
    more: Option<Box<More>>,
}

#[derive(Debug, Clone, Default)]
struct More {
    any: PrivilegeSet,
    grants: Vec<Granted>,
}

impl Cell {
    pub(super) fn new(privileges: PrivilegeSet, grant: &Arc<StoredGrant>) -> Self {
        Self { first: (privileges, Arc::clone(grant)), more: None }
    }

    pub(super) fn add(&mut self, privileges: PrivilegeSet, grant: &Arc<StoredGrant>) {
        let more = self.more.get_or_insert_default();
        more.any = more.any.union(privileges);
        more.grants.push((privileges, Arc::clone(grant)));
    }

    /// Adds to a cell that there may not be yet.
    pub(super) fn add_to(
        cell: &mut Option<Self>,
        privileges: PrivilegeSet,
        grant: &Arc<StoredGrant>,
    ) {
        match cell {
            Some(cell) => cell.add(privileges, grant),
            None => *cell = Some(Self::new(privileges, grant)),
        }
    }

    pub(super) fn find(&self, privilege: Privilege) -> Option<&Arc<StoredGrant>> {
        if self.first.0.contains(privilege) {
            return Some(&self.first.1);
        }
        let more = self.more.as_deref().filter(|more| more.any.contains(privilege))?;
        more.grants.iter().find(|(set, _)| set.contains(privilege)).map(|(_, grant)| grant)
    }

    /// All the privileges of its grants.
    pub(super) fn any(&self) -> PrivilegeSet {
        let more = self.more.as_ref().map_or(PrivilegeSet::EMPTY, |more| more.any);
        self.first.0.union(more)
    }

    /// Database and object of its grants, without what they are a pattern of.
    fn target(&self) -> (&str, &str) {
        split_object(&self.first.1.row.object)
    }
}

/// Which part of a stored object tells the cells of a table apart.
#[derive(Debug, Clone, Copy)]
pub(super) enum By {
    /// The database.
    Database,
    /// The object.
    Object,
    /// Both.
    Both,
}

impl By {
    /// Puts a fixed text in place of what does not count.
    fn key<'a>(self, (database, object): (&'a str, &'a str)) -> (&'a str, &'a str) {
        match self {
            Self::Database => (database, ""),
            Self::Object => ("", object),
            Self::Both => (database, object),
        }
    }
}

/// Cells by what they are about. Names are compared in full.
#[derive(Debug, Clone)]
pub(super) struct Cells {
    by: By,
    // Its seed is random: names are chosen by those who may create them.
    hasher: DefaultHashBuilder,
    table: HashTable<Cell>,
}

impl Cells {
    pub(super) fn new(by: By) -> Self {
        Self { by, hasher: DefaultHashBuilder::default(), table: HashTable::new() }
    }

    /// The cell about this database and this object, as far as they count here.
    pub(super) fn get(&self, database: &str, object: &str) -> Option<&Cell> {
        if self.table.is_empty() {
            return None;
        }
        let key = self.by.key((database, object));
        self.table.find(self.hasher.hash_one(key), |cell| self.by.key(cell.target()) == key)
    }

    /// Adds a grant to the cell of what it is about.
    pub(super) fn add(&mut self, privileges: PrivilegeSet, grant: &Arc<StoredGrant>) {
        let Self { by, hasher, table } = self;
        let key = by.key(split_object(&grant.row.object));
        let hash = |cell: &Cell| hasher.hash_one(by.key(cell.target()));
        let same = |cell: &Cell| by.key(cell.target()) == key;
        table
            .entry(hasher.hash_one(key), same, hash)
            .and_modify(|cell| cell.add(privileges, grant))
            .or_insert_with(|| Cell::new(privileges, grant));
    }
}
