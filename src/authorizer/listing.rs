//! What a caller sees of the databases and collections that an upstream lists.
//!
//! The rule stands in [`Sight`]; here it is joined with the settings and with the age of the state.

use std::sync::Arc;

use super::{Authorizer, Inner};
use crate::credential::{Caller, CredentialError};
use crate::model::DEFAULT_DATABASE;
use crate::snapshot::{Sight, Snapshot, Viewer};

/// Lists. Each call takes one state for the whole of a list and costs as much as the caller's
/// roles have grants.
impl Authorizer {
    /// The same authorizer, which shows the database `default` to every user or, if not, only to
    /// those with a grant in it (`rbac.alwaysListDefaultDatabase`). A new one does not.
    #[must_use]
    pub fn listing_default(self, to_everybody: bool) -> Self {
        Self(Arc::new(Inner { lists_default: to_everybody, ..(*self.0).clone() }))
    }

    /// The databases that the caller sees in a list; one that they do not see does not exist for
    /// them, or is refused with
    /// [`AdminError::DatabaseHidden`](crate::admin::AdminError::DatabaseHidden). All of them
    /// when authorization is switched off.
    ///
    /// # Errors
    /// The state is too old ([`CredentialError::Stale`]).
    pub fn databases_seen(&self, caller: &Caller) -> Result<Sight, CredentialError> {
        let mut sight = self.seen(caller, Snapshot::databases_shown)?;
        if self.0.lists_default {
            sight.add(DEFAULT_DATABASE);
        }
        Ok(sight)
    }

    /// The collections that the caller sees in a list of those in this database, whose name is
    /// already defaulted. All of them when authorization is switched off.
    ///
    /// # Errors
    /// The state is too old ([`CredentialError::Stale`]).
    pub fn collections_seen(
        &self,
        caller: &Caller,
        database: &str,
    ) -> Result<Sight, CredentialError> {
        self.seen(caller, |state, viewer| state.collections_shown(viewer, database))
    }

    /// Whether the caller sees this database in a list. For many names,
    /// [`Authorizer::databases_seen`] once.
    ///
    /// # Errors
    /// The state is too old ([`CredentialError::Stale`]).
    pub fn sees_database(&self, caller: &Caller, name: &str) -> Result<bool, CredentialError> {
        Ok(self.databases_seen(caller)?.shows(name))
    }

    fn seen(
        &self,
        caller: &Caller,
        look: impl FnOnce(&Snapshot, Viewer<'_>) -> Sight,
    ) -> Result<Sight, CredentialError> {
        // INVARIANT: the age is asked before the state is read, so what is read is no older.
        self.check_age()?;
        let rules = self.0.rules;
        if !rules.enforced {
            return Ok(Sight::everything());
        }
        let viewer = Viewer {
            user: caller.name(),
            root_needs_role: rules.root_needs_role,
            ghost_roles: rules.ghost_roles,
        };
        Ok(look(&self.0.snapshots.read(), viewer))
    }
}
