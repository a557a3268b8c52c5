//! What Milvus lets an operator configure about its built-in privilege groups. Kept as written.

use std::collections::BTreeMap;

/// Contents configured for Milvus's built-in privilege groups. Nothing acts on them yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PrivilegeListSettings {
    /// Whether the lists replace the built-in ones
    /// (`common.security.rbac.overrideBuiltInPrivilgeGroups.enabled`, Milvus's spelling). Default:
    /// no.
    pub override_built_in: bool,
    /// The lists that were given, by key, such as
    /// `common.security.rbac.cluster.readonly.privileges`.
    pub lists: BTreeMap<&'static str, Vec<String>>,
}
