//! `builtinRoles`: roles that the operator defines, with their grants, as JSON or as YAML below the
//! key. Every mistake in them is one of the configuration.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::names::NameSettings;
use super::reader::{Reader, one};
use crate::model::{
    ADMIN, ConfiguredGrant, ConfiguredRole, NameKind, ObjectType, PUBLIC, Privilege, PrivilegeKind,
};

/// The grants of a role: a list, or a list below `privileges`, as some versions of Milvus have it.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenRole {
    Grants(Vec<WrittenGrant>),
    Below { privileges: Vec<WrittenGrant> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGrant {
    object_type: String,
    object_name: String,
    privilege: String,
    #[serde(default)]
    db_name: String,
}

/// Reads the section; without `builtinRoles.enable` there are none, whatever else is written.
pub(super) fn read(reader: &mut Reader, names: &NameSettings) -> Vec<ConfiguredRole> {
    const ROLES: &str = "builtinRoles.roles";
    let enabled = reader.switch("builtinRoles.enable", false);
    let roles = enabled
        .then(|| reader.read(ROLES, |value| one(value, |text| parse(text, names))))
        .flatten()
        .unwrap_or_default();
    let shown: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
    reader.show(ROLES, Some(shown.join(",")));
    roles
}

fn parse(text: &str, names: &NameSettings) -> Result<Vec<ConfiguredRole>, String> {
    let written: BTreeMap<String, WrittenRole> = serde_json::from_str(text).map_err(|error| {
        format!(
            "must map each role to a list of grants with object_type, object_name, privilege \
                 and db_name: {error}"
        )
    })?;
    written.into_iter().map(|(name, role)| configured(name, role, names)).collect()
}

fn configured(
    name: String,
    role: WrittenRole,
    names: &NameSettings,
) -> Result<ConfiguredRole, String> {
    if name == ADMIN || name == PUBLIC {
        return Err(format!("`{name}` is built in and cannot be configured"));
    }
    let checked = names.role_looked_up.check(NameKind::Role, &name);
    checked.map_err(|error| format!("`{name}`: {error}"))?;
    let (WrittenRole::Grants(grants) | WrittenRole::Below { privileges: grants }) = role;
    let grants: Result<_, String> = grants
        .into_iter()
        .map(|written| grant(written, names).map_err(|error| format!("role `{name}`: {error}")))
        .collect();
    Ok(ConfiguredRole { grants: grants?, name })
}

fn grant(written: WrittenGrant, names: &NameSettings) -> Result<ConfiguredGrant, String> {
    let WrittenGrant { object_type, object_name, privilege, db_name } = written;
    let object_type = ObjectType::from_name(&object_type)
        .ok_or_else(|| format!("`{object_type}` is none of Collection, Global and User"))?;
    let database = if db_name.is_empty() { "default".to_owned() } else { db_name };
    for name in [&object_name, &database] {
        let checked = names.object.check(NameKind::Object, name);
        if name != "*" && checked.is_err() {
            return Err(format!("`{name}` is neither * nor a name"));
        }
    }
    let object_name = if object_type == ObjectType::Global { "*".to_owned() } else { object_name };
    if privilege == "*" {
        return Ok(ConfiguredGrant { object_type, object_name, database, privilege: None });
    }
    let fits = |found: &Privilege| {
        found.number().is_some()
            && match found.kind() {
                PrivilegeKind::LevelGroup => object_type == ObjectType::Global,
                _ => found.v1_object_type() == Some(object_type),
            }
    };
    let found = Privilege::from_name(&privilege)
        .filter(fits)
        .ok_or_else(|| format!("`{privilege}` is no privilege on objects of type {object_type}"))?;
    Ok(ConfiguredGrant { object_type, object_name, database, privilege: Some(found) })
}
