//! Which names are taken: a narrow rule where a name is created, a wide one where it is looked up.

use super::settings::Compat;
use crate::model::{NameRule, UserNameRule};

/// Most bytes of a user name in Milvus.
const USER_NAME_BYTES: usize = 32;
/// Most bytes of any other name in Milvus.
const NAME_BYTES: usize = 255;
/// What Milvus allows in names beside letters, digits and underscore.
const MILVUS_ALLOWED: &str = "$";

/// Which names are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameSettings {
    /// For users about to be created (`proxy.maxUsernameLength`, `rbac.userNamePunctuation`).
    pub user_created: UserNameRule,
    /// For users in all other requests: never narrower than Milvus, so that stores written by
    /// others work.
    pub user_looked_up: UserNameRule,
    /// For roles about to be created (`proxy.maxNameLength`, `rbac.roleNameUnderscoreFirst`,
    /// `rbac.roleNameTrimmed`, `proxy.roleNameValidation.allowedChars`).
    pub role_created: NameRule,
    /// For roles in all other requests: never narrower than Milvus.
    pub role_looked_up: NameRule,
    /// For objects, collections, databases, privileges and privilege groups in requests
    /// (`proxy.maxNameLength`, `proxy.nameValidation.allowedChars`).
    pub object: NameRule,
}

impl NameSettings {
    /// The rules when nothing is configured.
    pub fn defaults(compat: Compat) -> Self {
        let milvus = compat == Compat::Milvus;
        let user = UserNameRule { max_length: USER_NAME_BYTES, punctuation: milvus };
        let role = NameRule {
            max_length: NAME_BYTES,
            underscore_first: milvus,
            allowed: if milvus { MILVUS_ALLOWED.to_owned() } else { String::new() },
            trimmed: milvus,
        };
        let object = NameRule {
            max_length: NAME_BYTES,
            underscore_first: true,
            allowed: MILVUS_ALLOWED.to_owned(),
            trimmed: true,
        };
        Self::of(user, role, object)
    }

    /// Adds the rules for looking up, which must take every name that the rules for creating
    /// take and every name that Milvus takes.
    fn of(user: UserNameRule, role: NameRule, object: NameRule) -> Self {
        let mut allowed = role.allowed.clone();
        allowed.extend(MILVUS_ALLOWED.chars().filter(|&extra| !role.allowed.contains(extra)));
        Self {
            user_looked_up: UserNameRule {
                max_length: user.max_length.max(USER_NAME_BYTES),
                punctuation: true,
            },
            role_looked_up: NameRule {
                max_length: role.max_length.max(NAME_BYTES),
                underscore_first: true,
                allowed,
                trimmed: true,
            },
            user_created: user,
            role_created: role,
            object,
        }
    }
}
