//! What roles may do, in the form in which it is kept: object rows, the privileges under their
//! ids, and custom privilege groups.

use std::fmt;
use std::sync::Arc;

use super::RoleName;

/// The types of objects that grants are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectType {
    /// A collection.
    Collection,
    /// The whole deployment or a database.
    Global,
    /// A user.
    User,
}

impl ObjectType {
    /// All of them, in Milvus's order.
    pub const ALL: [Self; 3] = [Self::Collection, Self::Global, Self::User];

    /// The name as it is stored and sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Collection => "Collection",
            Self::Global => "Global",
            Self::User => "User",
        }
    }

    /// The type with that name; case matters.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|object_type| object_type.as_str() == name)
    }
}

impl fmt::Display for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far a privilege reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The deployment: the database that is checked is `*`.
    Cluster,
    /// One database.
    Database,
    /// One collection.
    Collection,
    /// Milvus gives it no level.
    None,
}

/// Key of an object row: this role has, or had, something on this object.
///
/// Type and object are the stored texts (`Global`, `default.*`): a store written by others may
/// hold any, and a row that decides nothing is still kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRow {
    /// The role.
    pub role: RoleName,
    /// The stored type.
    pub object_type: Arc<str>,
    /// The stored object, `database.name`, or a bare name from before databases.
    pub object: Arc<str>,
}

/// Where the privileges of an object row are kept: its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId(pub Arc<str>);

/// The user who made a grant, as stored; may be empty or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grantor(pub Arc<str>);

/// A custom privilege group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivilegeGroup {
    /// Its name.
    pub name: Arc<str>,
    /// Short names of its members, sorted, each once.
    pub privileges: Vec<Arc<str>>,
}
