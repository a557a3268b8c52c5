//! Making, changing, deleting and listing users.

use super::{Admin, AdminError, GivenPassword, Planned};
use crate::credential::{Caller, CredentialError, Password};
use crate::model::{
    Change, Credential, NameError, PasswordHash, ROOT, Record, RecordKey, UserName,
};
use crate::snapshot::Snapshot;
use crate::writer::Plan;

/// A user to be made.
#[derive(Debug)]
pub struct NewUser {
    /// The name; trimmed before it is checked.
    pub name: String,
    /// The password.
    pub password: GivenPassword,
    /// Free text, if any was given.
    pub description: Option<String>,
}

/// What is to change about a user.
#[derive(Debug)]
pub struct UserUpdate {
    /// The name; trimmed before it is looked up.
    pub name: String,
    /// The present password.
    pub old_password: GivenPassword,
    /// The password to be; empty leaves it as it is.
    pub new_password: GivenPassword,
    /// The description to be; absent leaves it as it is.
    pub description: Option<String>,
}

/// What an update came to be, once it had been checked.
struct WantedUpdate {
    name: String,
    /// The present one and the one to be.
    passwords: Option<(Password, Password)>,
    description: Option<String>,
}

/// What entitles to a new password.
enum Basis {
    /// There is no new password.
    None,
    /// The old one, which was verified against this hash.
    Hash(PasswordHash),
    /// A right of the caller; whether the old password was left out, which some rights ask for.
    Right(bool),
}

/// Whether an update was made.
#[derive(PartialEq)]
enum Applied {
    Yes,
    /// The hash is another one than the one that was checked.
    HashChanged,
}

fn hash_of(state: &Snapshot, name: &str) -> Option<PasswordHash> {
    state.user(name).map(|user| user.credential.hash.clone())
}

/// How often an update is tried again because the hash was made anew in between. Once is usual:
/// the login of this very caller has had it raised.
const ROUNDS: usize = 3;

impl Admin {
    /// Makes a user without roles, who can log in at once.
    ///
    /// # Errors
    /// Name, description or password break their rules, the user exists, there are too many, or
    /// the change was not acknowledged.
    pub async fn create_user(&self, caller: &Caller, new: NewUser) -> Result<(), AdminError> {
        let trace = self.trace(caller, "create user", new.name.trim());
        let prepared = self.prepare_new_user(caller, new).await;
        self.commit(trace, prepared).await
    }

    async fn prepare_new_user(
        &self,
        caller: &Caller,
        new: NewUser,
    ) -> Result<impl FnMut(&Snapshot) -> Planned + Send + 'static, AdminError> {
        let name = self.rules.user_name.check(&new.name)?.to_owned();
        self.check_description(new.description.as_deref())?;
        let password = new.password.decode().map_err(AdminError::PasswordEncoding)?;
        self.rules.password.check(password.as_bytes())?;
        // Asked again at the commit; here it saves a hash.
        let check = self.check_new_user(&self.snapshots.read(), &name);
        if check.is_err() {
            let (admin, name) = (self.clone(), name.clone());
            self.look_at_newest(move |state| admin.check_new_user(state, &name)).await?;
        }
        let hash = self.hash(&password, caller).await?;
        let Some(user) = UserName::new(&name) else {
            return Err(AdminError::Name(NameError::UserEmpty));
        };
        let credential =
            Credential { hash, description: new.description.map(Into::into), time_tick: 0 };
        let admin = self.clone();
        Ok(move |state: &Snapshot| {
            admin.check_new_user(state, user.as_str())?;
            // A new user starts empty: nothing of an earlier one of that name comes back.
            let mut changes = unbind_all(state, &user);
            changes.push(Change::Put(Record::User(user.clone(), credential.clone())));
            Ok(((), changes))
        })
    }

    fn check_new_user(&self, state: &Snapshot, name: &str) -> Result<(), AdminError> {
        if state.user(name).is_some() {
            return Err(AdminError::UserExists(name.to_owned()));
        }
        let limit = self.rules.max_users;
        if limit > 0 && state.users().len() >= limit {
            return Err(AdminError::UserQuota);
        }
        Ok(())
    }

    fn check_description(&self, description: Option<&str>) -> Result<(), AdminError> {
        let limit = self.rules.max_user_description;
        match description {
            Some(text) if text.len() > limit => {
                Err(AdminError::UserDescription { length: text.len(), limit })
            }
            _ => Ok(()),
        }
    }

    /// Changes a password, a description, or both. The old password fails from the next call on.
    ///
    /// # Errors
    /// Nothing to change, a rule is broken, the old password is wrong, the user is not there, or
    /// the change was not acknowledged.
    pub async fn update_user(&self, caller: &Caller, update: UserUpdate) -> Result<(), AdminError> {
        let target = self.snapshots.read().resolve_user(&update.name).to_owned();
        let trace = self.trace(caller, "update user", &target);
        let wanted = match self.check_update(update) {
            Ok(wanted) => wanted,
            Err(error) => {
                trace.refused(&error);
                return Err(error);
            }
        };
        for _ in 0..ROUNDS {
            let prepared = self.prepare_update(caller, &wanted).await;
            if self.commit(trace.clone(), prepared).await? == Applied::Yes {
                return Ok(());
            }
        }
        Err(AdminError::OldPassword(wanted.name))
    }

    /// Checks what needs no look at the old password.
    fn check_update(&self, update: UserUpdate) -> Result<WantedUpdate, AdminError> {
        self.check_description(update.description.as_deref())?;
        let name = self.snapshots.read().resolve_user(&update.name).to_owned();
        if update.new_password.is_empty() {
            if update.description.is_none() {
                return Err(AdminError::NothingToUpdate);
            }
            return Ok(WantedUpdate { name, passwords: None, description: update.description });
        }
        let old = update.old_password.decode().map_err(AdminError::OldPasswordEncoding)?;
        let new = update.new_password.decode().map_err(AdminError::NewPasswordEncoding)?;
        self.rules.password.check(new.as_bytes())?;
        Ok(WantedUpdate { name, passwords: Some((old, new)), description: update.description })
    }

    async fn prepare_update(
        &self,
        caller: &Caller,
        wanted: &WantedUpdate,
    ) -> Result<
        impl FnMut(&Snapshot) -> Result<Plan<Applied>, AdminError> + Send + 'static,
        AdminError,
    > {
        let name = wanted.name.as_str();
        let mut new_hash = None;
        let mut basis = Basis::None;
        if let Some((old, new)) = &wanted.passwords {
            basis = if self.may_reset(&self.snapshots.read(), caller, name, old) {
                Basis::Right(old.as_bytes().is_empty())
            } else {
                Basis::Hash(self.check_old_password(caller, name, old).await?)
            };
            self.check_update_target(name).await?;
            new_hash = Some(self.hash(new, caller).await?);
        }
        self.check_update_target(name).await?;
        let user = UserName::new(name).ok_or(AdminError::UpdateUnknownUser)?;
        let (admin, caller, description) =
            (self.clone(), caller.clone(), wanted.description.clone());
        Ok(move |state: &Snapshot| {
            let Some(entry) = state.user(user.as_str()) else {
                return Err(AdminError::UpdateUnknownUser);
            };
            match &basis {
                // The password that was checked must still be the one in force.
                Basis::Hash(hash) if *hash != entry.credential.hash => {
                    return Ok((Applied::HashChanged, Vec::new()));
                }
                Basis::Right(left_out) => {
                    // And the right to do without it must still be there.
                    let old = Password::from(if *left_out { Vec::new() } else { vec![b'x'] });
                    if !admin.may_reset(state, &caller, user.as_str(), &old) {
                        return Err(AdminError::OldPassword(user.to_string()));
                    }
                }
                Basis::Hash(_) | Basis::None => {}
            }
            let mut credential = entry.credential.clone();
            if let Some(hash) = &new_hash {
                credential.hash = hash.clone();
            }
            if let Some(description) = &description {
                credential.description = Some(description.as_str().into());
            }
            let changed = credential != entry.credential;
            let record = Change::Put(Record::User(user.clone(), credential));
            Ok((Applied::Yes, changed.then_some(record).into_iter().collect()))
        })
    }

    /// Whether the caller may set this password without the old one: super users always may;
    /// administrators may for others, never for `root`, and only if they leave the old one out.
    fn may_reset(&self, state: &Snapshot, caller: &Caller, name: &str, old: &Password) -> bool {
        if !caller.is_authenticated() {
            return false;
        }
        if self.rules.super_users.iter().any(|user| user == caller.name()) {
            return true;
        }
        self.rules.admin_resets_passwords
            && old.as_bytes().is_empty()
            && name != ROOT
            && name != caller.name()
            && state.is_administrator(caller.name(), self.rules.root_needs_role)
    }

    /// Checks the present password of a user and returns the hash that it was checked against.
    async fn check_old_password(
        &self,
        caller: &Caller,
        name: &str,
        old: &Password,
    ) -> Result<PasswordHash, AdminError> {
        let mut stored = hash_of(&self.snapshots.read(), name);
        for _ in 0..ROUNDS {
            let correct = self
                .verifier
                .check_password(name, stored.as_ref(), old, caller.peer())
                .await
                .map_err(|error| failed(&error))?;
            if let (Some(hash), true) = (&stored, correct) {
                return Ok(hash.clone());
            }
            // It may have been changed where this replica has not heard of it yet.
            let user = name.to_owned();
            let newest = self.look_at_newest(move |state| Ok(hash_of(state, &user))).await?;
            if newest == stored {
                break;
            }
            stored = newest;
        }
        Err(AdminError::OldPassword(name.to_owned()))
    }

    async fn check_update_target(&self, name: &str) -> Result<(), AdminError> {
        if name.is_empty() {
            return Err(AdminError::UpdateWithoutName);
        }
        if self.snapshots.read().user(name).is_some() {
            return Ok(());
        }
        let name = name.to_owned();
        self.look_at_newest(move |state| match state.user(&name) {
            Some(_) => Ok(()),
            None => Err(AdminError::UpdateUnknownUser),
        })
        .await
    }

    /// Deletes a user with its bindings. A user that is not there is deleted already.
    ///
    /// # Errors
    /// `root`, an empty name, the last administrator where `root` needs roles, or the change was not
    /// acknowledged.
    pub async fn delete_user(&self, caller: &Caller, name: &str) -> Result<(), AdminError> {
        let name = self.snapshots.read().resolve_user(name).to_owned();
        let trace = self.trace(caller, "delete user", &name);
        self.commit(trace, self.prepare_deletion(&name)).await
    }

    fn prepare_deletion(
        &self,
        name: &str,
    ) -> Result<impl FnMut(&Snapshot) -> Planned + Send + use<>, AdminError> {
        // Trimmed before it is compared, unless it is stored so: ` root ` is root.
        if name == ROOT {
            return Err(AdminError::DeleteRoot);
        }
        if name.is_empty() {
            return Err(AdminError::DeleteWithoutName);
        }
        let user = UserName::new(name);
        let admin = self.clone();
        Ok(move |state: &Snapshot| {
            let Some(user) = &user else {
                return Ok(((), Vec::new()));
            };
            admin.keep_last_admin(state, user.as_str())?;
            let mut changes = unbind_all(state, user);
            if state.user(user.as_str()).is_some() {
                changes.push(Change::Delete(RecordKey::User(user.clone())));
            }
            Ok(((), changes))
        })
    }

    /// All user names, ascending by bytes.
    #[must_use]
    pub fn list_users(&self) -> Vec<String> {
        self.snapshots.read().users().map(|(name, _)| name.to_string()).collect()
    }

    async fn hash(&self, password: &Password, caller: &Caller) -> Result<PasswordHash, AdminError> {
        self.verifier.hash(password, caller.peer()).await.map_err(|error| failed(&error))
    }
}

/// The changes that take all roles from a user.
pub(super) fn unbind_all(state: &Snapshot, user: &UserName) -> Vec<Change> {
    state
        .roles_of(user.as_str())
        .iter()
        .map(|role| Change::Delete(RecordKey::Binding(user.clone(), role.clone())))
        .collect()
}

/// What a failed check of a password, other than a wrong one, means to the operation.
fn failed(error: &CredentialError) -> AdminError {
    match error {
        CredentialError::Busy => AdminError::Busy,
        CredentialError::Throttled => AdminError::Throttled,
        _ => AdminError::Hashing,
    }
}
