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
use crate::config::{Compat, Settings, StoreSetting};
use crate::credential::{self, FailedLogins, LongPasswords, Verifier, VerifierOptions};
use crate::freshness::Freshness;
use crate::policy::Rules;
#[cfg(feature = "etcd")]
use crate::store::{EtcdIdentity, EtcdLogin, EtcdOptions, EtcdStore, EtcdTls};
use crate::store::{MemoryStore, Store, StoreError};
#[cfg(feature = "sled")]
use crate::store::{SledOptions, SledStore};
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

/// Opens the store that the settings name. Blocks until it is open.
///
/// # Errors
/// It cannot be opened, or holds what must not be trusted; [`StoreError::NotBuilt`] if this
/// program was built without it.
pub fn open_store(settings: &Settings) -> Result<Box<dyn Store>, StoreError> {
    match &settings.store {
        StoreSetting::Memory => Ok(Box::new(MemoryStore::new())),
        #[cfg(feature = "sled")]
        StoreSetting::Sled(path) => {
            let options = SledOptions {
                accept_data_loss: settings.accept_data_loss,
                created_unix_ms: SystemClock.unix_millis(),
            };
            Ok(Box::new(SledStore::open(path, options)?))
        }
        #[cfg(not(feature = "sled"))]
        store @ StoreSetting::Sled(_) => not_built(store, "sled"),
        #[cfg(feature = "etcd")]
        StoreSetting::Etcd { endpoints, root } => {
            Ok(Box::new(EtcdStore::open(etcd_options(settings, endpoints, root))?))
        }
        #[cfg(not(feature = "etcd"))]
        store @ StoreSetting::Etcd { .. } => not_built(store, "etcd"),
    }
}

#[cfg(not(all(feature = "sled", feature = "etcd")))]
fn not_built(store: &StoreSetting, feature: &'static str) -> Result<Box<dyn Store>, StoreError> {
    Err(StoreError::NotBuilt { store: store.to_string(), feature })
}

/// How the cluster is reached.
#[cfg(feature = "etcd")]
fn etcd_options(settings: &Settings, endpoints: &[String], root: &str) -> EtcdOptions {
    let crate::config::EtcdSettings { auth, ssl, request_timeout, .. } = &settings.etcd;
    EtcdOptions {
        root: root.to_owned(),
        login: auth.as_ref().map(|auth| EtcdLogin {
            user: auth.user_name.clone(),
            password: zeroize::Zeroizing::new(auth.password.expose().to_owned()),
        }),
        tls: ssl.as_ref().map(|ssl| EtcdTls {
            ca: ssl.ca_cert.clone(),
            identity: ssl
                .client
                .clone()
                .map(|(certificate, key)| EtcdIdentity { certificate, key }),
            only_tls13: ssl.only_tls13,
        }),
        request_timeout: *request_timeout,
        max_staleness: settings.transport.max_staleness,
        ..EtcdOptions::new(endpoints)
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
        failed_logins: FailedLogins {
            burst: passwords.failed_logins_burst,
            per_minute: passwords.failed_logins_per_minute,
        },
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

    use super::*;
    use crate::admin::AdminError;
    use crate::credential::{Caller, Password, Peer};
    use crate::model::Revision;
    use crate::store::{Commit, Scanned, Writes};
    use crate::writer::WriteError;

    /// A store in memory whose end can be waited for.
    #[derive(Debug)]
    struct Watched {
        store: MemoryStore,
        _alive: Sender<()>,
    }

    impl Store for Watched {
        fn describe(&self) -> String {
            self.store.describe()
        }

        fn scan(&mut self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<Scanned, StoreError> {
            self.store.scan(visit)
        }

        fn write(&mut self, base: Revision, writes: Writes) -> Commit {
            self.store.write(base, writes)
        }

        fn reopen(&mut self) -> Result<(), StoreError> {
            self.store.reopen()
        }

        fn close(&mut self) -> Result<(), StoreError> {
            self.store.close()
        }
    }

    fn watched() -> (Deployment, Receiver<()>) {
        let (alive, end) = channel();
        let store = Box::new(Watched { store: MemoryStore::new(), _alive: alive });
        (Deployment::open(store, &cheap()).unwrap(), end)
    }

    /// With the least bcrypt.
    fn cheap() -> Settings {
        let mut settings = Settings::default();
        settings.passwords.bcrypt_cost = 4;
        settings
    }

    async fn make_role(admin: &Admin, name: &str) -> Result<(), AdminError> {
        admin.create_role(&Caller::unauthenticated(Peer::LOCAL), name, "").await
    }

    #[test]
    fn settings_that_nobody_has_set_are_the_documented_rules() {
        assert_eq!(policy_rules(&Settings::default()), Rules::DOCUMENTED);
    }

    #[tokio::test]
    async fn the_writer_ends_with_the_last_handle() {
        let (deployment, end) = watched();
        let (admin, authorizer) = (deployment.admin().clone(), deployment.authorizer().clone());
        drop(deployment);
        make_role(&admin, "a").await.unwrap();
        assert_eq!(end.try_recv(), Err(TryRecvError::Empty));
        drop(admin);
        drop(authorizer);
        // The thread lets go of the store, which nothing else can show.
        assert!(end.recv().is_err());
    }

    #[tokio::test]
    async fn closing_ends_the_writer_whoever_still_has_a_handle() {
        let (deployment, end) = watched();
        let admin = deployment.admin().clone();
        make_role(&admin, "a").await.unwrap();
        deployment.close().unwrap();
        assert_eq!(end.try_recv(), Err(TryRecvError::Disconnected));
        let error = make_role(&admin, "b").await.unwrap_err();
        assert!(matches!(error, AdminError::Write(WriteError::Closed)), "{error}");
        assert_eq!(admin.snapshots().read().roles().len(), 1, "what was read last is still there");
        deployment.close().unwrap();
    }

    #[tokio::test]
    async fn without_a_password_there_is_no_root() {
        let deployment = Deployment::open(Box::new(MemoryStore::new()), &cheap()).unwrap();
        let found = deployment.admin().bootstrap(None).await.unwrap();
        assert!(!found.root_created);
        assert_eq!(deployment.admin().list_users(), Vec::<String>::new());
        // `root:Milvus`, which every Milvus would accept.
        let login = Some(&b"cm9vdDpNaWx2dXM="[..]);
        assert!(deployment.authorizer().authenticate(login, Peer::LOCAL).await.is_err());

        let password = Password::from(b"Str0ng-enough".to_vec());
        assert!(deployment.admin().bootstrap(Some(&password)).await.unwrap().root_created);
        assert!(deployment.authorizer().authenticate(login, Peer::LOCAL).await.is_err());
    }

    #[cfg(not(all(feature = "sled", feature = "etcd")))]
    #[test]
    fn a_store_that_was_not_built_in_is_refused_by_the_name_of_its_feature() {
        let etcd = StoreSetting::Etcd {
            endpoints: vec!["localhost:2379".to_owned()],
            root: "by-dev/meta".to_owned(),
        };
        for (built, feature, store) in [
            (cfg!(feature = "sled"), "sled", StoreSetting::Sled("./never-made".into())),
            (cfg!(feature = "etcd"), "etcd", etcd),
        ] {
            if !built {
                let settings = Settings { store, ..cheap() };
                let error = open_store(&settings).unwrap_err().to_string();
                let shown = format!("{} cannot be opened", settings.store);
                assert!(error.starts_with(&shown) && error.contains("without the feature"));
                assert!(error.contains(&format!("`{feature}`")), "{error}");
            }
        }
        let settings = Settings { store: StoreSetting::Memory, ..cheap() };
        assert_eq!(open_store(&settings).unwrap().describe(), "memory:");
    }
}
