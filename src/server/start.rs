//! From settings to a running server: open, create what must be there, check that it is safe to
//! listen, bind.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::front::Front;
use super::handshake::Handshakes;
use super::health::Health;
use super::http_api::HttpApi;
use super::rpcs::Rpcs;
use super::shutdown::run_with;
use super::upstream::Upstream;
use super::{Limits, bind_all, renewal};
use crate::admin::BootstrapError;
use crate::clock::{Clock, SystemClock};
use crate::config::{Compat, Settings, StoreSetting};
use crate::credential::{CredentialError, Password};
use crate::deployment::{Deployment, OpenError, open_store};
use crate::grpc::{MilvusRpcs, ServerIdentity};
use crate::layer::{Guard, GuardLimits};
use crate::model::{PUBLIC, ROOT, ROOT_DEFAULT_PASSWORD};
use crate::store::StoreError;
use crate::tls::{ServerTls, TlsError};

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Everybody could be root.
    #[error(
        "root still has its built-in password, so only loopback addresses may be listened on; \
         set another one: common.security.defaultRootPassword (or \
         MILVUS_RBAC_COMMON_SECURITY_DEFAULTROOTPASSWORD) before the first start, `milvus-rbac \
         reset-password root` afterwards; or pass --insecure-default-root-password"
    )]
    DefaultRootPassword,
    /// The store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of TLS cannot be used.
    #[error("{setting}: {source}")]
    Tls {
        /// The setting that names it.
        setting: &'static str,
        /// The file, and what is wrong with it.
        source: TlsError,
    },
    /// The deployment could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Opening it panicked; where is in the log.
    #[error("opening the store failed inside the server")]
    Panicked,
    /// What must exist could not be created.
    #[error("the first users and roles could not be created: {0}")]
    Bootstrap(#[from] BootstrapError),
    /// Root's password could not be checked.
    #[error("root's password could not be checked: {0}")]
    Check(#[from] CredentialError),
    /// An upstream is configured, and this build cannot pass anything on.
    #[error("rbac.upstream.address needs a build with the feature `gateway`")]
    NoGateway,
    /// The descriptors for reflection are unusable.
    #[error("server reflection cannot be offered: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// An address could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

impl StartError {
    /// Whether the configuration has to change before a start can succeed.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::DefaultRootPassword
                | Self::Tls { .. }
                | Self::NoGateway
                | Self::Bootstrap(BootstrapError::RootPassword(_))
                | Self::Store(StoreError::NotBuilt { .. })
        )
    }
}

/// A server that accepts connections as soon as it is run.
#[derive(Debug)]
pub struct Server {
    deployment: Deployment,
    front: Front,
    health: Health,
    listeners: Vec<TcpListener>,
    limits: Limits,
    compat: Compat,
    tls: Option<Arc<ServerTls>>,
    upstream: Upstream,
}

/// Opens the store and what answers from it, away from the threads that serve: both block.
async fn open(settings: &Settings) -> Result<Deployment, StartError> {
    let settings = settings.clone();
    let opening = tokio::task::spawn_blocking(move || {
        let store = open_store(&settings)?;
        Ok::<_, StartError>(Deployment::open(store, &settings)?)
    });
    opening.await.unwrap_or(Err(StartError::Panicked))
}

impl Server {
    /// Opens the store, creates what must be there, and binds the addresses.
    ///
    /// # Errors
    /// Why the server cannot start; nothing is listened on then.
    pub async fn start(settings: &Settings) -> Result<Self, StartError> {
        // Nothing is made, not even a directory, for a start that is bound to be refused.
        if is_new(&settings.store) {
            check_first_password(settings)?;
        }
        let tls = renewal::open(settings.tls.as_ref()).await?;
        let deployment = open(settings).await?;
        match Self::assemble(settings, deployment.clone(), tls).await {
            Ok(server) => Ok(server),
            Err(error) => {
                // The directory is free again before anybody hears of the failure.
                if let Err(error) = deployment.close() {
                    tracing::warn!(%error, "the store could not be closed");
                }
                Err(error)
            }
        }
    }

    /// Serves a deployment that is open already, such as one on a store of the program's own:
    /// creates what must be there, and binds the addresses. It stays open if that fails.
    ///
    /// # Errors
    /// Why the server cannot start; nothing is listened on then.
    pub async fn with_deployment(
        settings: &Settings,
        deployment: Deployment,
    ) -> Result<Self, StartError> {
        let tls = renewal::open(settings.tls.as_ref()).await?;
        Self::assemble(settings, deployment, tls).await
    }

    async fn assemble(
        settings: &Settings,
        deployment: Deployment,
        tls: Option<Arc<ServerTls>>,
    ) -> Result<Self, StartError> {
        prepare(settings, &deployment).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let max_message_bytes = settings.transport.max_request_bytes;
        let max_large_message_bytes = settings.transport.max_large_request_bytes;
        let limits = GuardLimits { max_message_bytes, max_large_message_bytes };
        let guard = Guard::new(deployment.authorizer().clone(), limits);
        let admin = deployment.admin().clone();
        let rpcs = MilvusRpcs::new(admin.clone(), ServerIdentity::new(clock))
            .max_answer_bytes(settings.transport.max_answer_bytes);
        let (health, health_rpcs) = Health::new(settings.upstream.is_none()).await;
        let max_any_bytes = max_message_bytes.max(max_large_message_bytes);
        let upstream = Upstream::start(settings.upstream.as_ref(), &deployment).await?;
        let rpcs = Rpcs::new(rpcs, health_rpcs, upstream.clone(), max_any_bytes)?;
        let http = HttpApi::new(&guard, admin, settings);
        let front = Front::new(guard, rpcs, http);
        let listeners = bind_all(&settings.listen).await?;
        Ok(Self {
            deployment,
            front,
            health,
            listeners,
            limits: connection_limits(settings),
            compat: settings.compat,
            tls,
            upstream,
        })
    }

    /// The addresses that are listened on.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// What is served.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The line that says that connections are accepted, and what is served.
    #[must_use]
    pub fn ready_line(&self) -> String {
        let addresses: Vec<String> = self.addresses().iter().map(ToString::to_string).collect();
        let admin = self.deployment.admin();
        let state = admin.snapshots().get();
        let compat = match self.compat {
            Compat::Documented => "documented",
            Compat::Milvus => "milvus",
        };
        let tls = match self.tls.as_deref().map(ServerTls::is_mutual) {
            None => "off",
            Some(false) => "server",
            Some(true) => "mutual",
        };
        format!(
            "milvus-rbac ready listen={} tls={tls} store={} compat={compat} users={} roles={} revision={}",
            addresses.join(","),
            admin.writer().store(),
            state.users().len(),
            state.roles().len(),
            state.revision(),
        )
    }

    /// Serves until `shutdown` is ready, lets what is in progress end, and closes the store.
    ///
    /// # Errors
    /// The store could not be closed; nothing acknowledged depends on that.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), StoreError> {
        let Self { deployment, front, health, listeners, limits, tls, upstream, .. } = self;
        let (reachable, grace) = (upstream.reachable(), limits.shutdown_grace);
        let handshakes = tls.clone().map(Handshakes::new);
        tokio::select! {
            () = run_with(listeners, handshakes, front, limits, shutdown) => {}
            never = upstream.tell() => match never {},
            never = renewal::follow(tls) => match never {},
            never = health.follow(deployment.admin().writer().freshness(), reachable) => match never {},
        }
        upstream.finish(grace).await;
        // Closing waits for the writer's thread.
        tokio::task::spawn_blocking(move || deployment.close()).await.unwrap_or(Ok(()))
    }
}

/// Creates what must be there, once it is clear that the result may be listened on.
async fn prepare(settings: &Settings, deployment: &Deployment) -> Result<(), StartError> {
    let password = &settings.security.default_root_password;
    let admin = deployment.admin();
    let no_users = admin.snapshots().read().users().len() == 0;
    // Asked before root is created, so that the advice to configure another one still works.
    if no_users {
        check_first_password(settings)?;
    }
    let password = Password::from(password.expose().as_bytes().to_vec());
    let found = admin.bootstrap(Some(&password)).await?;
    if found.root_created {
        tracing::info!("a store without users: root has been created");
    }
    if found.root_missing {
        tracing::warn!(
            "there are users but no root; run `milvus-rbac reset-password root` to create it, with \
             the server down unless the store is in etcd"
        );
    }
    tell_of_public(settings, deployment);
    let hash = admin.snapshots().read().user(ROOT).map(|root| root.credential.hash.clone());
    if let Some(hash) = hash
        && deployment.verifier().is_password(&hash, ROOT_DEFAULT_PASSWORD.as_bytes()).await?
    {
        if is_exposed(settings) {
            return Err(StartError::DefaultRootPassword);
        }
        tracing::warn!("root has its built-in password; change it before anybody can connect");
    }
    warn_of_exposure(settings);
    Ok(())
}

/// Says what is not done with a store that a Milvus wrote.
fn tell_of_public(settings: &Settings, deployment: &Deployment) {
    let ignored = settings.compat == Compat::Documented && !settings.roles.public_role;
    if ignored && deployment.admin().snapshots().read().role(PUBLIC).is_some() {
        tracing::info!(
            "the store holds the role public: it was written by a Milvus, which gives everybody \
             that role's grants; here nobody has them; `--compat milvus` serves the store as \
             Milvus does"
        );
    }
}

/// Whether others can connect, and nobody has said that this is fine whatever root's password is.
fn is_exposed(settings: &Settings) -> bool {
    settings.listens_beyond_loopback() && !settings.security.insecure_default_root_password
}

/// Whether root may be made with the password that is configured: it follows the rule, and the
/// built-in one does not make anybody root.
fn check_first_password(settings: &Settings) -> Result<(), StartError> {
    let password = settings.security.default_root_password.expose();
    if is_exposed(settings) && password == ROOT_DEFAULT_PASSWORD {
        return Err(StartError::DefaultRootPassword);
    }
    let rule = settings.passwords.rule;
    rule.check_first_of_root(password.as_bytes()).map_err(BootstrapError::RootPassword)?;
    Ok(())
}

/// Whether nothing is kept there yet.
fn is_new(store: &StoreSetting) -> bool {
    match store {
        StoreSetting::Memory => true,
        // An empty directory may have been made for us.
        StoreSetting::Sled(path) => !path.join("db").exists(),
        // Nothing is made by opening it, and what is there is looked at before anything is.
        StoreSetting::Etcd { .. } => false,
    }
}

fn warn_of_exposure(settings: &Settings) {
    if !settings.security.authorization {
        tracing::warn!("authorization is off: everybody who can connect may do everything");
    }
    if settings.listens_beyond_loopback() && settings.tls.is_none() {
        tracing::warn!("listening beyond loopback without TLS: passwords travel in the clear");
    }
}

fn connection_limits(settings: &Settings) -> Limits {
    let transport = &settings.transport;
    Limits {
        max_connections: transport.max_connections,
        max_header_bytes: transport.max_header_bytes,
        header_timeout: transport.header_timeout,
        body_timeout: transport.body_timeout,
        shutdown_grace: transport.shutdown_grace,
        ..Limits::default()
    }
}
