//! bcrypt: makes hashes, and checks passwords against stored ones at an even price.
//!
//! The only file that calls bcrypt. Everything here blocks for milliseconds to seconds; it runs
//! on the threads of `pool.rs`. Which hash a user has is the verifier's business.

use std::hint::black_box;
use std::ops::RangeInclusive;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::CredentialError;
use crate::model::{BCRYPT_LIMIT, PasswordHash};

/// Costs at which a stored hash is accepted. Below 4 there is no bcrypt; above 14 one check takes
/// seconds, so that a planted hash could hold a thread.
pub(super) const COSTS: RangeInclusive<u32> = 4..=14;

/// Some writers leave rubbish in the four bits that a salt does not fill; Go ignores them.
const SALT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// What becomes of a login whose password has more than 72 bytes, which bcrypt cannot see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LongPasswords {
    /// It is refused.
    #[default]
    Refuse,
    /// The first 72 bytes count, as in Milvus.
    Truncate,
}

/// How passwords are checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    /// Cost that every refusal comes to, and of new hashes.
    pub(super) cost: u32,
    /// See [`LongPasswords`].
    pub(super) long_passwords: LongPasswords,
}

impl Policy {
    /// Whether a password of this many bytes may be right.
    pub(super) fn admits(self, length: usize) -> bool {
        self.long_passwords == LongPasswords::Truncate || length <= BCRYPT_LIMIT
    }
}

/// A stored hash, taken apart.
pub(super) struct Stored {
    /// Base-2 logarithm of the rounds.
    pub(super) cost: u32,
    salt: [u8; 16],
    digest: [u8; 23],
}

impl Stored {
    /// Reads `$2a$`, `$2b$` or `$2y$` of an accepted cost; `None` for everything else.
    pub(super) fn parse(hash: &PasswordHash) -> Option<Self> {
        let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|p| hash.expose().strip_prefix(p))?;
        let (cost, rest) = rest.split_once('$')?;
        // Two digits exactly: parsing alone would take a sign.
        let digits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
        let cost = digits.then_some(cost)?.parse().ok().filter(|cost| COSTS.contains(cost))?;
        let (salt_text, digest_text) = rest.split_at_checked(22)?;
        let (mut salt, mut digest) = ([0; 16], [0; 23]);
        let salt_length = SALT.decode_slice(salt_text, &mut salt).ok()?;
        let digest_length = bcrypt::BASE_64.decode_slice(digest_text, &mut digest).ok()?;
        (salt_length == 16 && digest_length == 23).then_some(Self { cost, salt, digest })
    }

    /// Whether the first 72 bytes of the password are those of the hash. Costs one bcrypt at the
    /// cost of the hash.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        digest(self.cost, self.salt, password).ct_eq(&self.digest).into()
    }
}

/// Whether passwords can be verified against a stored hash: bcrypt in a form and of a cost that is
/// accepted.
#[must_use]
pub fn is_usable_hash(hash: &PasswordHash) -> bool {
    Stored::parse(hash).is_some()
}

/// Makes a `$2a$` hash with a random salt.
///
/// # Errors
/// If the password has more than 72 bytes, or there is no randomness.
pub(super) fn hash(password: &[u8], cost: u32) -> Result<PasswordHash, CredentialError> {
    if password.len() > BCRYPT_LIMIT {
        return Err(CredentialError::PasswordTooLong);
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)
        .map_err(|_| CredentialError::Failed { what: "no random bytes for a salt" })?;
    let digest = digest(cost, salt, password);
    let (salt, digest) = (SALT.encode(salt), bcrypt::BASE_64.encode(digest));
    Ok(PasswordHash::new(&format!("$2a${cost:02}${salt}{digest}")))
}

/// A hash that stands in where there is none, for the time that it takes to read and check one.
/// Whoever is checked against it is refused, whatever comes out.
pub(super) fn decoy(cost: u32) -> PasswordHash {
    let (salt, digest) = (SALT.encode([0x5a; 16]), bcrypt::BASE_64.encode([0x5a; 23]));
    PasswordHash::new(&format!("$2a${cost:02}${salt}{digest}"))
}

/// Whether the password is that of the stored hash. A refusal costs what one bcrypt at the
/// configured cost costs, also without a hash, or with one that cannot be read or is cheaper;
/// only a hash of a higher cost takes longer. The decoy is a hash of the configured cost.
pub(super) fn check(
    stored: Option<&PasswordHash>,
    decoy: &PasswordHash,
    password: &[u8],
    policy: Policy,
) -> bool {
    let exists = stored.is_some();
    let Some(stored) = Stored::parse(stored.unwrap_or(decoy)) else {
        burn(policy.cost, password);
        return false;
    };
    // Not short-circuited: a password that is too long costs the same as one that is wrong, and a
    // user who is not there as much as one who is.
    if stored.matches(password) & policy.admits(password.len()) & exists {
        return true;
    }
    // Each step of cost doubles the work, so 2^low + (2^low + … + 2^(high-1)) = 2^high: the
    // refusal takes as long as that of an unknown user, neither less nor more.
    for cost in stored.cost..policy.cost {
        burn(cost, password);
    }
    false
}

/// Spends what a bcrypt costs.
fn burn(cost: u32, password: &[u8]) {
    black_box(digest(cost, [0x5a; 16], password));
}

/// The raw bcrypt of the first 72 bytes of a password. Unlike in C, NUL bytes count, as in Go.
fn digest(cost: u32, salt: [u8; 16], password: &[u8]) -> [u8; 23] {
    let mut key = Zeroizing::new([0_u8; BCRYPT_LIMIT]);
    for (to, from) in key.iter_mut().zip(password) {
        *to = *from;
    }
    // The NUL that ends the key belongs to it, unless there is no room left.
    let used = key.get(..=password.len()).unwrap_or(key.as_slice());
    #[cfg(test)]
    tests::count(cost);
    #[expect(clippy::disallowed_methods, reason = "this is the one file that may; see its head")]
    let [digest @ .., _] = bcrypt::bcrypt(cost, salt, used);
    digest
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// Rounds of bcrypt on this thread; what a check costs, without a stopwatch.
        static ROUNDS: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn count(cost: u32) {
        ROUNDS.set(ROUNDS.get() + (1 << cost));
    }

    const REFUSE: Policy = Policy { cost: 4, long_passwords: LongPasswords::Refuse };
    const TRUNCATE: Policy = Policy { long_passwords: LongPasswords::Truncate, ..REFUSE };

    fn accepts(hash: &str, password: &[u8]) -> bool {
        check(Some(&PasswordHash::new(hash)), password, REFUSE)
    }

    fn check(stored: Option<&PasswordHash>, password: &[u8], policy: Policy) -> bool {
        super::check(stored, &decoy(policy.cost), password, policy)
    }

    #[test]
    fn a_user_who_is_not_there_is_refused_even_if_the_decoy_matches() {
        let decoy = decoy(4);
        assert_eq!(Stored::parse(&decoy).unwrap().cost, 4);
        let matching = hash(b"Milvus", 4).unwrap();
        assert!(super::check(Some(&matching), &decoy, b"Milvus", REFUSE));
        assert!(!super::check(None, &matching, b"Milvus", REFUSE));
    }

    #[test]
    fn hashes_made_by_go_verify() {
        let x71 = "x".repeat(71);
        let x72 = "x".repeat(72);
        let edge = "é".repeat(36);
        // Made by golang.org/x/crypto/bcrypt.
        let table: [(&[u8], &str); 11] = [
            (b"", "$2a$04$luIo9W66njJNLF5G9lCjm.U9urfXiaD1BtHqtEYRRCSYiUwN./nOW"),
            (b"\0", "$2a$05$BdUg1bDlltfUf.v8lqEZyOmEvk/ExbW9gHBFv.Eoiy7C890mE4iAG"),
            (b"a\0b", "$2a$05$oDXuWhGLEBv3p1gynH/5TuCK1wb5NAnxZg0hZtZ47ltwexEsv.ELe"),
            (b"a\0", "$2a$04$sySPy8QOrqmg1t.wek2JgOESlybT//Q3bpcMn9L/rv.TC6FhKTl0m"),
            (b"a", "$2a$05$5r/JUTUbVj.bx5XyHRe1hezuHuUpnJR/iMKokqE6hylVgH9P45OqW"),
            (b"Milvus", "$2a$04$6/wrFg5mb5KSIqTEPHOG.uvZ9i05v2wzxZ7osr9imEbZ9O/W6u6ze"),
            ("pässwörd".as_bytes(), "$2a$04$9leLyyveug1hRJ8SqVFs9.ZTVc38ppUubxVTS3W5N/f2zdFu8rvY2"),
            (b"\xff\xfe", "$2a$04$wL6n6vOO2BJPci3jdJF4TOVCnmGC4/7ttTHz0oTz4V3fszVj0NKEe"),
            (x71.as_bytes(), "$2a$05$xa0iL9f5d8k2QuV99SeFderA0YrTcsI1K9vb1i/68HB1j1JBpDW6a"),
            (x72.as_bytes(), "$2a$04$/uYaEAcv7Hrj3IHUcMTMgu044wqeh5RSwtINYGevJTm8P.UP7Ay/W"),
            (edge.as_bytes(), "$2a$04$gJ78JuH7pjcN5gYpPjtmeeJgV2BZ/MlkGzgCf.vZwAQ1Ue4DN9P.."),
        ];
        for (password, hash) in table {
            assert!(accepts(hash, password), "{password:?}");
            for (other, _) in table.iter().filter(|(other, _)| *other != password) {
                // A key is repeated with its NUL until it fills 72 bytes, so these two are one.
                let alike = [password, *other].iter().all(|key| matches!(*key, b"" | b"\0"));
                assert_eq!(accepts(hash, other), alike, "{other:?} for {password:?}");
            }
        }
    }

    #[test]
    fn a_nul_does_not_end_a_password() {
        let hash = "$2a$05$oDXuWhGLEBv3p1gynH/5TuCK1wb5NAnxZg0hZtZ47ltwexEsv.ELe";
        assert!(accepts(hash, b"a\0b"));
        for other in [&b"a"[..], b"a\0", b"a\0a", b"a\0c"] {
            assert!(!accepts(hash, other), "{other:?}");
        }
    }

    #[test]
    fn a_password_repeated_after_a_nul_is_the_same_as_in_go() {
        let milvus = "$2a$04$6/wrFg5mb5KSIqTEPHOG.uvZ9i05v2wzxZ7osr9imEbZ9O/W6u6ze";
        assert!(accepts(milvus, b"Milvus\0Milvus"));
        assert!(!accepts(milvus, b"Milvus\0") && !accepts(milvus, b"MilvusMilvus"));
    }

    #[test]
    fn bytes_beyond_72_are_refused_or_ignored_as_the_policy_says() {
        let x72 = "x".repeat(72);
        let hash = hash(x72.as_bytes(), 4).unwrap();
        let longer = format!("{x72}tail");
        assert!(check(Some(&hash), x72.as_bytes(), REFUSE));
        assert!(!check(Some(&hash), longer.as_bytes(), REFUSE));
        assert!(check(Some(&hash), longer.as_bytes(), TRUNCATE));
        assert!(!check(Some(&hash), format!("y{longer}").as_bytes(), TRUNCATE));
        assert_eq!(
            super::hash(longer.as_bytes(), 4).unwrap_err(),
            CredentialError::PasswordTooLong
        );
    }

    #[test]
    fn only_three_prefixes_of_cost_4_to_14_verify() {
        let tail = "04$6/wrFg5mb5KSIqTEPHOG.uvZ9i05v2wzxZ7osr9imEbZ9O/W6u6ze";
        for prefix in ["$2a$", "$2b$", "$2y$"] {
            assert!(accepts(&format!("{prefix}{tail}"), b"Milvus"), "{prefix}");
        }
        let cost_14 = "$2a$14$4kh5frtVb6d315FTe.v1r.qF0nejZTuv/eddaEh7l3FR9Cdazj52i";
        assert_eq!(Stored::parse(&PasswordHash::new(cost_14)).unwrap().cost, 14);
        let tail_of_15 = "15$M3wbbBqjYF26HWntUDNwKuWz4W2JOoTGugJjyyrCDYqSu6AkmSsIe";
        let unreadable = [
            String::new(),
            "Milvus".into(),
            tail.into(),
            format!("$2${tail}"),
            format!("$2x${tail}"),
            format!("$2c${tail}"),
            format!("$1a${tail}"),
            format!("$2a${tail_of_15}"),
            format!("$2a$03{}", &tail[2..]),
            format!("$2a$+4{}", &tail[2..]),
            format!("$2a$4{}", &tail[2..]),
            format!("$2a${tail}x"),
            format!("$2a${}", &tail[..tail.len() - 1]),
            format!("$2a${}é", &tail[..tail.len() - 2]),
            format!("$2a$04$6/wrFg5mb5KSIqTEPHOG{}", "é".repeat(16)),
            // Rubbish in the spare bits of the digest, which Go refuses too.
            format!("$2a${}f", &tail[..tail.len() - 1]),
        ];
        for hash in unreadable {
            assert!(Stored::parse(&PasswordHash::new(&hash)).is_none(), "{hash}");
            assert!(!accepts(&hash, b"Milvus"), "{hash}");
        }
        assert!(!check(None, b"Milvus", REFUSE));
    }

    #[test]
    fn spare_bits_of_a_salt_do_not_count_as_in_go() {
        let hash = "$2a$04$6/wrFg5mb5KSIqTEPHOG.zvZ9i05v2wzxZ7osr9imEbZ9O/W6u6ze";
        assert!(accepts(hash, b"Milvus"));
    }

    #[test]
    fn every_refusal_costs_one_bcrypt_at_the_configured_cost() {
        let policy = Policy { cost: 7, ..REFUSE };
        let long = [b'x'; 73];
        let hashes: Vec<_> = (4..=7).map(|cost| hash(b"right", cost).unwrap()).collect();
        let unreadable = PasswordHash::new("$2x$nothing");
        let stored = hashes.iter().map(Some).chain([None, Some(&unreadable)]);
        for stored in stored {
            for password in [&b"wrong"[..], b"", &long] {
                let before = ROUNDS.get();
                assert!(!check(stored, password, policy));
                assert_eq!(ROUNDS.get() - before, 1 << 7, "{:?}", stored.map(PasswordHash::expose));
            }
        }
        let dearer = hash(b"right", 8).unwrap();
        let before = ROUNDS.get();
        assert!(!check(Some(&dearer), b"wrong", policy));
        assert_eq!(ROUNDS.get() - before, 1 << 8);
    }

    #[test]
    fn a_new_hash_has_the_prefix_the_cost_and_a_salt_of_its_own() {
        let one = hash(b"P@ssw0rd", 5).unwrap();
        let two = hash(b"P@ssw0rd", 5).unwrap();
        assert!(one.expose().starts_with("$2a$05$") && one.expose().len() == 60);
        assert_ne!(one, two);
        assert!(accepts(one.expose(), b"P@ssw0rd") && !accepts(one.expose(), b"P@ssw0rD"));
    }
}
