//! The settings that operations follow. Where they come from is `config/`'s business.

use super::{DatabaseNameError, GroupError};
use crate::model::{
    BuiltinGroups, ConfiguredRole, NameError, NameKind, NameRule, PUBLIC, PasswordRule,
    UserNameRule,
};
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
    /// Names of objects, object types and privileges in grants; its length also limits names of
    /// databases and privilege groups.
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
    /// Whether `public` is given its default grants at each start.
    pub public_privileges: bool,
    /// Roles that exist by configuration: made at each start, never altered or dropped.
    pub configured_roles: Vec<ConfiguredRole>,
    /// What the built-in privilege groups hold.
    pub builtin_groups: BuiltinGroups,
    /// Whether only administrators may make and unmake administrators.
    pub only_admins_bind_admin: bool,
    /// Whether administrators may set other users' passwords without the old one.
    pub admin_resets_passwords: bool,
    /// Whether `root` needs roles like anybody else.
    pub root_needs_role: bool,
    /// Whether the grants of a role that does not exist show databases to those bound to it.
    pub ghost_roles: bool,
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

    /// Whether a role exists by configuration.
    pub(super) fn is_configured(&self, role: &str) -> bool {
        self.configured_roles.iter().any(|configured| configured.name == role)
    }

    /// Checks the name of a database in a grant; `*` passes.
    pub(super) fn check_database(&self, name: &str) -> Result<(), DatabaseNameError> {
        let limit = self.object_name.max_length;
        let problem = if name == "*" {
            return Ok(());
        } else if name.len() > limit {
            format!("the length of a database name must be less than {limit} characters")
        } else {
            match first_and_rest(name) {
                (true, true) => return Ok(()),
                (false, _) => {
                    "the first character of a database name must be an underscore or letter".into()
                }
                (true, false) => {
                    "database name can only contain numbers, letters and underscores".into()
                }
            }
        };
        Err(DatabaseNameError { name: name.to_owned(), problem })
    }

    /// Checks the name of a privilege group.
    pub(super) fn check_group_name(&self, name: &str) -> Result<(), GroupError> {
        let limit = self.object_name.max_length;
        if name.is_empty() {
            return Err(GroupError::NameEmpty);
        }
        if name.len() > limit {
            return Err(GroupError::NameTooLong { name: name.to_owned(), limit });
        }
        match first_and_rest(name) {
            (true, true) => Ok(()),
            (false, _) => Err(GroupError::NameFirst(name.to_owned())),
            (true, false) => Err(GroupError::NameOther(name.to_owned())),
        }
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

/// Whether a name begins with an ASCII letter or underscore, and whether only such and digits
/// follow.
fn first_and_rest(name: &str) -> (bool, bool) {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| word(byte) && !byte.is_ascii_digit());
    (first, bytes.all(word))
}
