//! Which passwords are taken, and how they are hashed.

use super::reader::{Reader, one};
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
    /// How many failed logins a user name may have in a row before more of them are refused
    /// unchecked (`rbac.failedLogins.burst`), at most 1,000,000; 0 switches that off. Default: 100.
    pub failed_logins_burst: u32,
    /// How many it may have a minute from then on (`rbac.failedLogins.perMinute`), 1 to 60,000.
    /// Default: 10.
    pub failed_logins_per_minute: u32,
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
            failed_logins_burst: 100,
            failed_logins_per_minute: 10,
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

impl PasswordSettings {
    /// Reads the section.
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::defaults(reader.compat);
        let threads = reader.number("rbac.bcryptThreads", 0, 0..=1024);
        Self {
            rule: read_rule(reader, default.rule),
            bcrypt_cost: reader.number("rbac.bcryptCost", default.bcrypt_cost, 4..=14),
            bcrypt_threads: if threads == 0 { default.bcrypt_threads } else { threads },
            bcrypt_queue: reader.number("rbac.bcryptQueue", default.bcrypt_queue, 1..=1_000_000),
            failed_logins_burst: reader.number(
                "rbac.failedLogins.burst",
                default.failed_logins_burst,
                0..=1_000_000,
            ),
            failed_logins_per_minute: reader.number(
                "rbac.failedLogins.perMinute",
                default.failed_logins_per_minute,
                1..=60_000,
            ),
            raise_hash_cost: reader.switch("rbac.raiseHashCost", default.raise_hash_cost),
            truncate_long_passwords: reader
                .switch("rbac.truncateLongPasswords", default.truncate_long_passwords),
            admin_resets_passwords: reader
                .switch("rbac.adminResetsPasswords", default.admin_resets_passwords),
        }
    }
}

fn read_rule(reader: &mut Reader, default: PasswordRule) -> PasswordRule {
    const MIN: &str = "proxy.minPasswordLength";
    const MAX: &str = "proxy.maxPasswordLength";
    let rule = PasswordRule {
        min: reader.number(MIN, default.min, 1..=BCRYPT_LIMIT),
        max: read_most(reader, MAX, default.max),
        classes: reader.number("rbac.passwordClasses", default.classes, 0..=4),
    };
    if rule.min > rule.max {
        let key = if reader.source(MIN).is_some() { MIN } else { MAX };
        let text = format!(
            "passwords of at least {} and at most {} characters cannot be; set both {MIN} and {MAX}",
            rule.min, rule.max
        );
        reader.mistake(key, &text);
    }
    rule
}

/// The longest password. As in Milvus, whose older files say 256, a length that bcrypt cannot
/// take stands for the longest that it can.
fn read_most(reader: &mut Reader, key: &'static str, default: usize) -> usize {
    let written = reader.read(key, |value| {
        one(value, |text| {
            text.parse::<i64>().map_err(|_| format!("`{text}` is not a whole number"))
        })
    });
    let most = written.map_or(default, |written| {
        usize::try_from(written)
            .ok()
            .filter(|most| (1..=BCRYPT_LIMIT).contains(most))
            .unwrap_or_else(|| {
                reader.notices.push(format!(
                    "{key}: {written} stands for {BCRYPT_LIMIT}, the most that bcrypt takes"
                ));
                BCRYPT_LIMIT
            })
    });
    reader.show(key, Some(most.to_string()));
    most
}
