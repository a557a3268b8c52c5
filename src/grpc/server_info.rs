//! What the server says about itself: version, health, components, time.

use std::sync::Arc;

use crate::admin::Admin;
use crate::api::Operation;
use crate::clock::{Clock, HybridClock};
use crate::proto::common::{ServerInfo, StateCode, Status};
use crate::proto::milvus as pb;

use super::status::refused;

/// What SDKs show as the version of the server: the line of Milvus whose answers these are, and
/// our own version.
const VERSION: &str = concat!("v3.0.0-milvus-rbac.", env!("CARGO_PKG_VERSION"));

/// Node id in component states; there is one component.
const NODE_ID: i64 = 1;

/// The server's identity and its clock.
#[derive(Debug, Clone)]
pub struct ServerIdentity {
    clock: Arc<dyn Clock>,
    hybrid: Arc<HybridClock>,
    started_unix_millis: u64,
}

impl ServerIdentity {
    /// An identity that starts now.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let started_unix_millis = clock.unix_millis();
        Self { clock, hybrid: Arc::default(), started_unix_millis }
    }

    /// When the server started: it also stands for the creation of `default`, which is never
    /// stored.
    pub(super) fn started_unix_nanos(&self) -> u64 {
        self.started_unix_millis.saturating_mul(1_000_000)
    }

    fn timestamp(&self) -> u64 {
        self.hybrid.next(self.clock.as_ref())
    }
}

pub(super) fn connect(
    admin: &Admin,
    identity: &ServerIdentity,
    database: &str,
) -> Result<pb::ConnectResponse, tonic::Status> {
    if let Err(error) = admin.check_connection(database) {
        let status = refused(Operation::Other, &error)?;
        return Ok(pb::ConnectResponse { status: Some(status), server_info: None, identifier: 0 });
    }
    let server_info = ServerInfo {
        build_tags: VERSION.to_owned(),
        build_time: String::new(),
        git_commit: String::new(),
        go_version: String::new(),
        deploy_mode: "STANDALONE".to_owned(),
        reserved: std::collections::HashMap::new(),
    };
    Ok(pb::ConnectResponse {
        status: Some(Status::default()),
        server_info: Some(server_info),
        identifier: i64::try_from(identity.timestamp()).unwrap_or(i64::MAX),
    })
}

pub(super) fn version() -> pb::GetVersionResponse {
    pb::GetVersionResponse { status: Some(Status::default()), version: VERSION.to_owned() }
}

pub(super) fn health(admin: &Admin) -> pb::CheckHealthResponse {
    let writer = admin.writer();
    let mut reasons = Vec::new();
    if !writer.is_writable() {
        reasons
            .push("the store has failed: reads and checks go on, changes are refused".to_owned());
    }
    let max = writer.freshness().max();
    // Contact is looked for more often than twice in that time.
    if let Some(age) = writer.freshness().age().filter(|age| *age > max / 2) {
        let (age, max) = (age.as_secs_f64(), max.as_secs_f64());
        reasons.push(format!(
            "the store has not answered for {age:.1} s: checks go on until the state is {max:.1} s \
             old, then every request is refused"
        ));
    }
    pb::CheckHealthResponse {
        status: Some(Status::default()),
        is_healthy: reasons.is_empty(),
        reasons,
        quota_states: Vec::new(),
    }
}

/// Abnormal where anything is refused that should not be.
pub(super) fn component_states(admin: &Admin) -> pb::ComponentStates {
    let writer = admin.writer();
    let normal = writer.is_writable() && !writer.freshness().is_stale();
    let state = if normal { StateCode::Healthy } else { StateCode::Abnormal };
    pb::ComponentStates {
        state: Some(pb::ComponentInfo {
            node_id: NODE_ID,
            role: "proxy".to_owned(),
            state_code: state.into(),
            extra_info: Vec::new(),
        }),
        subcomponent_states: Vec::new(),
        status: Some(Status::default()),
    }
}

pub(super) fn timestamp(identity: &ServerIdentity) -> pb::AllocTimestampResponse {
    pb::AllocTimestampResponse { status: Some(Status::default()), timestamp: identity.timestamp() }
}
