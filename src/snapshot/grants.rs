//! Object rows and the privileges under their ids.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;

use super::few::Few;
use super::glob::is_pattern;
use super::stored_privilege::split_object;
use crate::model::{
    Change, DEFAULT_DATABASE, GrantId, Grantor, ObjectRow, ObjectType, Record, RecordKey, RoleName,
};

/// Type and object of a row, in stored spelling.
type Target = (Arc<str>, Arc<str>);

/// The grants of all roles, in their stored form.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// Rows by role, so that a role's grants are found and dropped without a scan.
    rows: OrdMap<RoleName, OrdMap<Target, GrantId>>,
    /// What stands under an id and who has it; ids that no row leads to decide nothing.
    under: OrdMap<GrantId, Under>,
}

/// An id: what stands under it, and who leads to it.
#[derive(Debug, Clone, Default)]
struct Under {
    /// Roles whose rows lead to it, once for each row.
    holders: Few<RoleName>,
    /// Its privileges, ascending by their stored text: a few, or all there are.
    privileges: Few<(Arc<str>, Grantor)>,
}

impl Under {
    fn find(&self, privilege: &str) -> Result<usize, usize> {
        self.privileges.as_slice().binary_search_by(|(held, _)| (**held).cmp(privilege))
    }
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
            .filter(|(_, id)| self.privileges_of(id).next().is_some())
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

    /// The id of a row, if there is such a row.
    #[must_use]
    pub fn id_of(&self, row: &ObjectRow) -> Option<&GrantId> {
        let target = (row.object_type.clone(), row.object.clone());
        self.rows.get(&row.role)?.get(&target)
    }

    /// The row of a role that leads to an id. Looks at the role's rows, one after the other.
    pub(super) fn row_under(&self, role: &RoleName, id: &GrantId) -> Option<ObjectRow> {
        let (target, _) = self.rows.get(role)?.iter().find(|(_, under)| *under == id)?;
        let (object_type, object) = target.clone();
        Some(ObjectRow { role: role.clone(), object_type, object })
    }

    /// The privileges under an id, ascending by their stored text, and who granted each.
    pub fn privileges_of(&self, id: &GrantId) -> impl Iterator<Item = (&Arc<str>, &Grantor)> {
        self.held(id).iter().map(|(privilege, grantor)| (privilege, grantor))
    }

    /// All that a role was granted: each row with each of its privileges.
    pub fn of_role(&self, role: &RoleName) -> impl Iterator<Item = (ObjectRow, &Arc<str>)> {
        self.rows_of(role).flat_map(|(row, id)| {
            self.privileges_of(id).map(move |(privilege, _)| (row.clone(), privilege))
        })
    }

    fn held(&self, id: &GrantId) -> &[(Arc<str>, Grantor)] {
        self.under.get(id).map_or(&[], |under| under.privileges.as_slice())
    }

    /// The roles whose rows lead to an id.
    pub(super) fn holders_of(&self, id: &GrantId) -> &[RoleName] {
        self.under.get(id).map_or(&[], |under| under.holders.as_slice())
    }

    /// The id as it stands here already, if it does: then there is one copy of its text.
    pub(super) fn known_id(&self, id: &GrantId) -> Option<&GrantId> {
        self.under.get_key_value(id).map(|(known, _)| known)
    }

    /// The changes that remove everything a role was granted. Privileges under an id that a row of
    /// another role shares stay with that role.
    #[must_use]
    pub fn removal_of(&self, role: &RoleName) -> Vec<Change> {
        let rows: Vec<_> = self.rows_of(role).collect();
        self.removal_of_rows(&rows)
    }

    /// The changes that remove these rows, each named once, and what stands under them. Privileges
    /// under an id that yet another row leads to stay with that row.
    #[must_use]
    pub fn removal_of_rows(&self, rows: &[(ObjectRow, &GrantId)]) -> Vec<Change> {
        let mut leading: BTreeMap<&GrantId, usize> = BTreeMap::new();
        let mut changes = Vec::new();
        for (row, id) in rows {
            *leading.entry(id).or_default() += 1;
            changes.push(Change::Delete(RecordKey::Row(row.clone())));
        }
        for (id, count) in leading {
            // Only ids of 16 digits can collide, but any may have been copied.
            if self.holders_of(id).len() > count {
                continue;
            }
            for (privilege, _) in self.privileges_of(id) {
                changes.push(Change::Delete(RecordKey::Privilege(id.clone(), privilege.clone())));
            }
        }
        changes
    }

    fn hold(&mut self, id: &GrantId, role: &RoleName) {
        self.under.entry(id.clone()).or_default().holders.push(role.clone());
    }

    fn let_go(&mut self, id: &GrantId, role: &RoleName) {
        self.lessen(id, |under| {
            let holders = under.holders.as_slice();
            if let Some(at) = holders.iter().position(|holder| holder == role) {
                under.holders.remove(at);
            }
        });
    }

    /// Takes something from what stands under an id, and the id when there is nothing left.
    fn lessen(&mut self, id: &GrantId, take: impl FnOnce(&mut Under)) {
        if let Some(under) = self.under.get_mut(id) {
            take(under);
            if under.holders.as_slice().is_empty() && under.privileges.as_slice().is_empty() {
                self.under.remove(id);
            }
        }
    }

    pub(super) fn put(&mut self, record: &Record) {
        match record {
            Record::Row(row, id) => {
                let target = (row.object_type.clone(), row.object.clone());
                let rows = self.rows.entry(row.role.clone()).or_default();
                let before = rows.insert(target, id.clone());
                if let Some(before) = before {
                    self.let_go(&before, &row.role);
                }
                self.hold(id, &row.role);
            }
            Record::Privilege(id, privilege, grantor) => {
                let under = self.under.entry(id.clone()).or_default();
                let held = (privilege.clone(), grantor.clone());
                match under.find(privilege) {
                    Ok(at) => under.privileges.replace(at, held),
                    Err(at) => under.privileges.insert(at, held),
                }
            }
            _ => {}
        }
    }

    pub(super) fn delete(&mut self, key: &RecordKey) {
        match key {
            RecordKey::Row(row) => {
                let target = (row.object_type.clone(), row.object.clone());
                let Some(rows) = self.rows.get_mut(&row.role) else {
                    return;
                };
                let before = rows.remove(&target);
                if rows.is_empty() {
                    self.rows.remove(&row.role);
                }
                if let Some(before) = before {
                    self.let_go(&before, &row.role);
                }
            }
            RecordKey::Privilege(id, privilege) => {
                self.lessen(id, |under| {
                    if let Ok(at) = under.find(privilege) {
                        under.privileges.remove(at);
                    }
                });
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
        let privileges = self.under.iter().flat_map(|(id, under)| {
            under.privileges.as_slice().iter().map(|(privilege, grantor)| {
                Record::Privilege(id.clone(), privilege.clone(), grantor.clone())
            })
        });
        rows.chain(privileges)
    }
}

/// A privilege that a role was granted, in stored spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleGrant {
    /// The row that leads to it.
    pub row: ObjectRow,
    /// The privilege (`PrivilegeSearch`).
    pub privilege: Arc<str>,
    /// Who granted it.
    pub grantor: Grantor,
}

/// Single grants, as operations look at them.
impl Grants {
    /// Who granted a privilege, in stored spelling, under an id; `None` if nobody did.
    #[must_use]
    pub fn grantor_of(&self, id: &GrantId, privilege: &str) -> Option<&Grantor> {
        let under = self.under.get(id)?;
        under.privileges.as_slice().get(under.find(privilege).ok()?).map(|(_, grantor)| grantor)
    }

    /// Everything a role was granted, in no order that is promised.
    pub fn grants_of(&self, role: &RoleName) -> impl Iterator<Item = RoleGrant> {
        self.rows_of(role).flat_map(|(row, id)| {
            self.privileges_of(id).map(move |(privilege, grantor)| RoleGrant {
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
    /// granted there. Ids of 16 digits can collide, and any may have been copied.
    #[must_use]
    pub fn is_id_shared(&self, row: &ObjectRow, id: &GrantId) -> bool {
        self.holders_of(id).len() > usize::from(self.id_of(row) == Some(id))
    }
}

/// The rows of all roles that are about one place, and not about more by a pattern.
impl Grants {
    /// The rows about exactly this object of this database, however it is spelt, with their ids,
    /// ascending by role. A pattern is no object: for one there are none. The cost depends on the
    /// number of roles.
    #[must_use]
    pub fn rows_on(
        &self,
        object_type: ObjectType,
        database: &str,
        name: &str,
    ) -> Vec<(ObjectRow, &GrantId)> {
        if is_pattern(database) || is_pattern(name) {
            return Vec::new();
        }
        let object_type: Arc<str> = Arc::from(object_type.as_str());
        let target = |object: String| -> Target { (object_type.clone(), Arc::from(object)) };
        let (mut exact, mut followed) = (Vec::new(), Vec::new());
        // A decision drops what stands behind a second dot.
        let mut spelt = |database: &str| {
            exact.push(target(format!("{database}.{name}")));
            followed.push(target(format!("{database}.{name}.")));
        };
        spelt(database);
        if database == DEFAULT_DATABASE {
            spelt("");
            // From before databases. First, because Milvus looks it up first.
            exact.insert(0, target(name.to_owned()));
        }
        let mut found = Vec::new();
        for (role, rows) in &self.rows {
            let at = exact.iter().filter_map(|target| rows.get_key_value(target));
            let behind = followed.iter().flat_map(|first| {
                rows.range(first.clone()..)
                    .take_while(|(at, _)| at.0 == first.0 && at.1.starts_with(&*first.1))
            });
            for ((object_type, object), id) in at.chain(behind) {
                if split_object(object) == (database, name) {
                    let (object_type, object) = (object_type.clone(), object.clone());
                    found.push((ObjectRow { role: role.clone(), object_type, object }, id));
                }
            }
        }
        found
    }

    /// The rows about anything in exactly this database, with their ids, ascending by role. A
    /// pattern is no database: for one there are none. Looks at every row there is: for changes
    /// that are rare.
    #[must_use]
    pub fn rows_in(&self, database: &str) -> Vec<(ObjectRow, &GrantId)> {
        if is_pattern(database) {
            return Vec::new();
        }
        let rows = self.rows.keys().flat_map(|role| self.rows_of(role));
        rows.filter(|(row, _)| split_object(&row.object).0 == database).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(role: &str, object: &str, id: &str) -> Record {
        let role = RoleName::new(role).unwrap();
        let row = ObjectRow { role, object_type: "Global".into(), object: object.into() };
        Record::Row(row, GrantId(id.into()))
    }

    #[test]
    fn privileges_under_an_id_that_another_role_shares_stay() {
        let mut grants = Grants::default();
        let privilege = |id: &str| {
            Record::Privilege(GrantId(id.into()), "PrivilegeAll".into(), Grantor("root".into()))
        };
        for record in [
            row("a", "default.*", "own"),
            row("a", "db.*", "shared"),
            row("b", "db.*", "shared"),
            privilege("own"),
            privilege("shared"),
        ] {
            grants.put(&record);
        }
        let role = RoleName::new("a").unwrap();
        let removal = grants.removal_of(&role);
        assert_eq!(removal.len(), 3, "two rows and one privilege");
        for change in &removal {
            if let Change::Delete(key) = change {
                grants.delete(key);
            }
        }
        assert!(!grants.any_of(&role));
        assert!(grants.any_of(&RoleName::new("b").unwrap()));
        assert_eq!(grants.removal_of(&RoleName::new("b").unwrap()).len(), 2);
    }

    #[test]
    fn among_twenty_thousand_rows_a_role_loses_its_own_and_no_other() {
        let mut grants = Grants::default();
        // Ids of 16 digits, as old servers made them: of each, this role has two rows, and every
        // tenth is shared with another.
        for number in 0..20_000_u32 {
            let (role, id) = match number % 20 {
                0 | 1 => ("own", format!("{:016x}", number / 20)),
                2 if number % 200 == 2 => ("other", format!("{:016x}", number / 20)),
                _ => ("other", format!("f{number:015x}")),
            };
            grants.put(&row(role, &format!("db.c{number}"), &id));
            let privilege = Record::Privilege(
                GrantId(id.as_str().into()),
                "PrivilegeLoad".into(),
                Grantor("root".into()),
            );
            grants.put(&privilege);
        }
        let role = RoleName::new("own").unwrap();
        let mut deleted: Vec<RecordKey> = grants
            .removal_of(&role)
            .into_iter()
            .filter_map(|change| match change {
                Change::Delete(key) => Some(key),
                Change::Put(_) => None,
            })
            .collect();
        let rows = deleted.iter().filter(|key| matches!(key, RecordKey::Row(_))).count();
        assert_eq!(rows, 2000);
        assert!(deleted.iter().all(|key| match key {
            RecordKey::Row(row) => row.role == role,
            RecordKey::Privilege(id, _) => !id.0.starts_with('f'),
            _ => false,
        }));
        for key in deleted.drain(..) {
            grants.delete(&key);
        }
        assert!(!grants.any_of(&role));
        let other = RoleName::new("other").unwrap();
        assert_eq!(grants.granted_rows_of(&other).count(), 18_000, "all keep their privileges");
    }
}
