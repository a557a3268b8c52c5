//! What the built-in privilege groups hold, where the operator has replaced it.
//!
//! A list counts when it is given. An explicit `overrideBuiltInPrivilegeGroups.enabled: false`, as
//! a stock `milvus.yaml` has it beside lists, keeps the nine groups as they are.

use std::collections::BTreeMap;

use super::reader::Reader;
use crate::model::{BuiltinGroups, Privilege, PrivilegeKind, short_privilege};

/// What the built-in privilege groups hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PrivilegeListSettings {
    /// Whether the lists replace the nine groups where both are said
    /// (`common.security.rbac.overrideBuiltInPrivilegeGroups.enabled`, also in the spelling of
    /// earlier Milvus versions). Default: lists that are given count.
    pub override_built_in: Option<bool>,
    /// The lists that were given, by key, such as
    /// `common.security.rbac.cluster.readonly.privileges`.
    pub lists: BTreeMap<&'static str, Vec<String>>,
    /// The groups that result.
    pub groups: BuiltinGroups,
}

/// Milvus's keys of the lists, and the groups that they fill.
const LISTS: [(&str, &str); 12] = [
    ("common.security.admin.privileges", "Admin"),
    ("common.security.rbac.cluster.admin.privileges", "ClusterAdmin"),
    ("common.security.rbac.cluster.readonly.privileges", "ClusterReadOnly"),
    ("common.security.rbac.cluster.readwrite.privileges", "ClusterReadWrite"),
    ("common.security.rbac.collection.admin.privileges", "CollectionAdmin"),
    ("common.security.rbac.collection.readonly.privileges", "CollectionReadOnly"),
    ("common.security.rbac.collection.readwrite.privileges", "CollectionReadWrite"),
    ("common.security.rbac.database.admin.privileges", "DatabaseAdmin"),
    ("common.security.rbac.database.readonly.privileges", "DatabaseReadOnly"),
    ("common.security.rbac.database.readwrite.privileges", "DatabaseReadWrite"),
    ("common.security.readonly.privileges", "ReadOnly"),
    ("common.security.readwrite.privileges", "ReadWrite"),
];

/// Milvus's key of the switch, now and in earlier versions.
const SPELLINGS: [&str; 2] = [
    "common.security.rbac.overrideBuiltInPrivilegeGroups.enabled",
    "common.security.rbac.overrideBuiltInPrivilgeGroups.enabled",
];

impl PrivilegeListSettings {
    /// Reads the section. Only what was given is shown: the built-in lists are long, and known.
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut override_built_in = None;
        for key in SPELLINGS {
            if reader.source(key).is_some() {
                let given = reader.switch(key, false);
                override_built_in = Some(override_built_in.unwrap_or(false) || given);
            }
        }
        let mut settings = Self { override_built_in, ..Self::default() };
        for (key, name) in LISTS {
            let Some(list) = reader.list(key) else { continue };
            reader.show(key, Some(list.join(",")));
            if let Some(group) = Privilege::from_name(name) {
                settings.apply(reader, key, group, &list);
            }
            settings.lists.insert(key, list);
        }
        settings
    }

    fn apply(&mut self, reader: &mut Reader, key: &'static str, group: Privilege, list: &[String]) {
        if group.kind() == PrivilegeKind::LevelGroup && self.override_built_in == Some(false) {
            reader.notices.push(format!(
                "{key} is ignored: the built-in privilege groups are not overridden ({}: false)",
                SPELLINGS[0]
            ));
            return;
        }
        let mut members = Vec::new();
        for name in list {
            match member(name) {
                Ok(member) if !members.contains(&member) => members.push(member),
                Ok(_) => {}
                Err(text) => reader.mistake(key, &text),
            }
        }
        self.groups.replace(group, members);
    }
}

/// A member of a list, by its short or its stored name.
fn member(name: &str) -> Result<Privilege, String> {
    let found = Privilege::from_name(name).or_else(|| Privilege::from_name(short_privilege(name)));
    match found {
        Some(privilege) if privilege.kind() == PrivilegeKind::Single => Ok(privilege),
        Some(_) => Err(format!("`{name}` is a group, and groups inside of groups grant nothing")),
        None => Err(format!("`{name}` is no privilege")),
    }
}
