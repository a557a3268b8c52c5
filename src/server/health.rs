//! The standard health service: it says SERVING while requests are decided. Whoever can connect
//! finds the state loaded, so serving means ready; only a state that is too old takes it back.

use std::convert::Infallible;

use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

use super::rpcs::Boxed;
use crate::freshness::Freshness;
use crate::proto::milvus::milvus_service_server::SERVICE_NAME;

/// The services whose health is told: all of them, and Milvus's by name.
const SERVICES: [&str; 2] = ["", SERVICE_NAME];

/// What the health service says.
#[derive(Debug)]
pub(super) struct Health(HealthReporter);

impl Health {
    /// SERVING, and the service that says so.
    pub(super) async fn new() -> (Self, Boxed) {
        let (reporter, service) = health_reporter();
        let health = Self(reporter);
        health.tell(ServingStatus::Serving).await;
        (health, Boxed::new(service))
    }

    /// Tells of each turn of the state from young to too old and back, for as long as it is
    /// polled.
    pub(super) async fn follow(&self, freshness: &Freshness) -> Infallible {
        loop {
            freshness.becomes_stale().await;
            self.tell(ServingStatus::NotServing).await;
            freshness.becomes_fresh().await;
            self.tell(ServingStatus::Serving).await;
        }
    }

    async fn tell(&self, status: ServingStatus) {
        for service in SERVICES {
            self.0.set_service_status(service, status).await;
        }
    }
}
