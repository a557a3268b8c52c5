//! Why a backup cannot be restored. Nothing has been written then.

/// What is wrong with a backup, or with restoring it here and now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// A role is there already, or twice in the backup.
    #[error("failed to check if rbac restorable: role [{0}] already exists: invalid parameter")]
    RoleExists(String),
    /// A custom group is there already, or twice in the backup, or has a name that is built in.
    #[error(
        "failed to check if rbac restorable: privilege group [{0}] already exists: invalid \
         parameter"
    )]
    GroupExists(String),
    /// A grant of something that is neither a privilege nor a group.
    #[error(
        "failed to check if rbac restorable: privilege [{0}] does not exist: invalid parameter"
    )]
    UnknownPrivilege(String),
    /// A user is there already, or twice in the backup.
    #[error("failed to check if rbac restorable: user [{0}] already exists: invalid parameter")]
    UserExists(String),
    /// A user holds a role that neither is there nor comes with the backup.
    #[error("failed to check if rbac restorable: role [{0}] does not exist: invalid parameter")]
    UnknownRole(String),
    /// A grant to a role that the backup does not hold: whoever holds that role here would get
    /// more than the backup says.
    #[error(
        "failed to check if rbac restorable: the backup grants something to role [{0}] and does \
         not hold that role: invalid parameter"
    )]
    GrantToOtherRole(String),
    /// A password that is no hash; it could never be verified, or never have been hashed.
    #[error(
        "failed to check if rbac restorable: the password of user [{0}] is not a bcrypt hash of \
         cost 4 to 14: invalid parameter"
    )]
    NotAHash(String),
    /// A name that cannot be stored.
    #[error(
        "failed to check if rbac restorable: {what} [{name}] is empty or has a character that \
         cannot be stored: invalid parameter"
    )]
    Name {
        /// What it names.
        what: &'static str,
        /// The name.
        name: String,
    },
}
