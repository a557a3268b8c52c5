//! The compiled policies of all roles, and which of them have to be compiled again.

use std::sync::{Arc, LazyLock};

use imbl::{GenericHashMap, OrdSet};

use super::stored_privilege::Groups;
use super::{Grants, RolePolicy};
use crate::model::{BuiltinGroups, RoleName};

/// A persistent map for what every decision looks up: in no order, and hashed without the cost of
/// the standard hasher. The seed is random, and names are chosen by those who may create them.
pub(super) type FastMap<K, V> =
    GenericHashMap<K, V, hashbrown::DefaultHashBuilder, imbl::shared_ptr::DefaultSharedPtr>;

/// Milvus's own groups, made once.
static BUILTIN: LazyLock<Arc<BuiltinGroups>> = LazyLock::new(Arc::default);

/// What each role may do.
#[derive(Debug, Clone)]
pub(super) struct Policies {
    builtin: Arc<BuiltinGroups>,
    by_role: FastMap<RoleName, Arc<RolePolicy>>,
    /// Roles that changes have touched.
    roles: OrdSet<RoleName>,
    /// Custom groups that changes have touched.
    groups: OrdSet<Arc<str>>,
}

impl Default for Policies {
    fn default() -> Self {
        Self::new(Arc::clone(&BUILTIN))
    }
}

impl Policies {
    pub(super) fn new(builtin: Arc<BuiltinGroups>) -> Self {
        Self { builtin, by_role: FastMap::default(), roles: OrdSet::new(), groups: OrdSet::new() }
    }

    pub(super) fn builtin(&self) -> &Arc<BuiltinGroups> {
        &self.builtin
    }

    pub(super) fn get(&self, role: &str) -> Option<&RolePolicy> {
        self.by_role.get(role).map(Arc::as_ref)
    }

    pub(super) fn touch(&mut self, role: &RoleName) {
        if !self.roles.contains(role) {
            self.roles.insert(role.clone());
        }
    }

    pub(super) fn touch_all(&mut self, roles: &[RoleName]) {
        for role in roles {
            self.touch(role);
        }
    }

    pub(super) fn touch_group(&mut self, name: &Arc<str>) {
        self.groups.insert(Arc::clone(name));
    }

    pub(super) fn is_settled(&self) -> bool {
        self.roles.is_empty() && self.groups.is_empty()
    }

    /// Compiles what was touched, each role once.
    pub(super) fn settle(
        &mut self,
        grants: &Grants,
        groups: &Groups,
        exists: impl Fn(&RoleName) -> bool,
    ) {
        if !self.groups.is_empty() {
            let names = std::mem::take(&mut self.groups);
            let held = |policy: &RolePolicy| names.iter().any(|name| policy.names_group(name));
            let holders = self.by_role.iter().filter(|(_, policy)| held(policy));
            self.roles.extend(holders.map(|(role, _)| role.clone()));
        }
        for role in std::mem::take(&mut self.roles) {
            let of_role = grants.of_role(&role);
            let policy = RolePolicy::compile(exists(&role), of_role, groups, &self.builtin);
            if policy.is_blank() {
                self.by_role.remove(&role);
            } else {
                self.by_role.insert(role, Arc::new(policy));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Change, GrantId, Grantor, ObjectRow, Privilege, PrivilegeGroup, Record, RecordKey,
        Revision, Role,
    };
    use crate::snapshot::Snapshot;

    fn role(name: &str) -> RoleName {
        RoleName::new(name).unwrap()
    }

    fn put(state: &mut Snapshot, record: Record) {
        state.apply(&Change::Put(record));
    }

    fn row(name: &str, id: &str) -> (ObjectRow, GrantId) {
        let (object_type, object) = ("Collection".into(), "default.c1".into());
        (ObjectRow { role: role(name), object_type, object }, GrantId(id.into()))
    }

    fn grant(state: &mut Snapshot, name: &str, privilege: &str) {
        let (row, id) = row(name, name);
        put(state, Record::Row(row, id.clone()));
        put(state, Record::Privilege(id, privilege.into(), Grantor("root".into())));
    }

    fn group(state: &mut Snapshot, members: &[&str]) {
        let privileges = members.iter().map(|name| (*name).into()).collect();
        put(state, Record::Group(PrivilegeGroup { name: "g".into(), privileges }));
    }

    fn may(state: &Snapshot, name: &str, privilege: &str) -> bool {
        let privilege = Privilege::from_name(privilege).unwrap();
        state.policy_of(name).is_some_and(|it| it.find(privilege, "default", "c1").is_some())
    }

    /// Where the policy of a role stands in memory: another place is another compilation.
    fn place(state: &Snapshot, name: &str) -> *const RolePolicy {
        state.policy_of(name).unwrap()
    }

    fn two_roles() -> Snapshot {
        let mut state = Snapshot::default();
        for name in ["a", "b"] {
            put(&mut state, Record::Role(role(name), Role::default()));
        }
        grant(&mut state, "a", "PrivilegeGroupg");
        grant(&mut state, "b", "PrivilegeInsert");
        state.settle();
        state
    }

    #[test]
    fn only_what_a_change_touches_is_compiled_again_and_only_when_the_state_is_settled() {
        let mut state = two_roles();
        let (a, b) = (place(&state, "a"), place(&state, "b"));
        let before = state.clone();
        grant(&mut state, "b", "PrivilegeSearch");
        assert!(!state.is_settled() && !may(&state, "b", "Search"));
        state.settle();
        assert!(state.is_settled() && may(&state, "b", "Search") && may(&state, "b", "Insert"));
        assert_eq!(place(&state, "a"), a);
        assert!(place(&before, "b") == b && !may(&before, "b", "Search"));
    }

    #[test]
    fn a_change_of_a_group_is_one_of_the_roles_that_hold_it() {
        let mut state = two_roles();
        let b = place(&state, "b");
        assert!(!may(&state, "a", "Query"));
        group(&mut state, &["Query"]);
        state.settle();
        assert!(may(&state, "a", "Query"));
        group(&mut state, &["Search"]);
        state.settle();
        assert!(may(&state, "a", "Search") && !may(&state, "a", "Query"));
        state.apply(&Change::Delete(RecordKey::Group("g".into())));
        state.settle();
        assert!(!may(&state, "a", "Search"));
        assert_eq!(place(&state, "b"), b);
    }

    #[test]
    fn roles_that_share_an_id_are_all_compiled_again() {
        let mut state = two_roles();
        for name in ["a", "b"] {
            let (row, id) = row(name, "1234567890123456");
            put(&mut state, Record::Row(row, id));
        }
        let id = GrantId("1234567890123456".into());
        put(&mut state, Record::Privilege(id, "PrivilegeLoad".into(), Grantor("u".into())));
        state.settle();
        assert!(may(&state, "a", "Load") && may(&state, "b", "Load"));
        let (row, _) = row("a", "");
        state.apply(&Change::Delete(RecordKey::Row(row)));
        state.settle();
        assert!(!may(&state, "a", "Load") && may(&state, "b", "Load"));
    }

    #[test]
    fn a_role_without_grants_that_is_dropped_leaves_nothing() {
        let mut state = two_roles();
        for change in state.grants().removal_of(&role("b")) {
            state.apply(&change);
        }
        state.settle();
        assert!(state.policy_of("b").is_some_and(RolePolicy::exists));
        state.apply(&Change::Delete(RecordKey::Role(role("b"))));
        state.settle();
        assert!(state.policy_of("b").is_none());
    }

    #[test]
    fn the_order_of_records_does_not_matter() {
        let mut state = two_roles();
        group(&mut state, &["Query"]);
        let mut records: Vec<Record> = state.records().collect();
        for _ in 0..records.len() {
            records.rotate_left(1);
            let again = Snapshot::from_records(Revision(1), records.clone(), Arc::default());
            assert!(again.is_settled());
            assert!(may(&again, "a", "Query") && may(&again, "b", "Insert"));
        }
    }
}
