//! Knows whether the upstream is there: keeps a connection to it, and asks it now and then.
//!
//! What is asked is a call, not a ping of HTTP/2: servers of gRPC end connections that ping them
//! more often than they like, and a process that has been stopped answers for as long as its system
//! does.

use std::time::Duration;

use tokio::sync::watch;

use super::error::UpstreamError;
use super::link::Link;

/// How long after the first failure, and at most, until the upstream is looked for again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How often the upstream is asked whether it answers.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// How often it may leave that unanswered before other connections are made.
const MOST_SILENT: u32 = 3;

/// Keeps looking for as long as it is polled.
pub(super) async fn keep(link: &Link, reachable: &watch::Sender<Option<bool>>) {
    let mut pause = FIRST_PAUSE;
    let mut silent = 0;
    loop {
        match look(link).await {
            Ok(()) => {
                pause = FIRST_PAUSE;
                silent = 0;
                note(link, reachable, None);
                wait(link).await;
            }
            Err(error) => {
                note(link, reachable, Some(&error));
                silent = if error == UpstreamError::Late { silent + 1 } else { 0 };
                if silent == MOST_SILENT {
                    // Somebody else may answer behind the same address.
                    link.pool.retire();
                    silent = 0;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Whether the upstream answers a call. What it answers does not matter.
async fn look(link: &Link) -> Result<(), UpstreamError> {
    link.pool.connect().await?;
    link.ask_version(true).await.map(drop)
}

/// Waits until there is a reason to look again.
async fn wait(link: &Link) {
    let Ok(ended) = link.pool.connect().await else { return };
    tokio::select! {
        () = ended.cancelled() => {}
        () = tokio::time::sleep(ASK_EVERY) => {}
    }
}

/// Tells once of each turn.
fn note(link: &Link, reachable: &watch::Sender<Option<bool>>, error: Option<&UpstreamError>) {
    let now = Some(error.is_none());
    let turned = reachable.send_if_modified(|was| std::mem::replace(was, now) != now);
    let upstream = &link.options.address;
    match error {
        None if turned => tracing::info!(%upstream, "the upstream can be reached"),
        Some(error) if turned => tracing::warn!(%upstream, %error, "the upstream is not there"),
        _ => {}
    }
}
