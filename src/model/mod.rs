//! The nouns of the service: names, credentials, roles, grants, and the changes between states.
//!
//! Everything here is pure: no I/O, no clock, no async, nothing of the wire or the store.

mod builtin;
mod builtin_groups;
mod change;
mod configured_role;
mod credential;
mod grant;
mod name;
mod name_rule;
mod object_row;
mod password_rule;
mod privilege;
mod stored_privilege;

pub use builtin::{ADMIN, DEFAULT_DATABASE, PUBLIC, ROOT, ROOT_DEFAULT_PASSWORD};
pub use builtin_groups::BuiltinGroups;
pub use change::{Change, Record, RecordKey, Revision};
pub use configured_role::{ConfiguredGrant, ConfiguredRole};
pub use credential::{Credential, PasswordHash, Role};
pub use grant::{GrantId, Grantor, Level, ObjectRow, ObjectType, PrivilegeGroup};
pub use name::{RoleName, UserName};
pub use name_rule::{NameError, NameKind, NameRule, UserNameRule};
pub use object_row::split_object;
pub use password_rule::{BCRYPT_LIMIT, PasswordRule, PasswordRuleError};
pub use privilege::{Privilege, PrivilegeKind, PrivilegeSet};
pub use stored_privilege::{custom_group, short_privilege, stored_group};
