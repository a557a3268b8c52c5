//! How many users and roles there may be, and how long their descriptions.

use std::ops::RangeInclusive;

use super::reader::Reader;
use super::settings::Compat;

/// What the length of descriptions can be limited to. A record must fit into one transaction of
/// every store.
const DESCRIPTION_BYTES: RangeInclusive<usize> = 0..=64 << 10;

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

impl LimitSettings {
    /// Reads the section.
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::defaults(reader.compat);
        let any = 0..=u32::MAX as usize;
        Self {
            max_users: reader.number("proxy.maxUserNum", default.max_users, any.clone()),
            max_roles: reader.number("proxy.maxRoleNum", default.max_roles, any),
            max_user_description: reader.number(
                "proxy.maxUserDescriptionLength",
                default.max_user_description,
                DESCRIPTION_BYTES,
            ),
            max_role_description: reader.number(
                "proxy.maxRoleDescriptionLength",
                default.max_role_description,
                DESCRIPTION_BYTES,
            ),
        }
    }
}
