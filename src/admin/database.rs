//! The one database there is, and who sees it.

use super::{Admin, AdminError};
use crate::credential::Caller;
use crate::model::{DEFAULT_DATABASE, PUBLIC};
use crate::snapshot::Snapshot;

/// A database as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseView {
    /// Its name.
    pub name: &'static str,
    /// Its id; 1 for `default`, as in Milvus.
    pub id: i64,
}

const DEFAULT: DatabaseView = DatabaseView { name: DEFAULT_DATABASE, id: 1 };

impl Admin {
    /// The databases that the caller may see. This service keeps no data, so there is only
    /// `default`.
    #[must_use]
    pub fn list_databases(&self, caller: &Caller) -> Vec<DatabaseView> {
        let state = self.snapshots.read();
        let visible = self.rules.always_list_default
            || !caller.is_authenticated()
            || state.is_administrator(caller.name(), self.rules.root_needs_role)
            || has_grant_in_default(&state, caller.name());
        visible.then_some(DEFAULT).into_iter().collect()
    }

    /// A database by name; empty means `default`.
    ///
    /// # Errors
    /// There is no such database.
    pub fn describe_database(&self, name: &str) -> Result<DatabaseView, AdminError> {
        if name.is_empty() || name == DEFAULT_DATABASE {
            return Ok(DEFAULT);
        }
        Err(AdminError::Database(name.to_owned()))
    }

    /// Checks the database that a connection names.
    ///
    /// # Errors
    /// There is no such database.
    pub fn check_connection(&self, database: &str) -> Result<(), AdminError> {
        self.describe_database(database)
            .map(|_| ())
            .map_err(|_| AdminError::ConnectDatabase(database.to_owned()))
    }
}

/// Whether one of the user's own roles has a grant in `default` or in all databases.
fn has_grant_in_default(state: &Snapshot, user: &str) -> bool {
    let covers = |object: &str| match object.split_once('.') {
        Some((database, _)) => database == DEFAULT_DATABASE || database == "*",
        // A row from before databases belongs to `default`.
        None => true,
    };
    state
        .roles_of(user)
        .iter()
        // What everybody holds shows nobody anything, also where it was bound by name.
        .filter(|role| role.as_str() != PUBLIC)
        .any(|role| state.grants().granted_rows_of(role).any(|row| covers(&row.object)))
}
