//! Opens the files that TLS is spoken by, and looks at them again while the server runs.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::StartError;
use crate::config::TlsSettings;
use crate::tls::{Refreshed, ServerFiles, ServerTls};

/// How often the files are read: who replaces a certificate does not wait for minutes, and three
/// small files cost nothing.
const EVERY: Duration = Duration::from_secs(2);

/// Reads the files that the settings name, if they ask for TLS.
pub(super) async fn open(
    settings: Option<&TlsSettings>,
) -> Result<Option<Arc<ServerTls>>, StartError> {
    let Some(settings) = settings.cloned() else { return Ok(None) };
    let opening = tokio::task::spawn_blocking(move || {
        let TlsSettings { certificate, key, client_ca } = settings.clone();
        let opened = ServerTls::open(ServerFiles { certificate, key, client_ca });
        opened.map_err(|source| StartError::Tls {
            setting: source.path().map_or("tls", |path| setting_of(&settings, path)),
            source,
        })
    });
    opening.await.unwrap_or(Err(StartError::Panicked)).map(|tls| Some(Arc::new(tls)))
}

/// The setting that names a file.
fn setting_of(settings: &TlsSettings, path: &Path) -> &'static str {
    if path == settings.certificate {
        "tls.serverPemPath"
    } else if path == settings.key {
        "tls.serverKeyPath"
    } else {
        "tls.caPemPath"
    }
}

/// Takes over new files for as long as it is polled.
pub(super) async fn follow(tls: Option<Arc<ServerTls>>) -> Infallible {
    let Some(tls) = tls else { return std::future::pending().await };
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let tls = Arc::clone(&tls);
        match tokio::task::spawn_blocking(move || tls.refresh()).await {
            Ok(Refreshed::Same) => {}
            Ok(Refreshed::Renewed) => {
                tracing::info!("new TLS files are in force for new connections");
            }
            Ok(Refreshed::Refused(error)) => tracing::warn!(
                %error,
                "the TLS files have changed and cannot be used; those before them stay in force"
            ),
            // It was ended with the process, or it panicked, which the panic hook has told.
            Err(error) => tracing::debug!(%error, "the TLS files could not be looked at"),
        }
    }
}
