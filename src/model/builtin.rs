//! The users and roles that exist by definition, and the built-in values around them.

/// The user that passes every check by name.
pub const ROOT: &str = "root";

/// Password of `root` on a first start when none is configured, as in Milvus.
pub const ROOT_DEFAULT_PASSWORD: &str = "Milvus";

/// The role whose members pass every check. It can be bound, never created, altered or dropped.
pub const ADMIN: &str = "admin";

/// The role that Milvus gives to everybody. Reserved in both modes; it exists only in
/// `compat: milvus`.
pub const PUBLIC: &str = "public";

/// The database that an empty name stands for.
pub const DEFAULT_DATABASE: &str = "default";
