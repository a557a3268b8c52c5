//! What each RPC needs, out of the table that `build.rs` makes of `proto/requirements.txt`.
//!
//! There is no second list of paths anywhere: an RPC that has no row here does not exist.

use crate::model::{Level, ObjectType, Privilege};

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
        /// The privilege.
        privilege: Privilege,
        /// How far it reaches; decides which database is checked.
        level: Level,
    },
}

/// Who answers an RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// This package, or nobody: users, roles, grants, privilege groups, backups of them, tags of
    /// users, health and reflection. An upstream is never asked, also for what is not
    /// [served](Requirement::served) here.
    Here,
    /// The upstream, if there is one. Without one the package answers the few that are
    /// [served](Requirement::served).
    Data,
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
    /// In field 1 of field 1 of the message in this field stands a role. What is checked is `*`,
    /// unless the caller holds that role.
    Role(u32),
}

/// What else a message may say that is checked. The numbers are those of its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Field 1 is a `MsgBase`. One that says that the message is replicated is refused.
    Base,
    /// Two fields of which a number asks to skip row-level security, which needs `SkipRLS`, and a
    /// text names a principal, which may only be the caller.
    RowSecurity(u32, u32),
    /// A target database. One that is not the request's is checked at `*`.
    Crossing(u32),
    /// A number that names the object by id, whatever the name beside it says. An upstream finds it
    /// in whichever database it is, so one is checked in the database `*`, and as the empty name,
    /// which only patterns cover.
    Id(u32),
    /// Without an object name the request needs no privilege.
    IfNamed,
    /// Properties of row-level security need `ManageRLS`.
    RowSecurityProperties {
        /// Properties that are set, by key and value.
        properties: u32,
        /// Keys of properties that are removed.
        removed: u32,
        /// The collection.
        collection: u32,
    },
    /// Options of an import, by key and value. Those that ask for binlogs need `ImportBinlog`; those
    /// about row-level security count as its fields.
    ImportOptions(u32),
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
    /// Who answers it.
    pub home: Home,
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
    /// What else is checked.
    pub conditions: &'static [Condition],
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

    #[test]
    fn the_type_of_a_row_is_that_of_its_privilege_so_a_set_of_privileges_says_both() {
        for row in all() {
            for need in [row.documented, row.milvus] {
                if let Need::Privilege { object_type, privilege, .. } = need {
                    assert_eq!(object_type, privilege.object_type(), "{}", row.method);
                }
            }
        }
    }
}
