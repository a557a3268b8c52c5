//! How many users and roles there may be, and how long their descriptions.

use super::settings::Compat;

/// How many and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitSettings {
    /// Most users, `root` counted (`proxy.maxUserNum`); 0 is no limit. Default: 0; 100 in
    /// `compat: milvus`.
    pub max_users: usize,
    /// Most roles, `admin` and `public` counted (`proxy.maxRoleNum`); 0 is no limit. Default: 0;
    /// 10 in `compat: milvus`.
    pub max_roles: usize,
    /// Longest description of a user, in bytes (`proxy.maxUserDescriptionLength`). Default: 1024.
    pub max_user_description: usize,
    /// Longest description of a role, in bytes (`proxy.maxRoleDescriptionLength`). Default: 1024.
    pub max_role_description: usize,
}

impl LimitSettings {
    /// The values when nothing is configured.
    pub fn defaults(compat: Compat) -> Self {
        let (max_users, max_roles) = match compat {
            Compat::Documented => (0, 0),
            Compat::Milvus => (100, 10),
        };
        Self { max_users, max_roles, max_user_description: 1024, max_role_description: 1024 }
    }
}
