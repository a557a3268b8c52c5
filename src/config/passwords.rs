//! Which passwords are taken, and how they are hashed.

use super::settings::Compat;
use crate::model::{BCRYPT_LIMIT, PasswordRule};

/// Which passwords are taken, and how they are hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordSettings {
    /// For passwords about to be set (`proxy.minPasswordLength`, `proxy.maxPasswordLength`,
    /// `rbac.passwordClasses`).
    pub rule: PasswordRule,
    /// bcrypt cost of new hashes, 4 to 14 (`rbac.bcryptCost`). Default: 10, as Milvus.
    pub bcrypt_cost: u32,
    /// Threads that compute bcrypt, at least 1 (`rbac.bcryptThreads`). Default, also of 0: half
    /// the processors, so that the rest goes on answering.
    pub bcrypt_threads: usize,
    /// How many bcrypt computations may wait for a thread (`rbac.bcryptQueue`), at least 1; one
    /// more is refused. Default: 256.
    pub bcrypt_queue: usize,
    /// Whether a hash of lower cost is replaced after a login that verified
    /// (`rbac.raiseHashCost`). Default: yes; no in `compat: milvus`.
    pub raise_hash_cost: bool,
    /// Whether a login with more than 72 bytes is cut to 72, which stores filled by an old Milvus
    /// need, and not refused (`rbac.truncateLongPasswords`). Default: no; yes in `compat: milvus`.
    pub truncate_long_passwords: bool,
    /// Whether `root` and members of `admin` may set another user's password without the old one
    /// (`rbac.adminResetsPasswords`). Default: yes; no in `compat: milvus`.
    pub admin_resets_passwords: bool,
}

impl PasswordSettings {
    /// The values when nothing is configured.
    pub fn defaults(compat: Compat) -> Self {
        let milvus = compat == Compat::Milvus;
        let rule = if milvus {
            PasswordRule { min: 6, max: BCRYPT_LIMIT, classes: 0 }
        } else {
            PasswordRule { min: 8, max: 64, classes: 3 }
        };
        Self {
            rule,
            bcrypt_cost: 10,
            bcrypt_threads: half_the_processors(),
            bcrypt_queue: 256,
            raise_hash_cost: !milvus,
            truncate_long_passwords: milvus,
            admin_resets_passwords: !milvus,
        }
    }
}

/// At least one.
fn half_the_processors() -> usize {
    std::thread::available_parallelism().map_or(1, |all| (all.get() / 2).max(1))
}
