//! The one database there is, and who sees it.

use super::{Admin, AdminError};
use crate::credential::Caller;
use crate::model::DEFAULT_DATABASE;
use crate::snapshot::Viewer;

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
        let viewer = Viewer {
            user: caller.name(),
            root_needs_role: self.rules.root_needs_role,
            ghost_roles: self.rules.ghost_roles,
        };
        let shown = || self.snapshots.read().databases_shown(viewer).shows(DEFAULT_DATABASE);
        let visible = self.rules.always_list_default || !caller.is_authenticated() || shown();
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
