//! Joins a login with the state: says who is calling, or that nobody is.
//!
//! A login that succeeded is remembered as a keyed digest beside the user's hash, so the next one
//! takes no lock and no bcrypt; everything else goes through the pool. Nothing is written here: a
//! hash that should be made anew is handed to the caller, who has a store.

use std::fmt;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::flight::Flights;
use super::hash::{self, COSTS, LongPasswords, Policy, Stored};
use super::pool::Pool;
use super::refused::Refused;
use super::throttle::{FailedLogins, NameDigest, Throttle};
use super::{Caller, CredentialError, Login, Password, Peer, RefusedWhy, StartError};
use crate::clock::{Clock, SystemClock};
use crate::model::{BCRYPT_LIMIT, PasswordHash, UserName};
use crate::snapshot::{SnapshotCell, User};

/// Waiting password checks when nothing is configured: at cost 10 on one thread about twenty
/// seconds of work, more than a client waits.
const DEFAULT_QUEUE: usize = 256;

/// How often a login is verified anew because the user's hash changed meanwhile. Once is usual:
/// another login of the same user has had the hash raised.
const ROUNDS: usize = 3;

/// How to check passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifierOptions {
    /// bcrypt cost of new hashes and of refusals, 4 to 14.
    pub cost: u32,
    /// What becomes of logins with more than 72 bytes of password.
    pub long_passwords: LongPasswords,
    /// Threads for bcrypt; 0 stands for half the processors, at least one.
    pub threads: usize,
    /// How many checks may wait; 0 stands for 256.
    pub queue: usize,
    /// Whether a login with a hash of lower cost asks for a new hash.
    pub raise_cost: bool,
    /// How often a name may fail.
    pub failed_logins: FailedLogins,
}

impl Default for VerifierOptions {
    fn default() -> Self {
        Self {
            cost: 10,
            long_passwords: LongPasswords::Refuse,
            threads: 0,
            queue: 0,
            raise_cost: true,
            failed_logins: FailedLogins::default(),
        }
    }
}

/// A login that succeeded.
#[derive(Debug)]
pub struct Authenticated {
    /// Who is calling.
    pub caller: Caller,
    /// Set if bcrypt has just verified a hash of too low a cost: make a new one in the background.
    pub raise: Option<RaiseCost>,
}

/// A hash that should be made anew at the configured cost. Store the new one only if the user's
/// hash is still `verified`.
#[derive(Debug)]
pub struct RaiseCost {
    /// Whose hash.
    pub user: UserName,
    /// The hash that the password was verified against.
    pub verified: PasswordHash,
    /// The password, to be hashed with [`Verifier::hash`].
    pub password: Password,
}

/// A login that is not remembered.
struct Asked {
    /// The hash that the current snapshot holds for the user, if there is one.
    stored: Option<PasswordHash>,
    /// What this login would be remembered as.
    key: [u8; 32],
}

/// Checks passwords. One for the whole process; its threads end when it is dropped.
pub struct Verifier {
    policy: Policy,
    raise_cost: bool,
    /// Stands in for the hash of a user who is not there.
    decoy: PasswordHash,
    /// HMAC with the key of this process already taken in, to be cloned for each digest.
    keyed: Hmac<Sha256>,
    pool: Pool,
    flights: Flights,
    throttle: Throttle,
}

impl Verifier {
    /// Starts the threads and makes the key.
    ///
    /// # Errors
    /// If the cost is out of range, or the system refuses random bytes or a thread.
    pub fn new(options: VerifierOptions) -> Result<Self, StartError> {
        Self::with_clock(options, Arc::new(SystemClock))
    }

    /// As [`Verifier::new`], by another clock: failed logins are counted by its time since boot.
    ///
    /// # Errors
    /// As [`Verifier::new`].
    pub fn with_clock(options: VerifierOptions, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let VerifierOptions { cost, long_passwords, threads, queue, raise_cost, failed_logins } =
            options;
        if !COSTS.contains(&cost) {
            return Err(StartError::Cost { cost });
        }
        let mut key = Zeroizing::new([0_u8; 64]);
        getrandom::fill(key.as_mut_slice()).map_err(StartError::Random)?;
        let threads = if threads > 0 { threads } else { half_the_processors() };
        let queue = if queue > 0 { queue } else { DEFAULT_QUEUE };
        Ok(Self {
            policy: Policy { cost, long_passwords },
            raise_cost,
            decoy: hash::decoy(cost),
            keyed: Hmac::new((&*key).into()),
            pool: Pool::start(threads, queue).map_err(StartError::Thread)?,
            flights: Flights::new(Refused::new(Arc::clone(&clock))),
            throttle: Throttle::new(failed_logins, clock),
        })
    }

    /// Whether this very login was verified before, against the hash that the entry has now. No
    /// lock, no allocation, no bcrypt. `false` says nothing about the password.
    pub fn verify_cached(&self, user: &User, name: &str, password: &[u8]) -> bool {
        user.login.get().is_some_and(|remembered| {
            let digest = self.digest(name.as_bytes(), Some(&user.credential.hash), password);
            digest.ct_eq(remembered).into()
        })
    }

    /// The caller, if this login is remembered; else [`Verifier::authenticate`] has to be asked.
    pub fn authenticate_cached(
        &self,
        snapshots: &SnapshotCell,
        login: &Login,
        peer: Peer,
    ) -> Option<Caller> {
        self.recall(snapshots, login, peer).ok()
    }

    /// Who is calling, by the hash that the current snapshot holds: a changed password counts and
    /// a dropped user is gone as soon as the snapshot is published, also in the midst of a check.
    ///
    /// # Errors
    /// [`CredentialError::Refused`] after at least one bcrypt at the configured cost, unless this
    /// very login has been refused within the last five seconds; [`CredentialError::Throttled`] at
    /// once if the name has failed too often; [`CredentialError::Busy`] at once if the queue is
    /// full; [`CredentialError::Failed`].
    pub async fn authenticate(
        &self,
        snapshots: &SnapshotCell,
        login: &Login,
        peer: Peer,
    ) -> Result<Authenticated, CredentialError> {
        for _ in 0..ROUNDS {
            let Asked { stored, key } = match self.recall(snapshots, login, peer) {
                Ok(caller) => return Ok(Authenticated { caller, raise: None }),
                Err(asked) => asked,
            };
            let (user, password) = (login.user_bytes(), login.password());
            if !self.check_shared(key, user, stored.as_ref(), password, peer.ip()).await? {
                let why = self.why_refused(stored.as_ref(), password);
                return Err(CredentialError::Refused { why });
            }
            // INVARIANT: only what the current snapshot holds counts and is remembered.
            let snapshot = snapshots.read();
            let Some((name, user)) =
                login.user().and_then(|name| snapshot.user(name).map(|user| (name, user)))
            else {
                return Err(CredentialError::Refused { why: RefusedWhy::UnknownUser });
            };
            if Some(&user.credential.hash) == stored.as_ref()
                && let Some(name) = UserName::new(name)
            {
                return Ok(self.accept(user, name, key, login, peer));
            }
        }
        Err(CredentialError::Refused { why: RefusedWhy::Changed })
    }

    /// Whether the password is that of the user's stored hash, by the rules and at the price of a
    /// login, a wrong one included, but without remembering one that is right. Without a hash the
    /// answer is no, at the same price.
    ///
    /// # Errors
    /// [`CredentialError::Throttled`], [`CredentialError::Busy`] or [`CredentialError::Failed`].
    pub async fn check_password(
        &self,
        user: &str,
        stored: Option<&PasswordHash>,
        password: &Password,
        peer: Peer,
    ) -> Result<bool, CredentialError> {
        let (user, password) = (user.as_bytes(), password.as_bytes());
        let key = self.digest(user, stored, password);
        self.check_shared(key, user, stored, password, peer.ip()).await
    }

    /// Whether the hash is that of this password, for a look at built-in passwords at start: a
    /// plain comparison, which remembers nothing and takes only the time of the hash.
    ///
    /// # Errors
    /// [`CredentialError::Busy`] or [`CredentialError::Failed`].
    pub async fn is_password(
        &self,
        hash: &PasswordHash,
        password: &[u8],
    ) -> Result<bool, CredentialError> {
        let (hash, password) = (hash.clone(), Password::copy_of(password));
        let work =
            move || Stored::parse(&hash).is_some_and(|stored| stored.matches(password.as_bytes()));
        self.pool.run(Peer::LOCAL.ip(), work).await
    }

    /// Hashes a password at the configured cost. Whether it may be set is not asked here.
    ///
    /// # Errors
    /// [`CredentialError::PasswordTooLong`] above 72 bytes, [`CredentialError::Busy`] or
    /// [`CredentialError::Failed`].
    pub async fn hash(
        &self,
        password: &Password,
        peer: Peer,
    ) -> Result<PasswordHash, CredentialError> {
        let cost = self.policy.cost;
        let password = Password::copy_of(password.as_bytes());
        self.pool.run(peer.ip(), move || hash::hash(password.as_bytes(), cost)).await?
    }

    /// Whether a hash should be made anew: it can be read, and its cost is below the configured
    /// one, and that is wanted.
    pub fn needs_raise(&self, hash: &PasswordHash) -> bool {
        self.raise_cost && Stored::parse(hash).is_some_and(|stored| stored.cost < self.policy.cost)
    }

    /// How many jobs the threads have done since the start.
    pub fn jobs_done(&self) -> u64 {
        self.pool.runs()
    }

    /// The caller, if this login is remembered; else what has to be checked. Takes as long for an
    /// unknown user as for one whose login is not remembered, or is another.
    fn recall(&self, snapshots: &SnapshotCell, login: &Login, peer: Peer) -> Result<Caller, Asked> {
        let snapshot = snapshots.read();
        let name = login.user();
        let user = name.and_then(|name| snapshot.user(name));
        let stored = user.map(|user| &user.credential.hash);
        let key = self.digest(login.user_bytes(), stored, login.password());
        let known = user
            .and_then(|user| user.login.get())
            .is_some_and(|remembered| key.ct_eq(remembered).into());
        match name.filter(|_| known).and_then(UserName::new) {
            Some(name) => Ok(Caller::verified(name, peer)),
            None => Err(Asked { stored: stored.cloned(), key }),
        }
    }

    /// Remembers a verified login in the user's current entry.
    fn accept(
        &self,
        user: &User,
        name: UserName,
        digest: [u8; 32],
        login: &Login,
        peer: Peer,
    ) -> Authenticated {
        let hash = &user.credential.hash;
        // Of logins that shared a bcrypt, the first asks for the new hash. A truncated password
        // cannot be hashed again.
        let raise = user.login.get().is_none()
            && login.password().len() <= BCRYPT_LIMIT
            && self.needs_raise(hash);
        user.login.remember(digest);
        let raise = raise.then(|| RaiseCost {
            user: name.clone(),
            verified: hash.clone(),
            password: Password::copy_of(login.password()),
        });
        Authenticated { caller: Caller::verified(name, peer), raise }
    }

    /// Checks a password on the pool, or has the outcome of the same check of somebody else.
    async fn check_shared(
        &self,
        key: [u8; 32],
        user: &[u8],
        stored: Option<&PasswordHash>,
        password: &[u8],
        peer: IpAddr,
    ) -> Result<bool, CredentialError> {
        let begin = || {
            let token = self.throttle.reserve(self.digest_of_name(user))?;
            let (stored, policy, decoy) = (stored.cloned(), self.policy, self.decoy.clone());
            let password = Password::copy_of(password);
            Ok((token, move || hash::check(stored.as_ref(), &decoy, password.as_bytes(), policy)))
        };
        let (ticket, job) = self.flights.join(key, begin)?;
        if let Some(job) = job {
            self.pool.submit(peer, job);
        }
        ticket.outcome().await
    }

    fn why_refused(&self, stored: Option<&PasswordHash>, password: &[u8]) -> RefusedWhy {
        // The decoy is taken apart as well, so that this takes as long for an unknown user.
        let readable = black_box(Stored::parse(stored.unwrap_or(&self.decoy)).is_some());
        match stored.map(|_| readable) {
            None => RefusedWhy::UnknownUser,
            Some(false) => RefusedWhy::UnreadableHash,
            Some(true) if !self.policy.admits(password.len()) => RefusedWhy::TooLong,
            Some(true) => RefusedWhy::WrongPassword,
        }
    }

    /// Stands for a name, known or not. Its first byte is that of no login.
    fn digest_of_name(&self, user: &[u8]) -> NameDigest {
        let mut mac = self.keyed.clone();
        mac.update(&[2]);
        mac.update(user);
        mac.finalize().into_bytes().into()
    }

    /// Stands for a user, a hash and a password; nobody without the key of this process can make
    /// or read it. Every part is preceded by its length, so that no two triples run together.
    fn digest(&self, user: &[u8], hash: Option<&PasswordHash>, password: &[u8]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(&[u8::from(hash.is_some())]);
        // Without a hash the decoy stands in, for the time it takes; the byte above tells them apart.
        for part in [user, hash.unwrap_or(&self.decoy).expose().as_bytes(), password] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("policy", &self.policy).finish_non_exhaustive()
    }
}

fn half_the_processors() -> usize {
    std::thread::available_parallelism().map_or(1, |count| (count.get() / 2).max(1))
}

#[cfg(test)]
mod tests;
