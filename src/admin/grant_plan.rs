//! What a grant and its withdrawal change in the state: which row, which id, which privileges.
//!
//! Whether the grant is allowed at all is decided in `grants.rs`. Grants are compared without
//! their grantor: the first one stays.

use std::sync::Arc;

use crate::model::{
    Change, DEFAULT_DATABASE, GrantId, Grantor, ObjectRow, Record, RecordKey, RoleName,
};
use crate::snapshot::{Grants, Snapshot};

/// An object that a role is granted something on.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) role: RoleName,
    pub(super) object_type: Arc<str>,
    pub(super) database: String,
    pub(super) name: String,
}

impl Target {
    /// The row that is made if there is none.
    pub(super) fn row(&self) -> ObjectRow {
        ObjectRow::new(self.role.clone(), &self.object_type, &self.database, &self.name)
    }

    /// The rows that are there, the one from before databases first: Milvus looks it up first.
    pub(super) fn rows(&self, grants: &Grants) -> Vec<(ObjectRow, GrantId)> {
        let mut rows = Vec::new();
        // With a dot in it a bare name would be read as one of another database.
        if self.database == DEFAULT_DATABASE && !self.name.contains('.') {
            rows.push(ObjectRow {
                role: self.role.clone(),
                object_type: self.object_type.clone(),
                object: Arc::from(self.name.as_str()),
            });
        }
        rows.push(self.row());
        let found = |row: ObjectRow| grants.id_of(&row).cloned().map(|id| (row, id));
        rows.into_iter().filter_map(found).collect()
    }

    /// Whether the privilege, in stored spelling, is granted here.
    pub(super) fn holds(&self, grants: &Grants, privilege: &str) -> bool {
        self.rows(grants).iter().any(|(_, id)| grants.grantor_of(id, privilege).is_some())
    }
}

/// The changes after which these privileges, in stored spelling, are granted.
pub(super) fn grant(
    state: &Snapshot,
    target: &Target,
    privileges: &[Arc<str>],
    grantor: &Grantor,
) -> Vec<Change> {
    let grants = state.grants();
    let rows = target.rows(grants);
    let held =
        |privilege: &str| rows.iter().any(|(_, id)| grants.grantor_of(id, privilege).is_some());
    let missing: Vec<&Arc<str>> = privileges.iter().filter(|privilege| !held(privilege)).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let (mut changes, id) = match rows.first() {
        Some((row, id)) => own_id(grants, row, id),
        None => new_row(grants, target.row()),
    };
    for privilege in missing {
        changes.push(Change::Put(Record::Privilege(
            id.clone(),
            privilege.clone(),
            grantor.clone(),
        )));
    }
    changes
}

/// The changes after which these privileges are not granted. The row stays, as in Milvus.
pub(super) fn revoke(state: &Snapshot, target: &Target, privileges: &[Arc<str>]) -> Vec<Change> {
    let grants = state.grants();
    let mut changes = Vec::new();
    // Milvus looks into one row only; with two, its revoke can succeed and change nothing.
    for (row, id) in target.rows(grants) {
        let held: Vec<&Arc<str>> = privileges
            .iter()
            .filter(|privilege| grants.grantor_of(&id, privilege).is_some())
            .collect();
        if held.is_empty() {
            continue;
        }
        let (moved, id) = own_id(grants, &row, &id);
        changes.extend(moved);
        for privilege in held {
            changes.push(Change::Delete(RecordKey::Privilege(id.clone(), privilege.clone())));
        }
    }
    changes
}

/// A row that is not there yet, with an id that holds nothing: what an earlier row of the same
/// name may have left under it does not come back.
pub(super) fn new_row(grants: &Grants, row: ObjectRow) -> (Vec<Change>, GrantId) {
    let id = free_id(grants, &row);
    let mut changes = emptied(grants, &id);
    changes.push(Change::Put(Record::Row(row, id.clone())));
    (changes, id)
}

/// The id that follows from the row's key or, if another row leads there because somebody has
/// copied it by hand, one that no row leads to.
fn free_id(grants: &Grants, row: &ObjectRow) -> GrantId {
    let mut id = row.grant_id();
    while grants.is_id_shared(row, &id) {
        id = row.other_grant_id(&id);
    }
    id
}

/// The id of a row, for a change under it. If another row shares it, this one moves to an id of
/// its own first, or the change would reach the other.
pub(super) fn own_id(grants: &Grants, row: &ObjectRow, id: &GrantId) -> (Vec<Change>, GrantId) {
    if !grants.is_id_shared(row, id) {
        return (Vec::new(), id.clone());
    }
    let (mut changes, own) = new_row(grants, row.clone());
    for (privilege, grantor) in grants.privileges_of(id) {
        let record = Record::Privilege(own.clone(), privilege.clone(), grantor.clone());
        changes.push(Change::Put(record));
    }
    (changes, own)
}

/// The changes that leave nothing under an id.
fn emptied(grants: &Grants, id: &GrantId) -> Vec<Change> {
    let delete = |(privilege, _): (&Arc<str>, &Grantor)| {
        Change::Delete(RecordKey::Privilege(id.clone(), privilege.clone()))
    };
    grants.privileges_of(id).map(delete).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Revision;

    fn target(role: &str, name: &str) -> Target {
        Target {
            role: RoleName::new(role).unwrap(),
            object_type: "Collection".into(),
            database: "default".to_owned(),
            name: name.to_owned(),
        }
    }

    fn row(role: &str, object: &str, id: &str) -> Record {
        let row = ObjectRow {
            role: RoleName::new(role).unwrap(),
            object_type: "Collection".into(),
            object: object.into(),
        };
        Record::Row(row, GrantId(id.into()))
    }

    fn privilege(id: &str, name: &str) -> Record {
        Record::Privilege(GrantId(id.into()), name.into(), Grantor("old".into()))
    }

    fn state(records: Vec<Record>) -> Snapshot {
        Snapshot::from_records(Revision(1), records, Arc::default())
    }

    fn applied(state: &Snapshot, changes: &[Change]) -> Snapshot {
        let mut state = state.clone();
        for change in changes {
            state.apply(change);
        }
        state
    }

    fn search() -> [Arc<str>; 1] {
        ["PrivilegeSearch".into()]
    }

    fn me() -> Grantor {
        Grantor("me".into())
    }

    #[test]
    fn a_row_from_before_databases_is_used_and_no_second_one_is_made() {
        let old = state(vec![row("r", "c", "0123456789abcdef")]);
        let changes = grant(&old, &target("r", "c"), &search(), &me());
        let id = GrantId("0123456789abcdef".into());
        assert_eq!(changes, [Change::Put(Record::Privilege(id, search()[0].clone(), me()))]);
        // A name with a dot is none of those.
        let changes = grant(&old, &target("r", "a.b"), &search(), &me());
        assert_eq!(changes.len(), 2);
    }

    #[test]
    fn a_revoke_reaches_both_rows_of_one_object() {
        let both = state(vec![
            row("r", "c", "1"),
            row("r", "default.c", "2"),
            privilege("1", "PrivilegeSearch"),
            privilege("2", "PrivilegeSearch"),
        ]);
        let after = applied(&both, &revoke(&both, &target("r", "c"), &search()));
        assert!(!after.grants().any_of(&RoleName::new("r").unwrap()));
        assert_eq!(after.grants().rows_of(&RoleName::new("r").unwrap()).count(), 2);
    }

    #[test]
    fn what_stands_under_the_id_of_a_row_that_is_gone_does_not_come_back() {
        let id = target("r", "c").row().grant_id();
        let left = state(vec![privilege(&id.0, "PrivilegeInsert")]);
        let after = applied(&left, &grant(&left, &target("r", "c"), &search(), &me()));
        let role = RoleName::new("r").unwrap();
        let names: Vec<_> =
            after.grants().grants_of(&role).map(|grant| grant.privilege.to_string()).collect();
        assert_eq!(names, ["PrivilegeSearch"]);
    }

    #[test]
    fn a_change_under_a_shared_id_does_not_reach_the_other_role() {
        let shared = state(vec![
            row("a", "default.c", "0123456789abcdef"),
            row("b", "default.d", "0123456789abcdef"),
            privilege("0123456789abcdef", "PrivilegeInsert"),
        ]);
        let names = |state: &Snapshot, role: &str| -> Vec<String> {
            let role = RoleName::new(role).unwrap();
            state.grants().grants_of(&role).map(|grant| grant.privilege.to_string()).collect()
        };
        let after = applied(&shared, &grant(&shared, &target("a", "c"), &search(), &me()));
        assert_eq!(names(&after, "a"), ["PrivilegeInsert", "PrivilegeSearch"]);
        assert_eq!(names(&after, "b"), ["PrivilegeInsert"]);
        let insert: [Arc<str>; 1] = ["PrivilegeInsert".into()];
        let after = applied(&shared, &revoke(&shared, &target("a", "c"), &insert));
        assert!(names(&after, "a").is_empty());
        assert_eq!(names(&after, "b"), ["PrivilegeInsert"]);
    }

    #[test]
    fn a_new_row_does_not_take_the_id_that_a_copied_row_leads_to() {
        let id = target("r", "c").row().grant_id();
        let names = |state: &Snapshot, role: &str| -> Vec<String> {
            let role = RoleName::new(role).unwrap();
            state.grants().grants_of(&role).map(|grant| grant.privilege.to_string()).collect()
        };
        // Somebody copied the rows of `r` to `copy`, with their values; `r` may be gone or not.
        let copy = vec![row("copy", "default.c", &id.0), privilege(&id.0, "PrivilegeInsert")];
        let with_both = [copy.clone(), vec![row("r", "default.c", &id.0)]].concat();
        for (records, before) in [(copy, &[][..]), (with_both, &["PrivilegeInsert"])] {
            let state = state(records);
            let after = applied(&state, &grant(&state, &target("r", "c"), &search(), &me()));
            assert_eq!(names(&after, "r"), [before, &["PrivilegeSearch"]].concat());
            assert_eq!(names(&after, "copy"), ["PrivilegeInsert"]);
        }
    }

    #[test]
    fn granting_twice_changes_nothing_and_keeps_the_first_grantor() {
        let held = state(vec![row("r", "default.c", "1"), privilege("1", "PrivilegeSearch")]);
        assert!(grant(&held, &target("r", "c"), &search(), &me()).is_empty());
        assert!(revoke(&held, &target("r", "d"), &search()).is_empty());
    }
}
