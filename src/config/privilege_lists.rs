//! What Milvus lets an operator configure about its built-in privilege groups. Kept as written.

use std::collections::BTreeMap;

use super::reader::Reader;

/// Contents configured for Milvus's built-in privilege groups. Nothing acts on them yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PrivilegeListSettings {
    /// Whether the lists replace the built-in ones
    /// (`common.security.rbac.overrideBuiltInPrivilegeGroups.enabled`, also in the spelling of
    /// earlier Milvus versions). Default: no.
    pub override_built_in: bool,
    /// The lists that were given, by key, such as
    /// `common.security.rbac.cluster.readonly.privileges`.
    pub lists: BTreeMap<&'static str, Vec<String>>,
}

/// Milvus's keys of the lists.
const LISTS: [&str; 12] = [
    "common.security.admin.privileges",
    "common.security.rbac.cluster.admin.privileges",
    "common.security.rbac.cluster.readonly.privileges",
    "common.security.rbac.cluster.readwrite.privileges",
    "common.security.rbac.collection.admin.privileges",
    "common.security.rbac.collection.readonly.privileges",
    "common.security.rbac.collection.readwrite.privileges",
    "common.security.rbac.database.admin.privileges",
    "common.security.rbac.database.readonly.privileges",
    "common.security.rbac.database.readwrite.privileges",
    "common.security.readonly.privileges",
    "common.security.readwrite.privileges",
];

/// Milvus's key of the switch, now and in earlier versions.
const SPELLINGS: [&str; 2] = [
    "common.security.rbac.overrideBuiltInPrivilegeGroups.enabled",
    "common.security.rbac.overrideBuiltInPrivilgeGroups.enabled",
];

impl PrivilegeListSettings {
    /// Reads the section. Only what was given is shown: the built-in lists are long, and known.
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut lists = BTreeMap::new();
        for key in LISTS {
            if let Some(list) = reader.list(key) {
                reader.show(key, Some(list.join(",")));
                lists.insert(key, list);
            }
        }
        let mut override_built_in = false;
        for key in SPELLINGS {
            if reader.source(key).is_some() && reader.switch(key, false) {
                override_built_in = true;
                reader.notices.push(format!(
                    "{key}: true has no effect yet: the built-in privilege groups stay as they are"
                ));
            }
        }
        Self { override_built_in, lists }
    }
}
