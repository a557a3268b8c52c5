//! The spelling of privileges in stored grants, from and to the short names that calls use.
//!
//! Which of them are privileges is left to [`Privilege`](super::Privilege), which custom groups
//! there are to the state.

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Privilege;

    #[test]
    fn every_privilege_has_its_name_back() {
        for privilege in Privilege::all() {
            assert_eq!(short_privilege(&privilege.stored_name()), privilege.name());
        }
        assert_eq!(short_privilege("*"), "*");
        assert_eq!(short_privilege(&stored_group("Group1")), "Group1");
        assert_eq!(short_privilege("something"), "something");
    }
}
