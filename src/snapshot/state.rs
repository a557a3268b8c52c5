//! Users, roles, who holds what, and how a change turns one state into the next.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::few::Few;
use super::policies::{FastMap, Policies};
use super::{Allowed, Build, Grants, LoginMemo};
use crate::model::{
    ADMIN, BuiltinGroups, Change, Credential, GrantId, ObjectRow, PrivilegeGroup, ROOT, Record,
    RecordKey, Revision, Role, RoleName, UserName,
};

/// A user's entry.
#[derive(Debug, Clone)]
pub struct User {
    /// What is stored of the user.
    pub credential: Credential,
    /// The remembered login; fresh whenever the hash changes.
    pub login: LoginMemo,
}

/// The whole state at one revision.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    revision: Revision,
    users: OrdMap<UserName, Arc<User>>,
    roles: OrdMap<RoleName, Arc<Role>>,
    /// Roles of a user, sorted. A binding may outlive either end in stores written by others.
    by_user: FastMap<UserName, Few<RoleName>>,
    /// Holders of a role.
    by_role: OrdMap<RoleName, OrdSet<UserName>>,
    grants: Grants,
    groups: OrdMap<Arc<str>, Arc<PrivilegeGroup>>,
    /// What follows from the grants, for the decision.
    policies: Policies,
}

impl Snapshot {
    /// The state in which there is nothing but these built-in groups.
    #[must_use]
    pub fn new(builtin: Arc<BuiltinGroups>) -> Self {
        Self { policies: Policies::new(builtin), ..Self::default() }
    }

    /// The state that these records make, settled.
    #[must_use]
    pub fn from_records(
        revision: Revision,
        records: impl IntoIterator<Item = Record>,
        builtin: Arc<BuiltinGroups>,
    ) -> Self {
        let mut build = Build::new(builtin);
        for record in records {
            build.add(record);
        }
        let mut snapshot = build.finish(revision);
        snapshot.settle();
        snapshot
    }

    /// Adds a user to a state that is being read, in which nobody has logged in yet.
    pub(super) fn add_user(&mut self, name: UserName, credential: Credential) {
        let user = User { credential, login: LoginMemo::default() };
        self.users.insert(name, Arc::new(user));
    }

    /// The name as it stands here already, if it does: then there is one copy of its text.
    pub(super) fn known_user(&self, name: &UserName) -> Option<&UserName> {
        let bound = self.by_user.get_key_value(name).map(|(known, _)| known);
        bound.or_else(|| self.users.get_key_value(name).map(|(known, _)| known))
    }

    /// Takes over what an earlier state remembers of logins, for users whose hash is the same: a
    /// state that was read afresh need not have everybody verified again.
    pub fn keep_logins(&mut self, earlier: &Self) {
        let remembered = earlier.users.iter().filter(|(_, user)| user.login.get().is_some());
        for (name, user) in remembered {
            let same = |now: &&Arc<User>| now.credential.hash == user.credential.hash;
            if let Some(now) = self.users.get(name).filter(same) {
                let (credential, login) = (now.credential.clone(), user.login.clone());
                self.users.insert(name.clone(), Arc::new(User { credential, login }));
            }
        }
    }

    /// The records that make this state, in no particular order.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let users = self
            .users
            .iter()
            .map(|(name, user)| Record::User(name.clone(), user.credential.clone()));
        let roles =
            self.roles.iter().map(|(name, role)| Record::Role(name.clone(), (**role).clone()));
        let bindings = self.by_user.iter().flat_map(|(user, roles)| {
            let roles = roles.as_slice().iter();
            roles.map(|role| Record::Binding(user.clone(), role.clone()))
        });
        let groups = self.groups.values().map(|group| Record::Group((**group).clone()));
        users.chain(roles).chain(bindings).chain(self.grants.records()).chain(groups)
    }

    /// The revision of this state.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Sets the revision, once the store has said what it is.
    pub fn set_revision(&mut self, revision: Revision) {
        self.revision = revision;
    }

    /// The user, if there is one of that name.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.get(name).map(Arc::as_ref)
    }

    /// The user that a request means: the one stored under exactly this name or, as almost always,
    /// the trimmed name. Old servers stored names with white space around them.
    #[must_use]
    pub fn resolve_user<'a>(&self, name: &'a str) -> &'a str {
        if self.users.contains_key(name) { name } else { name.trim() }
    }

    /// All users, ascending by name.
    pub fn users(&self) -> impl ExactSizeIterator<Item = (&UserName, &User)> {
        self.users.iter().map(|(name, user)| (name, user.as_ref()))
    }

    /// The role, if there is one of that name.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name).map(Arc::as_ref)
    }

    /// All roles, ascending by name.
    pub fn roles(&self) -> impl ExactSizeIterator<Item = (&RoleName, &Role)> {
        self.roles.iter().map(|(name, role)| (name, role.as_ref()))
    }

    /// The roles bound to a user, ascending; empty for a user that nothing is known of.
    #[must_use]
    pub fn roles_of(&self, user: &str) -> &[RoleName] {
        self.by_user.get(user).map_or(&[], Few::as_slice)
    }

    /// The users bound to a role, ascending; empty for a role that nothing is known of.
    pub fn members_of(&self, role: &str) -> impl Iterator<Item = &UserName> {
        self.by_role.get(role).into_iter().flatten()
    }

    /// Whether the user is bound to the role.
    #[must_use]
    pub fn is_bound(&self, user: &str, role: &str) -> bool {
        self.roles_of(user).binary_search_by(|held| held.as_str().cmp(role)).is_ok()
    }

    /// Whether the user passes every check: `root` by name, unless it needs roles like anybody
    /// else, and members of `admin`. A binding counts only while the role exists.
    #[must_use]
    pub fn is_administrator(&self, user: &str, root_needs_role: bool) -> bool {
        (user == ROOT && !root_needs_role)
            || (self.is_bound(user, ADMIN) && self.roles.contains_key(ADMIN))
    }

    /// The grants of all roles.
    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// What the role may do, also of a role that does not exist and has grants. It is that of the
    /// last time the state was settled.
    #[must_use]
    pub fn policy_of(&self, role: &str) -> Option<Allowed<'_>> {
        self.policies.get(role)
    }

    /// What the built-in groups contain.
    #[must_use]
    pub fn builtin_groups(&self) -> &Arc<BuiltinGroups> {
        self.policies.builtin()
    }

    /// The custom privilege group, if there is one of that name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&PrivilegeGroup> {
        self.groups.get(name).map(Arc::as_ref)
    }

    /// Custom privilege groups, ascending by name.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &PrivilegeGroup> {
        self.groups.values().map(Arc::as_ref)
    }

    /// Applies a change. Cost depends on what it touches, not on the size of the state.
    ///
    /// What roles may do follows when the state is [settled](Self::settle): a batch that touches a
    /// role many times has it compiled once.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Put(record) => self.put(record),
            Change::Delete(key) => self.delete(key),
        }
    }

    /// Compiles the grants of every role that changes have touched since the last time. A state is
    /// settled before readers get it; [`SnapshotCell`](super::SnapshotCell) sees to that.
    pub fn settle(&mut self) {
        let roles = &self.roles;
        self.policies.settle(&self.grants, &self.groups, |role| roles.contains_key(role));
    }

    /// Whether what roles may do agrees with their grants.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.policies.is_settled()
    }

    pub(super) fn put(&mut self, record: &Record) {
        match record {
            Record::User(name, credential) => {
                // INVARIANT: a login verified against one hash never counts for another.
                let login = self
                    .users
                    .get(name)
                    .filter(|user| user.credential.hash == credential.hash)
                    .map_or_else(LoginMemo::default, |user| user.login.clone());
                let user = User { credential: credential.clone(), login };
                self.users.insert(name.clone(), Arc::new(user));
            }
            Record::Role(name, role) => {
                self.roles.insert(name.clone(), Arc::new(role.clone()));
                self.policies.touch(name);
            }
            Record::Binding(user, role) => self.bind(user, role),
            Record::Group(group) => {
                self.groups.insert(group.name.clone(), Arc::new(group.clone()));
                self.policies.touch_group(&group.name);
            }
            Record::Row(row, id) => {
                // A new row with nothing under it gives nothing.
                let is_new = self.grants.id_of(row).is_none();
                let is_empty = self.grants.privileges_of(id).next().is_none();
                self.grants.put(record);
                if is_new && is_empty && self.policies.is_compiled(&row.role) {
                    self.policies.add_empty(row, id);
                } else {
                    self.policies.touch(&row.role);
                }
            }
            Record::Privilege(id, privilege, _) => {
                let is_new = self.grants.grantor_of(id, privilege).is_none();
                self.grants.put(record);
                match self.only_row_under(id).filter(|_| is_new) {
                    Some(row) => self.policies.add(row, Arc::clone(privilege)),
                    None => self.policies.touch_all(self.grants.holders_of(id)),
                }
            }
        }
    }

    /// The row that leads to this id, if it is the only one and of a role that is compiled.
    fn only_row_under(&self, id: &GrantId) -> Option<ObjectRow> {
        let [role] = self.grants.holders_of(id) else { return None };
        if !self.policies.is_compiled(role) {
            return None;
        }
        let newest = self.policies.newest_under(id);
        newest.cloned().or_else(|| self.grants.row_under(role, id))
    }

    fn delete(&mut self, key: &RecordKey) {
        match key {
            RecordKey::User(name) => {
                self.users.remove(name);
            }
            RecordKey::Role(name) => {
                self.roles.remove(name);
                self.policies.touch(name);
            }
            RecordKey::Binding(user, role) => self.unbind(user, role),
            RecordKey::Group(name) => {
                self.groups.remove(name);
                self.policies.touch_group(name);
            }
            RecordKey::Row(row) => {
                self.grants.delete(key);
                self.policies.touch(&row.role);
            }
            RecordKey::Privilege(id, _) => {
                self.grants.delete(key);
                self.policies.touch_all(self.grants.holders_of(id));
            }
        }
    }

    fn bind(&mut self, user: &UserName, role: &RoleName) {
        let held = self.by_user.entry(user.clone()).or_default();
        if let Err(position) = held.as_slice().binary_search(role) {
            held.insert(position, role.clone());
        }
        self.by_role.entry(role.clone()).or_default().insert(user.clone());
    }

    fn unbind(&mut self, user: &UserName, role: &RoleName) {
        if let Some(held) = self.by_user.get_mut(user) {
            if let Ok(position) = held.as_slice().binary_search(role) {
                held.remove(position);
            }
            if held.as_slice().is_empty() {
                self.by_user.remove(user);
            }
        }
        if let Some(members) = self.by_role.get_mut(role) {
            members.remove(user);
            if members.is_empty() {
                self.by_role.remove(role);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PasswordHash;

    fn user(name: &str) -> UserName {
        UserName::new(name).unwrap()
    }

    fn role(name: &str) -> RoleName {
        RoleName::new(name).unwrap()
    }

    fn credential(hash: &str) -> Credential {
        Credential { hash: PasswordHash::new(hash), description: None, time_tick: 0 }
    }

    #[test]
    fn a_remembered_login_is_gone_when_the_hash_changes_and_stays_when_it_does_not() {
        let mut state = Snapshot::default();
        state.apply(&Change::Put(Record::User(user("u"), credential("one"))));
        state.user("u").unwrap().login.remember([7; 32]);

        let described = Credential { description: Some("d".into()), ..credential("one") };
        state.apply(&Change::Put(Record::User(user("u"), described)));
        assert!(state.user("u").unwrap().login.get().is_some());

        state.apply(&Change::Put(Record::User(user("u"), credential("two"))));
        assert!(state.user("u").unwrap().login.get().is_none());
    }

    #[test]
    fn a_user_made_again_remembers_nothing() {
        let mut state = Snapshot::default();
        state.apply(&Change::Put(Record::User(user("u"), credential("one"))));
        state.user("u").unwrap().login.remember([7; 32]);
        state.apply(&Change::Delete(RecordKey::User(user("u"))));
        state.apply(&Change::Put(Record::User(user("u"), credential("one"))));
        assert!(state.user("u").unwrap().login.get().is_none());
    }

    #[test]
    fn a_state_that_was_read_afresh_remembers_logins_of_the_same_hash_only() {
        let mut before = Snapshot::default();
        for name in ["same", "other", "gone"] {
            before.apply(&Change::Put(Record::User(user(name), credential("one"))));
            before.user(name).unwrap().login.remember([7; 32]);
        }
        let described = Credential { description: Some("d".into()), ..credential("one") };
        let records =
            [Record::User(user("same"), described), Record::User(user("other"), credential("two"))];
        let mut state = Snapshot::from_records(Revision(9), records, Arc::default());
        state.keep_logins(&before);
        assert_eq!(state.user("same").unwrap().login.get(), Some(&[7; 32]));
        assert_eq!(state.user("same").unwrap().credential.description.as_deref(), Some("d"));
        assert!(state.user("other").unwrap().login.get().is_none());
        assert!(state.user("gone").is_none());
    }

    #[test]
    fn an_earlier_snapshot_does_not_change() {
        let mut state = Snapshot::default();
        state.apply(&Change::Put(Record::Binding(user("u"), role("b"))));
        let before = state.clone();
        state.apply(&Change::Put(Record::Binding(user("u"), role("a"))));
        state.apply(&Change::Delete(RecordKey::Binding(user("u"), role("b"))));
        assert_eq!(before.roles_of("u"), [role("b")]);
        assert_eq!(state.roles_of("u"), [role("a")]);
        assert_eq!(state.members_of("b").count(), 0);
    }

    #[test]
    fn the_records_of_a_state_make_the_same_state() {
        let mut state = Snapshot::default();
        state.apply(&Change::Put(Record::User(user("u"), credential("one"))));
        state.apply(&Change::Put(Record::Role(role("r"), Role::default())));
        state.apply(&Change::Put(Record::Binding(user("u"), role("r"))));
        let again = Snapshot::from_records(state.revision(), state.records(), Arc::default());
        assert!(again.is_bound("u", "r"));
        assert!(again.user("u").is_some() && again.role("r").is_some());
    }
}
