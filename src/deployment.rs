//! One deployment put together: store, writer, verifier, operations and authorizer.
//!
//! What the server runs and what an embedder opens, without any socket:
//!
//! ```
//! use std::sync::Arc;
//! use milvus_rbac::clock::SystemClock;
//! use milvus_rbac::config::Settings;
//! use milvus_rbac::deployment::Deployment;
//! use milvus_rbac::store::MemoryStore;
//!
//! let settings = Settings::default();
//! let deployment = Deployment::open(Box::new(MemoryStore::new()), &settings)?;
//! assert_eq!(deployment.admin().list_users(), Vec::<String>::new());
//! deployment.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

use crate::admin::{Admin, AdminRules};
use crate::authorizer::Authorizer;
use crate::clock::{Clock, SystemClock};
use crate::config::{Compat, Settings};
use crate::credential::{self, LongPasswords, Verifier, VerifierOptions};
use crate::freshness::Freshness;
use crate::policy::Rules;
use crate::store::{Store, StoreError};
use crate::writer::Writer;

/// Everything that answers, on one store. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Deployment {
    admin: Admin,
    authorizer: Authorizer,
    verifier: Arc<Verifier>,
}

/// Why a deployment could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Password checks cannot be made.
    #[error("password checks cannot be made: {0}")]
    Credential(#[from] credential::StartError),
}

impl Deployment {
    /// Opens the deployment that a store holds. Nothing is created in it; see
    /// [`Admin::bootstrap`].
    ///
    /// # Errors
    /// The store cannot be read, or threads and random numbers are not to be had.
    pub fn open(store: Box<dyn Store>, settings: &Settings) -> Result<Self, OpenError> {
        Self::with_clock(store, settings, Arc::new(SystemClock))
    }

    /// The same, with the age of the state told by a clock that tests can set. It has to be the
    /// clock of the store.
    ///
    /// # Errors
    /// As for [`Deployment::open`].
    pub fn with_clock(
        store: Box<dyn Store>,
        settings: &Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let verifier = Arc::new(Verifier::new(verifier_options(settings))?);
        let freshness = Freshness::new(clock, settings.transport.max_staleness);
        let (writer, snapshots) = Writer::start(
            store,
            Arc::new(settings.privilege_lists.groups.clone()),
            Arc::new(freshness),
        )?;
        let admin = Admin::new(
            writer.clone(),
            Arc::clone(&snapshots),
            Arc::clone(&verifier),
            admin_rules(settings),
        );
        let authorizer =
            Authorizer::new(snapshots, Arc::clone(&verifier), writer, policy_rules(settings))
                .listing_default(settings.roles.always_list_default_database);
        Ok(Self { admin, authorizer, verifier })
    }

    /// The operations on users and roles.
    #[must_use]
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Who is calling, and what they may.
    #[must_use]
    pub fn authorizer(&self) -> &Authorizer {
        &self.authorizer
    }

    /// The password checks.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Finishes what was begun and closes the store. Blocks until then.
    ///
    /// # Errors
    /// The store could not be closed; nothing acknowledged depends on that.
    pub fn close(&self) -> Result<(), StoreError> {
        self.authorizer.end_background();
        self.admin.writer().close()
    }
}

fn verifier_options(settings: &Settings) -> VerifierOptions {
    let passwords = &settings.passwords;
    let long_passwords = if passwords.truncate_long_passwords {
        LongPasswords::Truncate
    } else {
        LongPasswords::Refuse
    };
    VerifierOptions {
        cost: passwords.bcrypt_cost,
        long_passwords,
        threads: passwords.bcrypt_threads,
        queue: passwords.bcrypt_queue,
        raise_cost: passwords.raise_hash_cost,
    }
}

fn admin_rules(settings: &Settings) -> AdminRules {
    let names = settings.names.clone();
    AdminRules {
        user_name: names.user_created,
        role_name: names.role_created,
        known_user_name: names.user_looked_up,
        known_role_name: names.role_looked_up,
        object_name: names.object,
        password: settings.passwords.rule,
        max_users: settings.limits.max_users,
        max_roles: settings.limits.max_roles,
        max_user_description: settings.limits.max_user_description,
        max_role_description: settings.limits.max_role_description,
        root_shows_admin: settings.roles.root_shows_admin,
        public_role: settings.roles.public_role,
        public_privileges: settings.security.enable_public_privilege,
        configured_roles: settings.roles.configured.clone(),
        builtin_groups: settings.privilege_lists.groups.clone(),
        only_admins_bind_admin: settings.roles.only_admins_bind_admin,
        admin_resets_passwords: settings.passwords.admin_resets_passwords,
        root_needs_role: settings.security.root_should_bind_role,
        ghost_roles: settings.compat == Compat::Milvus,
        always_list_default: settings.roles.always_list_default_database,
        super_users: settings.security.super_users.clone(),
    }
}

fn policy_rules(settings: &Settings) -> Rules {
    Rules {
        enforced: settings.security.authorization,
        open_polling: settings.roles.open_polling,
        root_needs_role: settings.security.root_should_bind_role,
        open_health: settings.transport.open_health,
        public_role: settings.roles.public_role,
        ghost_roles: settings.compat == Compat::Milvus,
    }
}
