//! Which names are taken: a narrow rule where a name is created, a wide one where it is looked up.

use super::reader::{Reader, one};
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

impl NameSettings {
    /// Reads the rules.
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::defaults(reader.compat);
        let most_bytes = 1..=u16::MAX.into();
        let name_bytes = reader.number("proxy.maxNameLength", NAME_BYTES, most_bytes.clone());
        let user = UserNameRule {
            max_length: reader.number("proxy.maxUsernameLength", USER_NAME_BYTES, most_bytes),
            punctuation: reader
                .switch("rbac.userNamePunctuation", default.user_created.punctuation),
        };
        let role = NameRule {
            max_length: name_bytes,
            underscore_first: reader
                .switch("rbac.roleNameUnderscoreFirst", default.role_created.underscore_first),
            allowed: allowed(
                reader,
                "proxy.roleNameValidation.allowedChars",
                default.role_created.allowed,
            ),
            trimmed: reader.switch("rbac.roleNameTrimmed", default.role_created.trimmed),
        };
        let object = NameRule {
            max_length: name_bytes,
            allowed: allowed(reader, "proxy.nameValidation.allowedChars", default.object.allowed),
            ..default.object
        };
        Self::of(user, role, object)
    }
}

/// Characters allowed in names beside letters, digits and underscore.
fn allowed(reader: &mut Reader, key: &'static str, default: String) -> String {
    let read = reader.read(key, |value| one(value, punctuation));
    let characters = read.unwrap_or(default);
    reader.show(key, Some(characters.clone()));
    characters
}

/// Names are split, matched and logged by characters that must not be in them.
fn punctuation(text: &str) -> Result<String, String> {
    match text.chars().find(|found| !found.is_ascii_punctuation() || matches!(found, '*' | '/')) {
        None => Ok(text.to_owned()),
        Some(found) => Err(format!(
            "`{found}` cannot be allowed in names; ASCII punctuation can, except `*` and `/`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NameKind;

    #[test]
    fn what_may_be_created_may_also_be_looked_up_in_both_modes() {
        for compat in [Compat::Documented, Compat::Milvus] {
            let names = NameSettings::defaults(compat);
            for name in ["_a$b", "plain"] {
                assert!(names.role_looked_up.check(NameKind::Role, name).is_ok(), "{name}");
            }
            assert!(names.user_looked_up.check("a-b.c").is_ok());
        }
        let page = NameSettings::defaults(Compat::Documented);
        assert!(page.role_created.check(NameKind::Role, "_a").is_err());
        assert!(page.role_created.check(NameKind::Role, "a$").is_err());
        assert!(page.user_created.check("a-b").is_err());
        let milvus = NameSettings::defaults(Compat::Milvus);
        assert!(milvus.role_created.check(NameKind::Role, "_a$").is_ok());
        assert!(milvus.user_created.check("a-b.c").is_ok());
    }

    #[test]
    fn characters_with_a_meaning_of_their_own_cannot_be_allowed() {
        assert_eq!(punctuation("$-."), Ok("$-.".to_owned()));
        assert_eq!(punctuation(""), Ok(String::new()));
        for text in ["*", "/", " ", "é", "a", "\0"] {
            assert!(punctuation(text).is_err(), "{text:?}");
        }
    }
}
