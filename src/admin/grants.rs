//! What a role was granted. Granting itself is not there yet; a query is checked in full and
//! finds nothing.

use super::{Admin, AdminError};
use crate::model::{NameKind, ObjectType};

/// An object that a query is about.
#[derive(Debug, Clone)]
pub struct ObjectQuery {
    /// Name of its type.
    pub object_type: String,
    /// Its name.
    pub name: String,
}

/// Which grants are asked for.
#[derive(Debug, Clone, Default)]
pub struct GrantQuery {
    /// Whether the request had a grant entity at all.
    pub present: bool,
    /// The role; needed.
    pub role: Option<String>,
    /// Only grants on this object.
    pub object: Option<ObjectQuery>,
}

impl Admin {
    /// Checks a query for grants. There are none until grants can be made.
    ///
    /// # Errors
    /// A part is missing, a name breaks its rule, or the role or object type does not exist.
    pub fn check_grant_query(&self, query: &GrantQuery) -> Result<(), AdminError> {
        if !query.present {
            return Err(AdminError::GrantPart("grant entity in the request"));
        }
        if let Some(object) = &query.object {
            self.rules.object_name.check(NameKind::ObjectType, &object.object_type)?;
            if object.name != "*" {
                self.rules.object_name.check(NameKind::Object, &object.name)?;
            }
        }
        let role = query
            .role
            .as_deref()
            .ok_or(AdminError::GrantPart("role entity in the grant entity"))?;
        let state = self.snapshots.read();
        self.rules.known_role(&state, role)?;
        if state.role(role).is_none() || !self.rules.is_shown(role) {
            return Err(AdminError::GrantsOfUnknownRole(role.to_owned()));
        }
        if let Some(object) = &query.object
            && ObjectType::from_name(&object.object_type).is_none()
        {
            return Err(AdminError::ObjectType(object.object_type.clone()));
        }
        Ok(())
    }
}
