//! Object rows and the privileges under their ids.

use std::sync::Arc;

use imbl::OrdMap;

use crate::model::{Change, GrantId, Grantor, ObjectRow, Record, RecordKey, RoleName};

/// Type and object of a row, in stored spelling.
type Target = (Arc<str>, Arc<str>);

/// The grants of all roles, in their stored form.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// Rows by role, so that a role's grants are found and dropped without a scan.
    rows: OrdMap<RoleName, OrdMap<Target, GrantId>>,
    /// Privileges by id; ids that no row names decide nothing.
    privileges: OrdMap<GrantId, OrdMap<Arc<str>, Grantor>>,
}

impl Grants {
    /// Whether the role has at least one privilege on anything. Rows without privileges do not
    /// count: a revoke leaves them.
    #[must_use]
    pub fn any_of(&self, role: &RoleName) -> bool {
        self.granted_rows_of(role).next().is_some()
    }

    /// The rows of a role under which there are privileges.
    pub fn granted_rows_of(&self, role: &RoleName) -> impl Iterator<Item = ObjectRow> {
        self.rows_of(role)
            .filter(|(_, id)| self.privileges.get(*id).is_some_and(|held| !held.is_empty()))
            .map(|(row, _)| row)
    }

    /// The rows of a role with their ids.
    pub fn rows_of(&self, role: &RoleName) -> impl Iterator<Item = (ObjectRow, &GrantId)> {
        let role = role.clone();
        self.rows.get(&role).into_iter().flatten().map(move |((object_type, object), id)| {
            let row = ObjectRow {
                role: role.clone(),
                object_type: object_type.clone(),
                object: object.clone(),
            };
            (row, id)
        })
    }

    /// The changes that remove everything a role was granted. Privileges under an id that a row of
    /// another role shares stay with that role.
    #[must_use]
    pub fn removal_of(&self, role: &RoleName) -> Vec<Change> {
        let mut changes = Vec::new();
        for (row, id) in self.rows_of(role) {
            changes.push(Change::Delete(RecordKey::Row(row)));
            if self.is_shared(id, role) {
                continue;
            }
            for privilege in self.privileges.get(id).into_iter().flat_map(OrdMap::keys) {
                changes.push(Change::Delete(RecordKey::Privilege(id.clone(), privilege.clone())));
            }
        }
        changes
    }

    /// Whether a row of some other role leads to the same id. Only ids of 16 digits can collide.
    fn is_shared(&self, id: &GrantId, role: &RoleName) -> bool {
        id.0.len() <= 16
            && self
                .rows
                .iter()
                .any(|(other, rows)| other != role && rows.values().any(|found| found == id))
    }

    pub(super) fn put(&mut self, record: &Record) {
        match record {
            Record::Row(row, id) => {
                let target = (row.object_type.clone(), row.object.clone());
                self.rows.entry(row.role.clone()).or_default().insert(target, id.clone());
            }
            Record::Privilege(id, privilege, grantor) => {
                self.privileges
                    .entry(id.clone())
                    .or_default()
                    .insert(privilege.clone(), grantor.clone());
            }
            _ => {}
        }
    }

    pub(super) fn delete(&mut self, key: &RecordKey) {
        match key {
            RecordKey::Row(row) => {
                let target = (row.object_type.clone(), row.object.clone());
                if let Some(rows) = self.rows.get_mut(&row.role) {
                    rows.remove(&target);
                    if rows.is_empty() {
                        self.rows.remove(&row.role);
                    }
                }
            }
            RecordKey::Privilege(id, privilege) => {
                if let Some(privileges) = self.privileges.get_mut(id) {
                    privileges.remove(privilege);
                    if privileges.is_empty() {
                        self.privileges.remove(id);
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        let rows = self
            .rows
            .keys()
            .flat_map(|role| self.rows_of(role))
            .map(|(row, id)| Record::Row(row, id.clone()));
        let privileges = self.privileges.iter().flat_map(|(id, privileges)| {
            privileges.iter().map(|(privilege, grantor)| {
                Record::Privilege(id.clone(), privilege.clone(), grantor.clone())
            })
        });
        rows.chain(privileges)
    }
}

/// A privilege that a role was granted, in stored spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredGrant {
    /// The row that leads to it.
    pub row: ObjectRow,
    /// The privilege (`PrivilegeSearch`).
    pub privilege: Arc<str>,
    /// Who granted it.
    pub grantor: Grantor,
}

/// Single grants, as operations look at them.
impl Grants {
    /// The id of a row, if the row is there.
    #[must_use]
    pub fn id_of(&self, row: &ObjectRow) -> Option<&GrantId> {
        self.rows.get(&row.role)?.get(&(row.object_type.clone(), row.object.clone()))
    }

    /// The privileges under an id with their grantors, ascending; also of an id that no row names.
    pub fn under(&self, id: &GrantId) -> impl Iterator<Item = (&Arc<str>, &Grantor)> {
        self.privileges.get(id).into_iter().flatten()
    }

    /// Who granted a privilege, in stored spelling, under an id; `None` if nobody did.
    #[must_use]
    pub fn grantor_of(&self, id: &GrantId, privilege: &str) -> Option<&Grantor> {
        self.privileges.get(id)?.get(privilege)
    }

    /// Everything a role was granted, in no order that is promised.
    pub fn grants_of(&self, role: &RoleName) -> impl Iterator<Item = StoredGrant> {
        self.rows_of(role).flat_map(|(row, id)| {
            self.under(id).map(move |(privilege, grantor)| StoredGrant {
                row: row.clone(),
                privilege: privilege.clone(),
                grantor: grantor.clone(),
            })
        })
    }

    /// The rows under whose ids a privilege stands, with these ids, ascending by role. Looks at
    /// every row there is: for changes that are rare.
    pub fn rows_with<'a>(
        &'a self,
        privilege: &'a str,
    ) -> impl Iterator<Item = (ObjectRow, &'a GrantId)> {
        self.rows
            .keys()
            .flat_map(|role| self.rows_of(role))
            .filter(move |(_, id)| self.grantor_of(id, privilege).is_some())
    }

    /// Whether a second row leads to the id of this one, so that a privilege granted here would be
    /// granted there. Only ids of 16 digits can collide.
    #[must_use]
    pub fn is_id_shared(&self, row: &ObjectRow, id: &GrantId) -> bool {
        let same = |target: &Target| *target.0 == *row.object_type && *target.1 == *row.object;
        id.0.len() <= 16
            && self.rows.iter().any(|(role, rows)| {
                rows.iter()
                    .any(|(target, found)| found == id && !(*role == row.role && same(target)))
            })
    }
}
