//! What each RPC needs, out of the table that `build.rs` makes of `proto/requirements.txt`.
//!
//! There is no second list of paths anywhere: an RPC that has no row here does not exist.

use crate::model::{Level, ObjectType};

/// What a request must bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// An authenticated user.
    AnyUser,
    /// An authenticated user; the answer shows only what they may see.
    Filtered,
    /// `root`, by name.
    RootOnly,
    /// Nobody may.
    Refused,
    /// A health check: open to everybody if the operator leaves it so, else like `AnyUser`.
    Health,
    /// A privilege on an object.
    Privilege {
        /// Type of the object.
        object_type: ObjectType,
        /// Short name of the privilege.
        privilege: &'static str,
        /// How far it reaches; decides which database is checked.
        level: Level,
    },
}

/// Where a request names the objects that are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectSource {
    /// It names none: `*`.
    Any,
    /// In this string field.
    Field(u32),
    /// In field 1 of the message in this field; empty or absent means `*`.
    Nested(u32),
    /// In this repeated string field; each of them is checked.
    Repeated(u32),
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Full name of the service.
    pub service: &'static str,
    /// Name of the method.
    pub method: &'static str,
    /// Path of the RPC, `/service/method`.
    pub path: &'static str,
    /// What it needs in `compat: documented`.
    pub documented: Need,
    /// What it needs in `compat: milvus`.
    pub milvus: Need,
    /// Number of the request field with the database name.
    pub database: Option<u32>,
    /// Where the object names stand.
    pub object: ObjectSource,
    /// Whether either side sends more than one message.
    pub streaming: bool,
    /// Whether the client sends more than one message.
    pub many_requests: bool,
    /// Whether this package answers it itself.
    pub served: bool,
}

include!(concat!(env!("OUT_DIR"), "/requirements.rs"));

/// The row of an RPC by its exact path, or `None` if there is no such RPC.
#[must_use]
pub fn find(path: &str) -> Option<&'static Requirement> {
    // INVARIANT: the table is sorted by path; `build.rs` sorts it.
    let at = TABLE.binary_search_by(|row| row.path.cmp(path)).ok()?;
    TABLE.get(at)
}

/// All rows, ascending by path.
#[must_use]
pub fn all() -> &'static [Requirement] {
    TABLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_path_and_nothing_else_is() {
        for row in all() {
            assert_eq!(find(row.path), Some(row));
        }
        for path in ["", "/", "/milvus.proto.milvus.MilvusService/", "/x/CreateRole"] {
            assert_eq!(find(path), None);
        }
        assert_eq!(find("/milvus.proto.milvus.MilvusService/createrole"), None);
    }
}
