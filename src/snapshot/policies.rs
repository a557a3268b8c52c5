//! The compiled policies of all roles, and which of them have to be compiled again.

use std::sync::{Arc, LazyLock};

use imbl::{HashMap, OrdSet};

use super::stored_privilege::Groups;
use super::{Grants, RolePolicy};
use crate::model::{BuiltinGroups, RoleName};

/// Milvus's own groups, made once.
static BUILTIN: LazyLock<Arc<BuiltinGroups>> = LazyLock::new(Arc::default);

/// What each role may do.
#[derive(Debug, Clone)]
pub(super) struct Policies {
    builtin: Arc<BuiltinGroups>,
    by_role: HashMap<RoleName, Arc<RolePolicy>>,
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
        Self { builtin, by_role: HashMap::new(), roles: OrdSet::new(), groups: OrdSet::new() }
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
