//! What a role was granted, as it is shown.

use super::{Admin, AdminError};
use crate::model::{
    DEFAULT_DATABASE, NameKind, ObjectType, RoleName, short_privilege, split_object,
};
use crate::snapshot::Snapshot;

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
    /// Only grants in this database or in all of them; empty means `default`, `*` any.
    pub database: String,
}

/// A grant as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantView {
    /// The role.
    pub role: String,
    /// Type of the object.
    pub object_type: String,
    /// Name of the object, or `*`.
    pub object_name: String,
    /// Its database, or `*`; never empty.
    pub database: String,
    /// Short name of the privilege or group, or `*`.
    pub privilege: String,
    /// Who granted it; may be empty or gone.
    pub grantor: String,
}

impl Admin {
    /// The grants of a role, by type, then database and object, then privilege. Groups are shown
    /// as they were granted.
    ///
    /// # Errors
    /// A part is missing, a name breaks its rule, or the role or object type does not exist.
    pub fn select_grants(&self, query: &GrantQuery) -> Result<Vec<GrantView>, AdminError> {
        if !query.present {
            return Err(AdminError::GrantPart("grant entity in the request"));
        }
        let state = self.snapshots.read();
        if let Some(object) = &query.object {
            self.rules.object_name.check(NameKind::ObjectType, &object.object_type)?;
            let user = object.object_type == ObjectType::User.as_str();
            let exists = user && state.user(&object.name).is_some();
            if object.name != "*" && !exists {
                self.rules.object_name.check(NameKind::Object, &object.name)?;
            }
        }
        let part = AdminError::GrantPart("role entity in the grant entity");
        let role = query.role.as_deref().ok_or(part)?;
        self.rules.known_role(&state, role)?;
        let known =
            RoleName::new(role).filter(|_| state.role(role).is_some() && self.rules.is_shown(role));
        let Some(known) = known else {
            return Err(AdminError::GrantsOfUnknownRole(role.to_owned()));
        };
        if let Some(object) = &query.object
            && ObjectType::from_name(&object.object_type).is_none()
        {
            return Err(AdminError::ObjectType(object.object_type.clone()));
        }
        let mut grants = grants_shown(&state, &known);
        grants.retain(|grant| is_asked_for(query, grant));
        Ok(grants)
    }
}

fn is_asked_for(query: &GrantQuery, grant: &GrantView) -> bool {
    let database =
        if query.database.is_empty() { DEFAULT_DATABASE } else { query.database.as_str() };
    let in_database = database == "*" || grant.database == "*" || grant.database == database;
    in_database
        && query.object.as_ref().is_none_or(|object| {
            object.object_type == grant.object_type && object.name == grant.object_name
        })
}

/// All grants of a role in the order in which they are shown, each once. A privilege can stand in
/// two rows of one object; the older row's grantor is shown.
pub(super) fn grants_shown(state: &Snapshot, role: &RoleName) -> Vec<GrantView> {
    let mut grants: Vec<_> = state
        .grants()
        .grants_of(role)
        .map(|grant| {
            let (database, name) = split_object(&grant.row.object);
            let object = format!("{database}.{name}");
            let bare = object != *grant.row.object;
            ((grant.row.object_type, object, grant.privilege), !bare, grant.grantor)
        })
        .collect();
    // By stored spelling, in which `*` comes first and groups stand among the privileges.
    grants.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    grants.dedup_by(|later, first| later.0 == first.0);
    grants
        .into_iter()
        .map(|((object_type, object, privilege), _, grantor)| {
            let (database, name) = split_object(&object);
            GrantView {
                role: role.to_string(),
                object_type: object_type.to_string(),
                object_name: name.to_owned(),
                database: database.to_owned(),
                privilege: short_privilege(&privilege).to_owned(),
                grantor: grantor.0.to_string(),
            }
        })
        .collect()
}
