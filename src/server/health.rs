//! The standard health service: it says SERVING while requests are decided. Whoever can connect
//! finds the state loaded, so serving means ready; a state that is too old takes it back, and, of a
//! gateway, an upstream that cannot be reached.

use std::convert::Infallible;

use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

use super::rpcs::Boxed;
use crate::freshness::Freshness;
use crate::proto::milvus::milvus_service_server::SERVICE_NAME;

/// The services whose health is told: all of them, and Milvus's by name.
const SERVICES: [&str; 2] = ["", SERVICE_NAME];

/// Waits for news; for ever if there will be none.
async fn changed(news: Option<&mut watch::Receiver<Option<bool>>>) {
    if let Some(news) = news
        && news.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// What the health service says.
#[derive(Debug)]
pub(super) struct Health(HealthReporter);

impl Health {
    /// SERVING, unless that is to be found out, and the service that says so.
    pub(super) async fn new(serving: bool) -> (Self, Boxed) {
        let (reporter, service) = health_reporter();
        let health = Self(reporter);
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        health.tell(status).await;
        (health, Boxed::new(service))
    }

    /// Tells of each turn of the state from young to too old and back, and of the upstream from
    /// there to not there, for as long as it is polled.
    pub(super) async fn follow(
        &self,
        freshness: &Freshness,
        upstream: Option<watch::Receiver<Option<bool>>>,
    ) -> Infallible {
        let mut stale = false;
        let mut upstream = upstream;
        loop {
            let reachable = upstream.as_mut().map(|news| *news.borrow_and_update());
            // Nothing is known of an upstream that has not been tried yet.
            let serves = !stale && reachable != Some(Some(false)) && reachable != Some(None);
            let status = if serves { ServingStatus::Serving } else { ServingStatus::NotServing };
            self.tell(status).await;
            tokio::select! {
                () = freshness.becomes_stale(), if !stale => stale = true,
                () = freshness.becomes_fresh(), if stale => stale = false,
                () = changed(upstream.as_mut()) => {}
            }
        }
    }

    async fn tell(&self, status: ServingStatus) {
        for service in SERVICES {
            self.0.set_service_status(service, status).await;
        }
    }
}
