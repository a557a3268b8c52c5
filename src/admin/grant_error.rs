//! Why a grant or a privilege group was refused, in Milvus's words.
//!
//! Refusals that are older or shared with other operations stand in `error.rs`.

/// Why a grant or its withdrawal was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// Neither grant nor revoke, asked for by object; holds the number that was sent.
    #[error(
        "failed to operate privilege common check: invalid operate privilege type, current type: \
         {0}, valid value: [Grant, Revoke]: invalid parameter"
    )]
    Action(i32),
    /// Neither grant nor revoke, asked for by level.
    #[error("the type in the request not grant or revoke: invalid parameter")]
    LevelAction,
    /// The object type is none of the three.
    #[error(
        "failed to operate privilege common check: the object entity in the request is nil or \
         invalid: invalid parameter"
    )]
    ObjectType,
    /// The role is not there.
    #[error(
        "failed to operate privilege common check: the role \"{0}\" does not exist: invalid \
         parameter"
    )]
    UnknownRole(String),
    /// The caller has been deleted meanwhile.
    #[error(
        "failed to operate privilege common check: the grantor user \"{0}\" does not exist: \
         invalid parameter"
    )]
    UnknownGrantor(String),
    /// A custom group, by object.
    #[error("can not operate the custom privilege group [{0}]: invalid parameter")]
    CustomGroup(String),
    /// One of the nine groups, by object.
    #[error("can not operate the built-in privilege group [{0}]: invalid parameter")]
    BuiltinGroup(String),
    /// No privilege of that object type.
    #[error(
        "not found the privilege name[{privilege}] in object[{object_type}]: invalid parameter"
    )]
    NotOfObjectType {
        /// The name that was sent.
        privilege: String,
        /// The object type.
        object_type: &'static str,
    },
    /// Neither a privilege nor a group.
    #[error("not found the privilege name[{0}]: invalid parameter")]
    UnknownPrivilege(String),
    /// A group of cluster level on less than everything.
    #[error(
        "dbName and collectionName should be * for the cluster level privilege: {0}: invalid \
         parameter"
    )]
    ClusterLevel(String),
    /// A group of database level on a collection.
    #[error("collectionName should be * for the database level privilege: {0}: invalid parameter")]
    DatabaseLevel(String),
    /// A group of collection level on a collection of every database.
    #[error(
        "please specify database name for the collection level privilege: {0}: invalid parameter"
    )]
    CollectionLevel(String),
    /// A group whose members have no level.
    #[error("not found the privilege level: invalid parameter")]
    NoLevel,
}

/// What is wrong with the name of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}: invalid database name[database={name}]")]
pub struct DatabaseNameError {
    pub(super) name: String,
    pub(super) problem: String,
}

/// Why an operation on a privilege group was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The name is empty.
    #[error(
        "invalid privilege group name[privilegeGroup=privilege group name should not be empty]"
    )]
    NameEmpty,
    /// The name is too long. The placeholders are Milvus's: it really sends them.
    #[error(
        "{name}->{limit}: invalid privilege group name[privilegeGroup=the length of a privilege \
         group name %s must be less than %s characters]"
    )]
    NameTooLong {
        /// The name.
        name: String,
        /// The most bytes that are allowed.
        limit: usize,
    },
    /// The name begins with something else than a letter or an underscore.
    #[error(
        "{0}: invalid privilege group name[privilegeGroup=the first character of a privilege group \
         name %s must be an underscore or letter]"
    )]
    NameFirst(String),
    /// A later character of the name is not allowed.
    #[error(
        "privilege group name {0} can only contain numbers, letters and underscores: invalid \
         parameter"
    )]
    NameOther(String),
    /// There is a custom group of that name.
    #[error(
        "failed to check if privilege group creatable: privilege group name [{0}] is defined by \
         users: invalid parameter"
    )]
    Exists(String),
    /// A privilege or built-in group has that name.
    #[error(
        "failed to check if privilege group creatable: privilege group name [{0}] is defined by \
         built in privileges or privilege groups in system: invalid parameter"
    )]
    Reserved(String),
    /// A role holds the group.
    #[error(
        "failed to check if privilege group dropable: privilege group [{group}] is used by role \
         [{role}], Use REVOKE API to revoke it first: invalid parameter"
    )]
    InUse {
        /// The group.
        group: String,
        /// The first role that holds it.
        role: String,
    },
    /// No custom group has that name.
    #[error(
        "failed to check if privilege group alterable: there is no privilege group name [{0}] \
         defined in system to operate: invalid parameter"
    )]
    Unknown(String),
    /// Nothing is to be added or removed.
    #[error(
        "failed to check if privilege group alterable: privileges is empty when alter the \
         privilege group: invalid parameter"
    )]
    NoPrivileges,
    /// Neither a privilege nor a group.
    #[error(
        "failed to check if privilege group alterable: there is no privilege name or privilege \
         group name [{0}] defined in system to operate: invalid parameter"
    )]
    UnknownMember(String),
    /// Members of different levels.
    #[error(
        "failed to check if privilege group alterable: privileges are not the same privilege \
         level: invalid parameter"
    )]
    MixedLevels,
    /// Neither add nor remove.
    #[error("invalid operate privilege group type: invalid parameter")]
    Action,
}
