//! The spelling of privileges in stored grants, from and to the short names that calls use.
//!
//! Which of them are privileges is left to [`Privilege`], which custom groups there are to the
//! state.

use super::Privilege;

/// What stands before the name of a group.
const GROUP: &str = "PrivilegeGroup";
/// What stands before the name of a single privilege.
const SINGLE: &str = "Privilege";

/// The short name of a stored privilege or group: `Search` of `PrivilegeSearch`. `*`, and what
/// follows neither spelling, is its own name.
#[must_use]
pub fn short_privilege(stored: &str) -> &str {
    // The longer prefix first: no single privilege begins with `Group`.
    stored.strip_prefix(GROUP).or_else(|| stored.strip_prefix(SINGLE)).unwrap_or(stored)
}

/// How a custom group is spelt in a stored grant.
#[must_use]
pub fn stored_group(name: &str) -> String {
    format!("{GROUP}{name}")
}

/// The custom group that a stored privilege names, whether or not there is one of that name;
/// `None` for a single privilege or a built-in group.
#[must_use]
pub fn custom_group(stored: &str) -> Option<&str> {
    let name = stored.strip_prefix(GROUP)?;
    let is_built_in = Privilege::from_name(name).is_some_and(Privilege::is_group);
    (!is_built_in).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_privilege_has_its_name_back() {
        for privilege in Privilege::all() {
            assert_eq!(short_privilege(&privilege.stored_name()), privilege.name());
        }
        assert_eq!(short_privilege("*"), "*");
        assert_eq!(short_privilege(&stored_group("Group1")), "Group1");
        assert_eq!(short_privilege("something"), "something");
    }

    #[test]
    fn what_names_a_custom_group_is_none_of_ours() {
        assert!(Privilege::all().all(|one| custom_group(&one.stored_name()).is_none()));
        for stored in ["*", "", "something", "PrivilegeNope", "group"] {
            assert_eq!(custom_group(stored), None, "{stored}");
        }
        // Only a built-in group keeps its name from others.
        for name in ["g", "Group1", "Search", "All", ""] {
            assert_eq!(custom_group(&stored_group(name)), Some(name));
        }
    }
}
