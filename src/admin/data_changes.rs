//! What grants follow from what has happened to collections and databases elsewhere.
//!
//! The data is an upstream's, which has acted already when these are called: they ask for no
//! privilege, refuse nothing, and do not mind that the caller has been deleted meanwhile. Only
//! exact names follow; a pattern such as `*` is about whatever there is, and stays.

use std::sync::Arc;

use super::grant_plan::{self, Target};
use super::{Admin, AdminError, Planned};
use crate::credential::Caller;
use crate::model::{
    Change, DEFAULT_DATABASE, GrantId, Grantor, ObjectRow, ObjectType, Privilege, PrivilegeKind,
    RecordKey, custom_group, short_privilege,
};
use crate::snapshot::Snapshot;

/// A database; an empty name means `default`.
fn named(database: &str) -> &str {
    if database.is_empty() { DEFAULT_DATABASE } else { database }
}

/// A collection by its database and name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    database: String,
    name: String,
}

impl Place {
    fn new(database: &str, name: &str) -> Self {
        Self { database: named(database).to_owned(), name: name.to_owned() }
    }

    fn describe(&self) -> String {
        format!("{}.{}", self.database, self.name)
    }

    /// Whether a row can say it and is read as nothing else: a dot ends a name, and `*`, `?`, `[`
    /// and a backslash make it a pattern, which may cover more than the one collection.
    fn can_be_granted_on(&self) -> bool {
        let plain =
            |name: &str| !name.is_empty() && !name.contains(['.', '/', '*', '?', '[', '\\']);
        plain(&self.database) && plain(&self.name)
    }
}

/// Operations for whoever stands in front of an upstream, after it has succeeded and before its
/// answer is passed on. Doing one twice is no error.
impl Admin {
    /// A collection is gone: removes the grants of all roles on exactly that name, so that a later
    /// one of the same name starts without. These are the rows of type `Collection` and, of type
    /// `Global`, the groups that were granted on it. An empty database means `default`.
    ///
    /// # Errors
    /// The change was not acknowledged ([`AdminError::Write`]).
    pub async fn collection_dropped(
        &self,
        caller: &Caller,
        database: &str,
        collection: &str,
    ) -> Result<(), AdminError> {
        let place = Place::new(database, collection);
        let trace = self.trace(caller, "remove grants of dropped collection", &place.describe());
        self.commit_unconditionally(trace, move |state| Ok(((), removal(state, &place).changes)))
            .await
    }

    /// A collection has another name, or another database: moves the grants of all roles on exactly
    /// the old name to the new one, with who granted them, beside those that are there. If the new
    /// name is none that a grant can be on, they are removed. An empty old database means
    /// `default`, an empty new one, as in the request, the old one.
    ///
    /// # Errors
    /// The change was not acknowledged ([`AdminError::Write`]).
    pub async fn collection_renamed(
        &self,
        caller: &Caller,
        from_database: &str,
        from: &str,
        to_database: &str,
        to: &str,
    ) -> Result<(), AdminError> {
        let from = Place::new(from_database, from);
        let to_database = if to_database.is_empty() { &from.database } else { to_database };
        let to = Place::new(to_database, to);
        let target = format!("{} to {}", from.describe(), to.describe());
        let trace = self.trace(caller, "move grants of renamed collection", &target);
        let plan = move |state: &Snapshot| -> Planned { Ok(((), moving(state, &from, &to))) };
        self.commit_unconditionally(trace, plan).await
    }

    /// A database is gone: removes the grants of all roles, of all types, in exactly that database.
    /// Empty means `default`.
    ///
    /// # Errors
    /// The change was not acknowledged ([`AdminError::Write`]).
    pub async fn database_dropped(
        &self,
        caller: &Caller,
        database: &str,
    ) -> Result<(), AdminError> {
        let database = named(database).to_owned();
        let trace = self.trace(caller, "remove grants of dropped database", &database);
        let plan = move |state: &Snapshot| -> Planned {
            let grants = state.grants();
            Ok(((), grants.removal_of_rows(&grants.rows_in(&database))))
        };
        self.commit_unconditionally(trace, plan).await
    }
}

/// Changes that leave nothing granted on a collection by its name, and what they take.
struct Removal {
    changes: Vec<Change>,
    taken: Vec<(ObjectRow, Arc<str>, Grantor)>,
}

fn removal(state: &Snapshot, place: &Place) -> Removal {
    let mut removal = Removal { changes: Vec::new(), taken: Vec::new() };
    if place.name.is_empty() {
        return removal;
    }
    let grants = state.grants();
    let Place { database, name } = place;
    let mut whole = grants.rows_on(ObjectType::Collection, database, name);
    let (groups, mixed): (Vec<_>, Vec<_>) = grants
        .rows_on(ObjectType::Global, database, name)
        .into_iter()
        .filter(|(_, id)| grants.privileges_of(id).any(|(privilege, _)| is_group(privilege)))
        .partition(|(_, id)| grants.privileges_of(id).all(|(privilege, _)| is_group(privilege)));
    whole.extend(groups);
    for (row, id) in &whole {
        removal.take(row, grants.privileges_of(id));
    }
    removal.changes = grants.removal_of_rows(&whole);
    for (row, id) in mixed {
        removal.take_groups(state, &row, id);
    }
    removal
}

impl Removal {
    fn take<'a>(
        &mut self,
        row: &ObjectRow,
        held: impl Iterator<Item = (&'a Arc<str>, &'a Grantor)>,
    ) {
        self.taken.extend(held.map(|(privilege, by)| (row.clone(), privilege.clone(), by.clone())));
    }

    /// Takes the groups out of a row that holds something else, too: that is about the database,
    /// whatever name stands beside it.
    fn take_groups(&mut self, state: &Snapshot, row: &ObjectRow, id: &GrantId) {
        let grants = state.grants();
        let groups = || grants.privileges_of(id).filter(|(privilege, _)| is_group(privilege));
        self.take(row, groups());
        let (moved, own) = grant_plan::own_id(grants, row, id);
        self.changes.extend(moved);
        for (privilege, _) in groups() {
            let key = RecordKey::Privilege(own.clone(), privilege.clone());
            self.changes.push(Change::Delete(key));
        }
    }
}

/// What moves grants from one name to another: all of them are removed before any is added.
fn moving(state: &Snapshot, from: &Place, to: &Place) -> Vec<Change> {
    if from == to {
        return Vec::new();
    }
    let Removal { mut changes, taken } = removal(state, from);
    if !to.can_be_granted_on() {
        return changes;
    }
    // Each grant is planned on the state after those before it, so that no id is chosen twice.
    let mut after = state.clone();
    for change in &changes {
        after.apply(change);
    }
    for (row, privilege, grantor) in taken {
        let target = Target {
            role: row.role,
            object_type: row.object_type,
            database: to.database.clone(),
            name: to.name.clone(),
        };
        let granted = grant_plan::grant(&after, &target, &[privilege], &grantor);
        for change in &granted {
            after.apply(change);
        }
        changes.extend(granted);
    }
    changes
}

/// Whether a stored privilege is a group that can be granted on one collection. The old `Admin` is
/// about the database whatever name stands beside it.
fn is_group(stored: &str) -> bool {
    let built_in = || Privilege::from_name(short_privilege(stored)).map(Privilege::kind);
    custom_group(stored).is_some() || built_in() == Some(PrivilegeKind::LevelGroup)
}

#[cfg(test)]
mod tests;
