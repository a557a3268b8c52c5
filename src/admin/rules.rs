//! The settings that operations follow. Where they come from is `config/`'s business.

use crate::model::{NameError, NameKind, NameRule, PUBLIC, PasswordRule, UserNameRule};
use crate::snapshot::Snapshot;

/// What may be created, how much of it, and what is shown. `compat` only chooses the values.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct AdminRules {
    /// Names of users that may be created.
    pub user_name: UserNameRule,
    /// Names of roles that may be created.
    pub role_name: NameRule,
    /// Names of users that may be asked for, beside those that exist.
    pub known_user_name: UserNameRule,
    /// Names of roles that may be asked for, beside those that exist.
    pub known_role_name: NameRule,
    /// Names of objects and object types in grants.
    pub object_name: NameRule,
    /// Passwords that may be set.
    pub password: PasswordRule,
    /// Most users, `root` counted; 0 means no limit.
    pub max_users: usize,
    /// Most roles, built-in ones counted; 0 means no limit.
    pub max_roles: usize,
    /// Longest description of a user, in bytes.
    pub max_user_description: usize,
    /// Longest description of a role, in bytes.
    pub max_role_description: usize,
    /// Whether `root` is shown as a member of `admin`. Display only, never stored.
    pub root_shows_admin: bool,
    /// Whether the role `public` exists. If not, its name is reserved and never shown.
    pub public_role: bool,
    /// Whether administrators may set other users' passwords without the old one.
    pub admin_resets_passwords: bool,
    /// Whether `root` needs roles like anybody else.
    pub root_needs_role: bool,
    /// Whether `default` is listed for everybody.
    pub always_list_default: bool,
    /// Callers that may set any password without the old one.
    pub super_users: Vec<String>,
}

impl AdminRules {
    /// Whether `root` is shown with `admin`: only while it passes checks by its name alone.
    pub(super) fn shows_root_as_admin(&self) -> bool {
        self.root_shows_admin && !self.root_needs_role
    }

    /// Whether a role is there for readers: `public` is not, where it is only a reserved name.
    pub(super) fn is_shown(&self, role: &str) -> bool {
        self.public_role || role != PUBLIC
    }

    /// A user name in a request that does not create it, trimmed. Any stored name passes.
    pub(super) fn known_user<'a>(
        &self,
        state: &Snapshot,
        name: &'a str,
    ) -> Result<&'a str, NameError> {
        let name = state.resolve_user(name);
        if state.user(name).is_some() {
            return Ok(name);
        }
        self.known_user_name.check(name)
    }

    /// Checks a role name in a request that does not create it. Any stored name passes.
    pub(super) fn known_role(&self, state: &Snapshot, name: &str) -> Result<(), NameError> {
        if state.role(name).is_some() {
            return Ok(());
        }
        self.known_role_name.check(NameKind::Role, name)
    }
}
