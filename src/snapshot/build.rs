//! A state while it is being read, a record at a time.

use std::sync::Arc;

use hashbrown::HashSet;

use super::Snapshot;
use crate::model::{
    BuiltinGroups, GrantId, Grantor, ObjectRow, Record, Revision, RoleName, UserName,
};

/// Makes a state of records.
///
/// Stores say the same text over and over: a role in each of its rows, `PrivilegeSearch` in a
/// million grants. The state has one copy of each.
#[derive(Debug)]
pub struct Build {
    state: Snapshot,
    texts: HashSet<Arc<str>>,
    roles: HashSet<RoleName>,
}

impl Build {
    /// Begins with nothing but these built-in groups.
    #[must_use]
    pub fn new(builtin: Arc<BuiltinGroups>) -> Self {
        let state = Snapshot::new(builtin);
        Self { state, texts: HashSet::default(), roles: HashSet::default() }
    }

    /// Adds a record. Of two under the same key the later one counts.
    pub fn add(&mut self, record: Record) {
        match record {
            Record::User(name, credential) => {
                let name = self.user(name);
                self.state.add_user(name, credential);
            }
            Record::Role(name, role) => {
                let name = self.role(&name);
                self.state.put(&Record::Role(name, role));
            }
            Record::Binding(user, role) => {
                let (user, role) = (self.user(user), self.role(&role));
                self.state.put(&Record::Binding(user, role));
            }
            Record::Row(row, id) => {
                let ObjectRow { role, object_type, object } = row;
                let (role, object_type) = (self.role(&role), self.text(&object_type));
                let id = self.id(id);
                self.state.put(&Record::Row(ObjectRow { role, object_type, object }, id));
            }
            Record::Privilege(id, privilege, Grantor(grantor)) => {
                let (privilege, grantor) = (self.text(&privilege), Grantor(self.text(&grantor)));
                let id = self.id(id);
                self.state.put(&Record::Privilege(id, privilege, grantor));
            }
            Record::Group(_) => self.state.put(&record),
        }
    }

    /// The state at this revision. It is not [settled](Snapshot::settle) yet.
    #[must_use]
    pub fn finish(self, revision: Revision) -> Snapshot {
        let mut state = self.state;
        state.set_revision(revision);
        state
    }

    fn text(&mut self, text: &Arc<str>) -> Arc<str> {
        Arc::clone(self.texts.get_or_insert_with(&**text, |_| Arc::clone(text)))
    }

    fn role(&mut self, role: &RoleName) -> RoleName {
        self.roles.get_or_insert_with(role.as_str(), |_| role.clone()).clone()
    }

    fn user(&self, user: UserName) -> UserName {
        self.state.known_user(&user).cloned().unwrap_or(user)
    }

    fn id(&self, id: GrantId) -> GrantId {
        self.state.grants().known_id(&id).cloned().unwrap_or(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Credential, PasswordHash};

    #[test]
    fn a_text_that_many_records_say_stands_in_memory_once() {
        let mut build = Build::new(Arc::default());
        let (user, role) = (|| UserName::new("u").unwrap(), || RoleName::new("r").unwrap());
        let hash = PasswordHash::new("hash");
        let id = || GrantId("id".into());
        let row = |object: &str| ObjectRow {
            role: role(),
            object_type: "Collection".into(),
            object: object.into(),
        };
        build.add(Record::Binding(user(), role()));
        build.add(Record::User(user(), Credential { hash, description: None, time_tick: 0 }));
        for object in ["db.a", "db.b"] {
            build.add(Record::Row(row(object), id()));
        }
        for privilege in ["PrivilegeLoad", "PrivilegeQuery"] {
            build.add(Record::Privilege(id(), privilege.into(), Grantor("root".into())));
        }
        let state = build.finish(Revision(3));
        let ids: Vec<_> = state.grants().rows_of(&role()).map(|(_, id)| id.0.as_ptr()).collect();
        assert_eq!(ids[0], ids[1]);
        let by: Vec<_> = state.grants().privileges_of(&id()).map(|(_, by)| by.0.as_ptr()).collect();
        assert_eq!(by[0], by[1]);
        let held = state.roles_of("u")[0].as_str().as_ptr();
        let rows: Vec<_> = state.grants().rows_of(&role()).map(|(row, _)| row).collect();
        assert_eq!(rows[0].object_type.as_ptr(), rows[1].object_type.as_ptr());
        assert_eq!(state.grants().holders_of(&id())[1].as_str().as_ptr(), held);
        let (name, _) = state.users().next().unwrap();
        assert_eq!(name.as_str().as_ptr(), state.known_user(&user()).unwrap().as_str().as_ptr());
    }
}
