//! The gateway behind the server, from settings to what is said of it at the start.

use std::convert::Infallible;

use super::StartError;
use crate::config::UpstreamSettings;
use crate::deployment::Deployment;
use crate::gateway::{Credential, Exposure, Gateway, UpstreamError, UpstreamOptions};
use crate::tls::{ClientTls, Identity};

/// Starts the gateway that the settings ask for. The upstream need not be there yet.
///
/// # Errors
/// The files for TLS cannot be used.
pub(super) async fn start(
    settings: Option<&UpstreamSettings>,
    deployment: &Deployment,
) -> Result<Option<Gateway>, StartError> {
    let Some(settings) = settings else { return Ok(None) };
    let mut options = UpstreamOptions::new(settings.address.clone());
    options.credential = settings.token.as_ref().map(|token| Credential::token(token.expose()));
    options.connections = settings.connections;
    options.connect_timeout = settings.connect_timeout;
    options.tls = ClientTls {
        ca: settings.ca_pem.clone(),
        identity: settings.client.clone().map(|(certificate, key)| Identity { certificate, key }),
        only_tls13: false,
    };
    if settings.address.tls {
        let files = options.tls.clone();
        let loading = tokio::task::spawn_blocking(move || files.load()).await;
        loading
            .unwrap_or(Err(crate::tls::TlsError::NoSystemRoots { detail: "it panicked".into() }))
            .map_err(|source| StartError::Tls { setting: "rbac.upstream", source })?;
    }
    let (authorizer, admin) = (deployment.authorizer().clone(), deployment.admin().clone());
    Ok(Some(Gateway::start(options, authorizer, admin)))
}

/// Says once, as soon as the upstream can be reached, what its operator should know.
pub(super) async fn tell(gateway: Option<&Gateway>) -> Infallible {
    if let Some(gateway) = gateway {
        look(gateway).await;
    }
    std::future::pending().await
}

async fn look(gateway: &Gateway) {
    let upstream = &gateway.address().to_string();
    let mut reachable = gateway.reachable();
    if reachable.wait_for(|reachable| *reachable == Some(true)).await.is_err() {
        return;
    }
    match gateway.exposure().await {
        Ok(Exposure::Open) => tracing::warn!(
            upstream,
            "the upstream answers without a login whoever reaches it, around this gateway; let it \
             listen on loopback, or ask for this gateway's certificate"
        ),
        Ok(Exposure::Private | Exposure::Closed) => {}
        Err(error) => unknown(upstream, &error),
    }
    match gateway.is_known().await {
        Ok(Some(false)) => tracing::warn!(
            upstream,
            "the upstream refuses this gateway's own login; see rbac.upstream.username, \
             rbac.upstream.password and rbac.upstream.token"
        ),
        Ok(_) => {}
        Err(error) => unknown(upstream, &error),
    }
}

fn unknown(upstream: &str, error: &UpstreamError) {
    tracing::warn!(upstream, %error, "whether the upstream asks for a login could not be found out");
}
