//! What exists from the first start on, and the way back in when nobody can log in any more.

use super::users::unbind_all;
use super::{Admin, AdminError};
use crate::credential::{Caller, Password, Peer};
use crate::model::{Change, Credential, PasswordHash, PasswordRuleError, ROOT, Record, UserName};
use crate::snapshot::Snapshot;

/// What a start found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Whether `root` was made: only in a store without any user.
    pub root_created: bool,
    /// Whether there are users but no `root`. It is never made then, because whoever removed it
    /// would get it back with a known password.
    pub root_missing: bool,
}

/// Why a start or a reset could not be completed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// The operation was refused or not written.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The configured password of `root` breaks the rule for passwords.
    #[error(
        "the password configured for root may not be set: {0}; change \
         common.security.defaultRootPassword"
    )]
    RootPassword(PasswordRuleError),
    /// The user is not there and is not `root`.
    #[error("there is no user `{0}` in this store; only root is made when it is missing")]
    UnknownUser(String),
}

impl Admin {
    /// Makes what every deployment has: the built-in and the configured roles with their grants
    /// and, in a store without users, `root` with this password. Without a password no `root` is
    /// made. One commit, done once.
    ///
    /// # Errors
    /// The password could not be hashed, or the change was not acknowledged.
    pub async fn bootstrap(
        &self,
        root_password: Option<&Password>,
    ) -> Result<Bootstrap, BootstrapError> {
        let empty = self.snapshots.read().users().len() == 0;
        let hash = match root_password {
            Some(password) if empty => {
                self.rules
                    .password
                    .check_first_of_root(password.as_bytes())
                    .map_err(BootstrapError::RootPassword)?;
                Some(self.hash_locally(password).await?)
            }
            _ => None,
        };
        let admin = self.clone();
        let plan = move |state: &Snapshot| {
            let mut changes = admin.plan_builtin_roles(state);
            let root = match (&hash, UserName::new(ROOT)) {
                (Some(hash), Some(root)) if state.users().len() == 0 => {
                    changes.extend(new_user(state, root, hash.clone()));
                    true
                }
                _ => false,
            };
            let found = Bootstrap {
                root_created: root,
                root_missing: !root && state.users().len() > 0 && state.user(ROOT).is_none(),
            };
            Ok((found, changes))
        };
        let trace =
            self.trace(&Caller::unauthenticated(Peer::LOCAL), "start", "built-in users and roles");
        Ok(self.commit(trace, Ok(plan)).await?)
    }

    /// Sets a password without any other, and makes `root` if it is missing. For the operator who
    /// has the data directory in hand, not for any request.
    ///
    /// # Errors
    /// The password breaks the rule, the user is not there, or the change was not acknowledged.
    pub async fn reset_password(
        &self,
        user: &str,
        password: &Password,
    ) -> Result<(), BootstrapError> {
        self.rules.password.check(password.as_bytes()).map_err(AdminError::from)?;
        let name = &*self.snapshots.get().resolve_user(user).to_owned();
        let unknown = || BootstrapError::UnknownUser(name.to_owned());
        let user = UserName::new(name).ok_or_else(unknown)?;
        if name != ROOT && self.snapshots.read().user(name).is_none() {
            return Err(unknown());
        }
        let hash = self.hash_locally(password).await?;
        let plan = move |state: &Snapshot| {
            let changes = match state.user(user.as_str()) {
                Some(entry) => {
                    let mut credential = entry.credential.clone();
                    credential.hash = hash.clone();
                    vec![Change::Put(Record::User(user.clone(), credential))]
                }
                None => new_user(state, user.clone(), hash.clone()),
            };
            Ok(((), changes))
        };
        let trace = self.trace(&Caller::unauthenticated(Peer::LOCAL), "reset password", name);
        Ok(self.commit(trace, Ok(plan)).await?)
    }

    async fn hash_locally(&self, password: &Password) -> Result<PasswordHash, AdminError> {
        self.verifier.hash(password, Peer::LOCAL).await.map_err(|_| AdminError::Hashing)
    }
}

/// The changes that make a user: without roles, whatever an earlier one of that name left.
fn new_user(state: &Snapshot, user: UserName, hash: PasswordHash) -> Vec<Change> {
    let mut changes = unbind_all(state, &user);
    let credential = Credential { hash, description: None, time_tick: 0 };
    changes.push(Change::Put(Record::User(user, credential)));
    changes
}
