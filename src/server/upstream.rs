//! The gateway behind the server, from settings to what is said of it at the start; or, in a build
//! without it, nothing.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use http::{Request, Response};
use tokio::sync::watch;
use tonic::body::Body;

use super::StartError;
use crate::config::UpstreamSettings;
use crate::deployment::Deployment;
#[cfg(feature = "gateway")]
use crate::gateway::{Credential, Exposure, Gateway, UpstreamError, UpstreamOptions};
use crate::policy::{Home, Requirement};
#[cfg(feature = "gateway")]
use crate::tls::{ClientTls, Identity};

/// What is not answered in a build without the gateway.
#[cfg(not(feature = "gateway"))]
type Gateway = Infallible;

/// The upstream, if there is one. Cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct Upstream(Option<Gateway>);

impl Upstream {
    /// Whether the upstream answers this RPC.
    pub(super) fn answers(&self, requirement: &Requirement) -> bool {
        self.0.is_some() && requirement.home == Home::Data
    }
}

#[cfg(not(feature = "gateway"))]
impl Upstream {
    /// There is none to start.
    ///
    /// # Errors
    /// The settings ask for one.
    pub(super) fn start(
        settings: Option<&UpstreamSettings>,
        _: &Deployment,
    ) -> impl Future<Output = Result<Self, StartError>> {
        let absent = settings.is_none();
        std::future::ready(if absent { Ok(Self(None)) } else { Err(StartError::NoGateway) })
    }

    pub(super) fn forward(
        &self,
        _: Request<Body>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<> {
        let Self(None) = self.clone();
        std::future::pending()
    }

    pub(super) fn reachable(&self) -> Option<watch::Receiver<Option<bool>>> {
        self.0.map(|never| match never {})
    }

    pub(super) fn finish(&self, _: Duration) -> impl Future<Output = ()> + use<> {
        let Self(None) = self.clone();
        std::future::ready(())
    }

    pub(super) fn tell(&self) -> impl Future<Output = Infallible> + use<> {
        let Self(None) = self.clone();
        std::future::pending()
    }
}

#[cfg(feature = "gateway")]
impl Upstream {
    /// Starts the gateway that the settings ask for. The upstream need not be there yet.
    ///
    /// # Errors
    /// The files for TLS cannot be used.
    pub(super) async fn start(
        settings: Option<&UpstreamSettings>,
        deployment: &Deployment,
    ) -> Result<Self, StartError> {
        let Some(settings) = settings else { return Ok(Self(None)) };
        let options = options(settings);
        if settings.address.tls {
            let files = options.tls.clone();
            let loading = tokio::task::spawn_blocking(move || files.load()).await;
            loading
                .map_err(|_| StartError::Panicked)?
                .map_err(|source| StartError::Tls { setting: "rbac.upstream", source })?;
        }
        let (authorizer, admin) = (deployment.authorizer().clone(), deployment.admin().clone());
        Ok(Self(Some(Gateway::start(options, authorizer, admin))))
    }

    /// Passes a request on that the guard has admitted.
    pub(super) fn forward(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<> {
        let gateway = self.0.clone();
        async move {
            Ok(match gateway {
                Some(gateway) => gateway.forward(request).await,
                None => tonic::Status::unimplemented("there is no upstream").into_http(),
            })
        }
    }

    /// Whether it can be reached, and news of it, if there is one.
    pub(super) fn reachable(&self) -> Option<watch::Receiver<Option<bool>>> {
        self.0.as_ref().map(Gateway::reachable)
    }

    /// Waits until what has begun and must not be left halfway has ended, at most this long.
    pub(super) async fn finish(&self, limit: Duration) {
        let Some(gateway) = &self.0 else { return };
        if tokio::time::timeout(limit, gateway.finish()).await.is_err() {
            tracing::error!("grants have not followed what was dropped or renamed last");
        }
    }

    /// Says once, as soon as the upstream can be reached, what its operator should know.
    pub(super) async fn tell(&self) -> Infallible {
        if let Some(gateway) = &self.0 {
            look(gateway).await;
        }
        std::future::pending().await
    }
}

#[cfg(feature = "gateway")]
fn options(settings: &UpstreamSettings) -> UpstreamOptions {
    let mut options = UpstreamOptions::new(settings.address.clone());
    options.credential = settings.token.as_ref().map(|token| Credential::token(token.expose()));
    options.connections = settings.connections;
    options.connect_timeout = settings.connect_timeout;
    let identity = |(certificate, key)| Identity { certificate, key };
    options.tls = ClientTls {
        ca: settings.ca_pem.clone(),
        identity: settings.client.clone().map(identity),
        only_tls13: false,
    };
    options
}

#[cfg(feature = "gateway")]
async fn look(gateway: &Gateway) {
    let upstream = gateway.address();
    let mut reachable = gateway.reachable();
    if reachable.wait_for(|reachable| *reachable == Some(true)).await.is_err() {
        return;
    }
    let unknown = |error: &UpstreamError| {
        tracing::warn!(%upstream, %error, "whether the upstream asks for a login is not known");
    };
    match gateway.exposure().await {
        Ok(Exposure::Open) => tracing::warn!(
            %upstream,
            "the upstream answers without a login whoever reaches it, around this gateway; let it \
             listen on loopback, or ask for this gateway's certificate"
        ),
        Ok(Exposure::Private | Exposure::Closed) => {}
        Err(error) => unknown(&error),
    }
    match gateway.is_known().await {
        Ok(Some(false)) => tracing::warn!(
            %upstream,
            "the upstream refuses this gateway's own login; see rbac.upstream.username, \
             rbac.upstream.password and rbac.upstream.token"
        ),
        Ok(_) => {}
        Err(error) => unknown(&error),
    }
}
