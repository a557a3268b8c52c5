//! The compiled policies of all roles, and which of them have to be compiled again.
//!
//! To compile a role costs as much as it has grants, so a new grant does not: it goes into a small
//! policy of its own beside the whole one, until there are so many of these that compiling is
//! cheaper. Whatever takes something away, or may change what older grants mean, compiles.

use std::sync::{Arc, LazyLock};

use imbl::{GenericHashMap, OrdSet};

use super::role_policy::RolePolicy;
use super::stored_privilege::Groups;
use super::{Grants, StoredGrant};
use crate::model::{BuiltinGroups, GrantId, ObjectRow, Privilege, RoleName};

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
    /// What roles were granted since they were compiled.
    recent: FastMap<RoleName, Arc<RolePolicy>>,
    /// Grants that have been added to roles that need not be compiled for it.
    added: Vec<(ObjectRow, Arc<str>)>,
    /// The newest row that had nothing under its id: a privilege most likely comes next.
    newest: Option<(GrantId, ObjectRow)>,
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
        Self {
            builtin,
            by_role: FastMap::default(),
            recent: FastMap::default(),
            added: Vec::new(),
            newest: None,
            roles: OrdSet::new(),
            groups: OrdSet::new(),
        }
    }

    pub(super) fn builtin(&self) -> &Arc<BuiltinGroups> {
        &self.builtin
    }

    pub(super) fn get(&self, role: &str) -> Option<Allowed<'_>> {
        let whole = self.by_role.get(role)?;
        // Mostly there is none, and then it is not looked for.
        let recent = if self.recent.is_empty() { None } else { self.recent.get(role) };
        Some(Allowed { whole, recent: recent.map(Arc::as_ref) })
    }

    /// Notes a row of a compiled role with nothing under its id.
    pub(super) fn add_empty(&mut self, row: &ObjectRow, id: &GrantId) {
        self.newest = Some((id.clone(), row.clone()));
    }

    /// The row that was noted last, if it leads to this id. It still does while its role need not
    /// be compiled: whatever changes a row has its role compiled.
    pub(super) fn newest_under(&self, id: &GrantId) -> Option<&ObjectRow> {
        self.newest.as_ref().filter(|(newest, _)| newest == id).map(|(_, row)| row)
    }

    /// Notes a privilege that has come to a row of a role, which is the only one under its id.
    pub(super) fn add(&mut self, row: ObjectRow, privilege: Arc<str>) {
        self.added.push((row, privilege));
    }

    /// Whether a grant to this role can be added to what is compiled.
    pub(super) fn is_compiled(&self, role: &RoleName) -> bool {
        self.by_role.contains_key(role) && !self.roles.contains(role)
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
        self.roles.is_empty() && self.groups.is_empty() && self.added.is_empty()
    }

    /// Compiles what was touched, each role once, and adds what was added.
    pub(super) fn settle(
        &mut self,
        grants: &Grants,
        groups: &Groups,
        exists: impl Fn(&RoleName) -> bool,
    ) {
        if !self.groups.is_empty() {
            let names = std::mem::take(&mut self.groups);
            let held = |policy: &RolePolicy| names.iter().any(|name| policy.names_group(name));
            let policies = self.by_role.iter().chain(&self.recent);
            let holders = policies.filter(|(_, policy)| held(policy));
            self.roles.extend(holders.map(|(role, _)| role.clone()));
        }
        self.settle_added(groups);
        for role in std::mem::take(&mut self.roles) {
            let of_role = grants.of_role(&role);
            let policy = RolePolicy::compile(exists(&role), of_role, groups, &self.builtin);
            self.recent.remove(&role);
            if policy.is_blank() {
                self.by_role.remove(&role);
            } else {
                self.by_role.insert(role, Arc::new(policy));
            }
        }
    }

    /// Adds grants beside what is compiled, but for roles that are compiled anyway or should be.
    fn settle_added(&mut self, groups: &Groups) {
        self.newest = None;
        for (row, privilege) in std::mem::take(&mut self.added) {
            if !self.is_compiled(&row.role) {
                self.touch(&row.role);
                continue;
            }
            let whole = self.by_role.get(&row.role).map_or(0, |policy| policy.grants());
            let recent = self.recent.entry(row.role.clone()).or_default();
            if recent.grants() >= most_recent(whole) {
                self.touch(&row.role);
            } else {
                Arc::make_mut(recent).grant(row, &privilege, groups, &self.builtin);
            }
        }
    }
}

/// How many grants may stand beside a policy of so many: as many as make the cost of a grant least.
/// Each copies those that stand there (some 50 ns) and pays its part of compiling the whole (some
/// 600 ns for each grant of it).
fn most_recent(whole: usize) -> usize {
    (12 * whole).isqrt().max(16)
}

/// What a role may do: what was compiled, and what has been granted since.
#[derive(Debug, Clone, Copy)]
pub struct Allowed<'a> {
    whole: &'a RolePolicy,
    recent: Option<&'a RolePolicy>,
}

impl<'a> Allowed<'a> {
    /// Whether there is a role of this name; grants may outlive their role in stores written by
    /// others.
    #[must_use]
    pub fn exists(self) -> bool {
        self.whole.exists()
    }

    /// The grant by which the role has the privilege on the object, if there is one.
    #[must_use]
    pub fn find(
        self,
        privilege: Privilege,
        database: &str,
        object: &str,
    ) -> Option<&'a Arc<StoredGrant>> {
        let found = self.whole.find(privilege, database, object);
        found.or_else(|| self.recent?.find(privilege, database, object))
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
        state.policy_of(name).unwrap().whole
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
        assert!(state.policy_of("b").is_some_and(Allowed::exists));
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

    #[test]
    fn a_grant_is_added_until_there_are_so_many_that_the_role_is_compiled() {
        let mut state = two_roles();
        let (first, mut compiled) = (place(&state, "b"), 0);
        for number in 0..60 {
            let id = GrantId(format!("id{number}").into());
            let object = format!("default.n{number}").into();
            let row = ObjectRow { role: role("b"), object_type: "Collection".into(), object };
            put(&mut state, Record::Row(row, id.clone()));
            for privilege in ["PrivilegeSearch", "PrivilegeLoad"] {
                put(
                    &mut state,
                    Record::Privilege(id.clone(), privilege.into(), Grantor("u".into())),
                );
            }
            let before = place(&state, "b");
            state.settle();
            compiled += u32::from(place(&state, "b") != before);
            assert!(number > 0 || place(&state, "b") == first);
            for seen in 0..60 {
                let found = ["Search", "Load", "Query"].map(|privilege| {
                    let privilege = Privilege::from_name(privilege).unwrap();
                    let name = format!("n{seen}");
                    state.policy_of("b").unwrap().find(privilege, "default", &name).is_some()
                });
                assert_eq!(found, [seen <= number, seen <= number, false], "{seen} at {number}");
            }
        }
        assert!((2..10).contains(&compiled), "compiled {compiled} times");
        // What is taken away is gone at once, wherever it stood.
        for number in 0..60 {
            let key =
                RecordKey::Privilege(GrantId(format!("id{number}").into()), "PrivilegeLoad".into());
            state.apply(&Change::Delete(key));
            state.settle();
            let load = Privilege::from_name("Load").unwrap();
            let name = format!("n{number}");
            assert!(state.policy_of("b").unwrap().find(load, "default", &name).is_none());
        }
    }

    use proptest::prelude::*;

    /// A change out of few names, so that they meet.
    fn any_change() -> impl Strategy<Value = Change> {
        let role_name = || prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(role);
        let id = || (0..4_u8).prop_map(|number| GrantId(format!("id{number}").into()));
        let row = || {
            let objects = prop_oneof![
                Just("default.c1"),
                Just("default.c2"),
                Just("*.*"),
                Just("db.*"),
                Just("default.c*")
            ];
            (role_name(), objects).prop_map(|(role, object)| ObjectRow {
                role,
                object_type: "Collection".into(),
                object: object.into(),
            })
        };
        let privilege = || {
            prop_oneof![
                Just("PrivilegeSearch"),
                Just("PrivilegeLoad"),
                Just("PrivilegeAll"),
                Just("PrivilegeGroupg"),
                Just("PrivilegeCollectionReadOnly")
            ]
            .prop_map(Arc::<str>::from)
        };
        let members = prop_oneof![Just(vec!["Query"]), Just(vec!["Insert", "Search"])];
        prop_oneof![
            4 => (row(), id()).prop_map(|(row, id)| Change::Put(Record::Row(row, id))),
            6 => (id(), privilege()).prop_map(|(id, privilege)| {
                Change::Put(Record::Privilege(id, privilege, Grantor("u".into())))
            }),
            1 => row().prop_map(|row| Change::Delete(RecordKey::Row(row))),
            2 => (id(), privilege())
                .prop_map(|(id, privilege)| Change::Delete(RecordKey::Privilege(id, privilege))),
            1 => role_name().prop_map(|name| Change::Put(Record::Role(name, Role::default()))),
            1 => role_name().prop_map(|name| Change::Delete(RecordKey::Role(name))),
            1 => members.prop_map(|members| {
                let privileges = members.into_iter().map(Into::into).collect();
                Change::Put(Record::Group(PrivilegeGroup { name: "g".into(), privileges }))
            }),
            1 => Just(Change::Delete(RecordKey::Group("g".into()))),
        ]
    }

    proptest! {
        #[test]
        fn whatever_changes_the_policies_are_those_of_a_state_made_anew(
            changes in proptest::collection::vec((any_change(), any::<bool>()), 1..80)
        ) {
            let mut state = Snapshot::default();
            for (change, settle) in changes {
                state.apply(&change);
                if settle {
                    state.settle();
                }
            }
            state.settle();
            let records = state.records().collect::<Vec<_>>();
            let again = Snapshot::from_records(Revision(1), records, Arc::default());
            for name in ["a", "b", "c"] {
                let (one, other) = (state.policy_of(name), again.policy_of(name));
                prop_assert_eq!(one.is_some(), other.is_some());
                let (Some(one), Some(other)) = (one, other) else { continue };
                prop_assert_eq!(one.exists(), other.exists());
                for privilege in Privilege::all() {
                    for (database, object) in [("default", "c1"), ("default", "c2"), ("default", "c3"), ("db", "x"), ("other", "y"), ("default", "*")] {
                        let found = one.find(privilege, database, object).is_some();
                        let expected = other.find(privilege, database, object).is_some();
                        prop_assert_eq!(found, expected, "{} {:?} {}.{}", name, privilege, database, object);
                    }
                }
            }
        }
    }
}
