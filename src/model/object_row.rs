//! The key of an object row as text, the id that follows from it, and the two parts of an object.
//!
//! Which rows there are is the state's business, how they are stored the store's.

use std::fmt::Write as _;
use std::sync::Arc;

use md5::{Digest as _, Md5};

use super::{DEFAULT_DATABASE, GrantId, ObjectRow, RoleName};

/// Where object rows stand below Milvus's root path.
const ROWS: &str = "root-coord/credential/grantee-privileges/";

impl ObjectRow {
    /// The row for an object of a database.
    #[must_use]
    pub fn new(role: RoleName, object_type: &str, database: &str, name: &str) -> Self {
        let object = Arc::from(format!("{database}.{name}"));
        Self { role, object_type: Arc::from(object_type), object }
    }

    /// The key under which Milvus stores the row, without its root path.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{ROWS}{}/{}/{}", self.role, self.object_type, self.object)
    }

    /// The id of a new row: the MD5 of its key, in 32 hexadecimal digits, as the newest Milvus
    /// makes it. A row that is stored already has an id of its own, which need not be this one.
    #[must_use]
    pub fn grant_id(&self) -> GrantId {
        digest(&self.key())
    }

    /// Another id for the same row, for when this one leads to something else already.
    #[must_use]
    pub fn other_grant_id(&self, taken: &GrantId) -> GrantId {
        digest(&format!("{}/{}", self.key(), taken.0))
    }
}

fn digest(text: &str) -> GrantId {
    let mut id = String::with_capacity(32);
    for byte in Md5::digest(text.as_bytes()) {
        // Writing to a String does not fail.
        let _ = write!(id, "{byte:02x}");
    }
    GrantId(Arc::from(id))
}

/// Database and name of a stored object. One from before databases belongs to `default`.
#[must_use]
pub fn split_object(object: &str) -> (&str, &str) {
    object.split_once('.').unwrap_or((DEFAULT_DATABASE, object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_that_milvus_makes() {
        for (role, object_type, database, name, id) in [
            ("public", "Global", "*", "*", "c3363b18250dd41b686083b07d1f34c4"),
            ("public", "Collection", "*", "*", "068d383ee03326696e8a3b16269227e7"),
            ("ms_reader", "Collection", "default", "ms_orders", "ed86a7a71e655fbdfee6aa525d26bcf7"),
        ] {
            let role = RoleName::new(role).unwrap();
            let row = ObjectRow::new(role, object_type, database, name);
            assert_eq!(&*row.grant_id().0, id);
        }
    }

    #[test]
    fn an_object_is_split_at_its_first_dot() {
        assert_eq!(split_object("db.a.b"), ("db", "a.b"));
        assert_eq!(split_object("*.*"), ("*", "*"));
        assert_eq!(split_object("old"), ("default", "old"));
        assert_eq!(split_object("db."), ("db", ""));
    }
}
