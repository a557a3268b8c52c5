//! What exists from the first start on, and the way back in when nobody can log in any more.

use super::{Admin, AdminError, finished};
use crate::credential::{Password, Peer};
use crate::model::{Change, Credential, PasswordHash, ROOT, Record, UserName};
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
    /// The user is not there and is not `root`.
    #[error("there is no user `{0}` in this store; only root is made when it is missing")]
    UnknownUser(String),
}

impl Admin {
    /// Makes what every deployment has: the built-in and the configured roles with their grants
    /// and, in a store without users, `root` with this password. Without a password no `root` is made. One commit, done once.
    ///
    /// # Errors
    /// The password could not be hashed, or the change was not acknowledged.
    pub async fn bootstrap(
        &self,
        root_password: Option<&Password>,
    ) -> Result<Bootstrap, BootstrapError> {
        let empty = self.snapshots.read().users().len() == 0;
        let hash = match root_password {
            Some(password) if empty => Some(self.hash_locally(password).await?),
            _ => None,
        };
        let admin = self.clone();
        let plan = move |state: &Snapshot| {
            let mut changes = admin.plan_builtin_roles(state);
            let root = match (&hash, UserName::new(ROOT)) {
                (Some(hash), Some(root)) if state.users().len() == 0 => {
                    changes.push(put_user(root, hash.clone()));
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
        Ok(finished(self.writer.submit(plan).await)?.value)
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
        let name = user.trim();
        let unknown = || BootstrapError::UnknownUser(name.to_owned());
        let user = UserName::new(name).ok_or_else(unknown)?;
        if name != ROOT && self.snapshots.read().user(name).is_none() {
            return Err(unknown());
        }
        let hash = self.hash_locally(password).await?;
        let plan = move |state: &Snapshot| {
            let change = match state.user(user.as_str()) {
                Some(entry) => {
                    let mut credential = entry.credential.clone();
                    credential.hash = hash.clone();
                    Change::Put(Record::User(user.clone(), credential))
                }
                None => put_user(user.clone(), hash.clone()),
            };
            Ok(((), vec![change]))
        };
        finished(self.writer.submit(plan).await)?;
        Ok(())
    }

    async fn hash_locally(&self, password: &Password) -> Result<PasswordHash, AdminError> {
        self.verifier.hash(password, Peer::LOCAL).await.map_err(|_| AdminError::Hashing)
    }
}

fn put_user(user: UserName, hash: PasswordHash) -> Change {
    Change::Put(Record::User(user, Credential { hash, description: None, time_tick: 0 }))
}
