//! Everything that a backup holds, read from one state: users but `root`, roles but `admin` and
//! `public` with what they were granted, and custom privilege groups.
//!
//! Putting it back is `restore.rs`'s.

use super::grant_query::grants_shown;
use super::roles::is_default;
use super::{Admin, GrantView, GroupView};
use crate::model::{PasswordHash, Privilege, ROOT};
use crate::snapshot::Snapshot;

/// A user in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupUser {
    /// The name.
    pub name: String,
    /// The stored hash of the password.
    pub hash: PasswordHash,
    /// The roles that the user holds.
    pub roles: Vec<String>,
}

/// A role in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupRole {
    /// The name.
    pub name: String,
    /// The description, empty if there is none.
    pub description: String,
}

/// A backup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RbacBackup {
    /// The users, ascending. Their descriptions are not part of it, as in Milvus.
    pub users: Vec<BackupUser>,
    /// The roles, ascending.
    pub roles: Vec<BackupRole>,
    /// What these roles were granted, role after role.
    pub grants: Vec<GrantView>,
    /// Custom privilege groups, ascending.
    pub groups: Vec<GroupView>,
}

impl Admin {
    /// A backup of the current state. The same state gives the same backup.
    #[must_use]
    pub fn backup(&self) -> RbacBackup {
        let state = self.snapshots.get();
        let users = state.users().filter(|(name, _)| name.as_str() != ROOT);
        let roles: Vec<_> = state.roles().filter(|(name, _)| !is_default(name.as_str())).collect();
        RbacBackup {
            users: users
                .map(|(name, user)| BackupUser {
                    name: name.to_string(),
                    hash: user.credential.hash.clone(),
                    roles: self.roles_bound(&state, name.as_str()),
                })
                .collect(),
            roles: roles
                .iter()
                .map(|(name, role)| BackupRole {
                    name: name.to_string(),
                    description: role.description.clone(),
                })
                .collect(),
            // What names a privilege that does not exist decides nothing and could not be restored.
            grants: roles
                .iter()
                .flat_map(|(name, _)| grants_shown(&state, name))
                .filter(|grant| is_known_privilege(&state, &grant.privilege))
                .collect(),
            groups: state
                .groups()
                .map(|group| GroupView {
                    name: group.name.to_string(),
                    privileges: group.privileges.iter().map(ToString::to_string).collect(),
                })
                .collect(),
        }
    }
}

/// Whether a name stands for something that can be granted in this state.
fn is_known_privilege(state: &Snapshot, name: &str) -> bool {
    name == "*" || Privilege::from_name(name).is_some() || state.group(name).is_some()
}
