//! What the operator can set about decisions.

use super::{Need, Requirement};

/// Settings that change decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Rules {
    /// Whether anything is checked at all. Off only on the operator's explicit word; what nobody
    /// may is refused all the same.
    pub enforced: bool,
    /// Whether metrics and polling by id are open to every user, which is the one difference between
    /// the two columns of the table.
    pub open_polling: bool,
    /// Whether `root` needs roles like anybody else (`common.security.rootShouldBindRole`).
    pub root_needs_role: bool,
    /// Whether health checks need no login.
    pub open_health: bool,
    /// Whether everybody holds `public`, without being bound to it.
    pub public_role: bool,
    /// Whether the grants of a role that does not exist count for those who are bound to it, as
    /// in Milvus.
    pub ghost_roles: bool,
}

impl Rules {
    /// Those of `compat: documented`, with nothing else set.
    pub const DOCUMENTED: Self = Self {
        enforced: true,
        open_polling: false,
        root_needs_role: false,
        open_health: true,
        public_role: false,
        ghost_roles: false,
    };

    /// What the RPC needs under these rules.
    #[must_use]
    pub fn need(self, requirement: &Requirement) -> Need {
        if self.open_polling { requirement.milvus } else { requirement.documented }
    }
}
