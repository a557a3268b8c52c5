//! Why an operation was refused, in Milvus's words where Milvus has words for it.
//!
//! Which code and status each one becomes stands in `api/code.rs`, for both APIs.

use super::{DatabaseNameError, GrantError, GroupError, RestoreError};
use crate::credential::Base64Error;
use crate::model::{NameError, PasswordRuleError};
use crate::writer::WriteError;

/// What was tried on a built-in role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultRoleAction {
    /// Altering it.
    Alter,
    /// Dropping it.
    Drop,
    /// Binding a user to it.
    Bind,
    /// Unbinding a user from it.
    Unbind,
    /// Granting it something.
    Grant,
    /// Taking something from it.
    Revoke,
}

/// What was tried on a role that the configuration defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfiguredRoleAction {
    /// Altering it.
    Alter,
    /// Dropping it.
    Drop,
}

impl ConfiguredRoleAction {
    fn verb(self) -> &'static str {
        match self {
            Self::Alter => "alter",
            Self::Drop => "drop",
        }
    }

    fn participle(self) -> &'static str {
        match self {
            Self::Alter => "altered",
            Self::Drop => "dropped",
        }
    }
}

impl DefaultRoleAction {
    fn participle(self) -> &'static str {
        match self {
            Self::Alter => "altered",
            Self::Drop => "dropped",
            Self::Bind => "bound",
            Self::Unbind => "unbound",
            Self::Grant => "granted to",
            Self::Revoke => "revoked from",
        }
    }
}

/// Why an operation was refused. The text is what clients read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// A name breaks its rule.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The description of a user is too long, in bytes.
    #[error(
        "invalid user description with length {length}, the length of user description must be \
         less than or equal to {limit}: invalid parameter"
    )]
    UserDescription {
        /// Its length.
        length: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// The description of a role is too long, in bytes.
    #[error(
        "the length of role description must be not greater than limit: invalid \
         parameter[{length} out of range 0 <= value <= {limit}]"
    )]
    RoleDescription {
        /// Its length.
        length: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// A new password is not base64.
    #[error("decode password fail: {0}")]
    PasswordEncoding(Base64Error),
    /// The new password of an update is not base64.
    #[error("decode password failed: {0}")]
    NewPasswordEncoding(Base64Error),
    /// The old password of an update is not base64.
    #[error("decode old password failed: {0}")]
    OldPasswordEncoding(Base64Error),
    /// A new password breaks its rule.
    #[error(transparent)]
    Password(#[from] PasswordRuleError),
    /// The user exists.
    #[error("user already exists: {0}: invalid parameter")]
    UserExists(String),
    /// No more users.
    #[error(
        "failed to check if add credential: quota exceeded[reason=unable to add user because the \
         number of users has reached the limit]"
    )]
    UserQuota,
    /// An update that updates nothing.
    #[error("must update either password or description: invalid parameter")]
    NothingToUpdate,
    /// The old password is wrong, or the user is not there: the text is the same on purpose.
    #[error("old password not correct for {0}: not authenticated")]
    OldPassword(String),
    /// An update without a user name.
    #[error("failed to check if update credential: username is empty: invalid parameter")]
    UpdateWithoutName,
    /// An update of a user that is not there.
    #[error("failed to check if update credential: user not found")]
    UpdateUnknownUser,
    /// `root` is to be deleted.
    #[error("root user cannot be deleted: privilege not permitted")]
    DeleteRoot,
    /// A deletion without a user name.
    #[error("failed to check if delete credential: username is empty: invalid parameter")]
    DeleteWithoutName,
    /// The role exists; the text is the request's role in protobuf text form.
    #[error("role [{0}] already exists: invalid parameter")]
    RoleExists(String),
    /// No more roles.
    #[error(
        "failed to check if create role: quota exceeded[reason=unable to create role because the \
         number of roles has reached the limit]"
    )]
    RoleQuota,
    /// A built-in role is protected.
    #[error(
        "the role[{role}] is a default role, which can't be {}: privilege not permitted",
        .action.participle()
    )]
    DefaultRole {
        /// The role.
        role: String,
        /// What was tried.
        action: DefaultRoleAction,
    },
    /// A role of the configuration is protected.
    #[error(
        "failed to check if {} role: the role[{role}] is a builtin role, which can't be {}: \
         privilege not permitted",
        .action.verb(), .action.participle()
    )]
    ConfiguredRole {
        /// The role.
        role: String,
        /// What was tried.
        action: ConfiguredRoleAction,
    },
    /// Somebody who is no administrator is about to make one, or to unmake one.
    #[error(
        "only root and members of the role[admin] can bind users to it, unbind them from it or \
         restore users who hold it: privilege not permitted"
    )]
    OnlyAdmins,
    /// Nobody would be left who may do everything.
    #[error(
        "user \"{0}\" is the last member of the role[admin] and root needs roles like anybody \
         else, so nobody could administer the service; bind another user to it first: privilege \
         not permitted"
    )]
    LastAdmin(String),
    /// An unknown role is to be altered.
    #[error("failed to check if alter role: role not exists")]
    AlterUnknownRole,
    /// The role is not there.
    #[error(
        "not found the role, maybe the role isn't existed or internal system error: invalid \
         parameter"
    )]
    UnknownRole,
    /// The role still has grants.
    #[error(
        "failed to check if drop role: fail to drop the role that it has privileges. Use REVOKE \
         API to revoke privileges: invalid parameter"
    )]
    RoleHasGrants,
    /// An unknown user is to be bound.
    #[error("failed to check if operate user role: user \"{0}\" not found: invalid parameter")]
    BindUnknownUser(String),
    /// Neither bind nor unbind.
    #[error("invalid operate user role type: invalid parameter")]
    OperateType,
    /// A part of a grant is missing; the text names it as Milvus does.
    #[error("the {0} is nil: invalid parameter")]
    GrantPart(&'static str),
    /// The grants of an unknown role are asked for.
    #[error("the role \"{0}\" does not exist: invalid parameter")]
    GrantsOfUnknownRole(String),
    /// An object type that does not exist.
    #[error(
        "not found the object type[name: {0}], supported the object types: [Collection Global \
         User]: invalid parameter"
    )]
    ObjectType(String),
    /// A grant was refused.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The name of a database in a grant breaks its rule.
    #[error(transparent)]
    DatabaseName(#[from] DatabaseNameError),
    /// An operation on a privilege group was refused.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// A backup cannot be restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The database of a connection does not exist.
    #[error("database not found[database={0}]")]
    ConnectDatabase(String),
    /// The database does not exist.
    #[error("database not found[database={0}]")]
    Database(String),
    /// A database that the caller does not see in a list.
    #[error("not allowed to access database, db name: {0}: privilege not permitted")]
    DatabaseHidden(String),
    /// The caller was deleted while the request was under way.
    #[error("the calling user does not exist any more")]
    CallerGone,
    /// The change was not acknowledged.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Too many logins and password changes wait.
    #[error("too many password checks are waiting; try again later")]
    Busy,
    /// The user has failed too often lately, by logins or by wrong old passwords.
    #[error("too many failed logins for this user, try again later; nothing was written")]
    Throttled,
    /// A password could not be hashed or checked, through no fault of the caller.
    #[error("the password could not be processed inside the server; nothing was written")]
    Hashing,
}
