//! Names of users and roles as the state holds them.
//!
//! A value of these types can stand in a store key: it is not empty and has no slash. Whether a
//! name may be *created* is a stricter question, answered by `name_rule.rs`; stores written by
//! others hold names that today's rules refuse, and those must go on working.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name, or `None` if it is empty or has a slash and so cannot be a key.
            #[must_use]
            pub fn new(text: &str) -> Option<Self> {
                (!text.is_empty() && !text.contains('/')).then(|| Self(Arc::from(text)))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

name_type! {
    /// Name of a user. Compared byte by byte; case matters.
    UserName
}

name_type! {
    /// Name of a role. Compared byte by byte; case matters.
    RoleName
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_a_key_is_not_made() {
        assert!(UserName::new("").is_none());
        assert!(UserName::new("a/b").is_none());
        assert!(RoleName::new("/").is_none());
        assert_eq!(UserName::new(" root ").unwrap().as_str(), " root ");
    }

    #[test]
    fn names_that_differ_in_case_are_different() {
        assert_ne!(UserName::new("root"), UserName::new("Root"));
        assert!(UserName::new("Z") < UserName::new("a"));
    }
}
