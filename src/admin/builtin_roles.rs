//! What the server grants by itself at each start: the defaults of `public`, and the roles of the
//! configuration. Only what is missing is written; nothing is ever taken away.

use super::Admin;
use super::grant_plan::{Target, grant};
use super::roles::removal_of_role;
use crate::model::{
    ADMIN, Change, ConfiguredGrant, Grantor, ObjectType, PUBLIC, Privilege, ROOT, Record, Role,
    RoleName,
};
use crate::snapshot::Snapshot;

/// What `public` has in the newest Milvus, on everything in all databases.
const OF_PUBLIC: [(ObjectType, &str); 3] = [
    (ObjectType::Global, "DescribeCollection"),
    (ObjectType::Global, "ListAliases"),
    (ObjectType::Collection, "IndexDetail"),
];

/// A state that is changed step by step, and the steps.
struct Draft {
    state: Snapshot,
    changes: Vec<Change>,
}

impl Draft {
    fn add(&mut self, changes: Vec<Change>) {
        for change in &changes {
            self.state.apply(change);
        }
        self.changes.extend(changes);
    }

    /// Makes a role unless it is there. Like every new role it starts empty, whatever an earlier
    /// one of that name left behind.
    fn role(&mut self, role: &RoleName) {
        if self.state.role(role.as_str()).is_none() {
            let mut changes = removal_of_role(&self.state, role);
            changes.push(Change::Put(Record::Role(role.clone(), Role::default())));
            self.add(changes);
        }
    }

    fn grant(&mut self, role: &RoleName, given: &ConfiguredGrant) {
        let target = Target {
            role: role.clone(),
            object_type: given.object_type.as_str().into(),
            database: given.database.clone(),
            name: given.object_name.clone(),
        };
        let stored = given.privilege.map_or_else(|| "*".to_owned(), Privilege::stored_name);
        let changes = grant(&self.state, &target, &[stored.into()], &Grantor(ROOT.into()));
        self.add(changes);
    }
}

impl Admin {
    /// The changes that make the built-in and the configured roles with what they are granted.
    pub(super) fn plan_builtin_roles(&self, state: &Snapshot) -> Vec<Change> {
        let mut draft = Draft { state: state.clone(), changes: Vec::new() };
        for (name, wanted) in [(ADMIN, true), (PUBLIC, self.rules.public_role)] {
            if let Some(role) = RoleName::new(name).filter(|_| wanted) {
                draft.role(&role);
            }
        }
        if let Some(public) = RoleName::new(PUBLIC)
            && self.rules.public_role
            && self.rules.public_privileges
        {
            for given in of_public() {
                draft.grant(&public, &given);
            }
        }
        for configured in &self.rules.configured_roles {
            let Some(role) = RoleName::new(&configured.name) else { continue };
            draft.role(&role);
            for given in &configured.grants {
                draft.grant(&role, given);
            }
        }
        draft.changes
    }
}

fn of_public() -> impl Iterator<Item = ConfiguredGrant> {
    OF_PUBLIC.into_iter().map(|(object_type, name)| ConfiguredGrant {
        object_type,
        object_name: "*".to_owned(),
        database: "*".to_owned(),
        privilege: Privilege::from_name(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_public_are_privileges() {
        assert!(of_public().all(|given| given.privilege.is_some()));
    }
}
