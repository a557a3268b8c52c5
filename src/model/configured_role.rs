//! Roles that an operator defines in the configuration, with what they are granted.

use super::{ObjectType, Privilege};

/// A role that exists by configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredRole {
    /// Its name.
    pub name: String,
    /// What it is granted at each start.
    pub grants: Vec<ConfiguredGrant>,
}

/// A grant of a configured role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredGrant {
    /// Type of the object.
    pub object_type: ObjectType,
    /// Name of the object, or `*`.
    pub object_name: String,
    /// The database, or `*`.
    pub database: String,
    /// The privilege or built-in group; `None` for `*`.
    pub privilege: Option<Privilege>,
}
