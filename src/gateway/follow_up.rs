//! Grants follow collections and databases that are dropped or renamed through the gateway: after
//! the upstream has done it, and before anybody hears of it.
//!
//! Such a call goes on to its end whatever becomes of its caller, because the upstream may have
//! acted already. Its small message is read whole: what the grants follow is what was decided on.

use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use tonic::Status;
use tonic::body::Body;

use super::Gateway;
use super::answer::check;
use super::error::UpstreamError;
use super::trace::Trace;
use super::whole::Whole;
use crate::admin::{Admin, AdminError};
use crate::credential::{Caller, Peer};
use crate::layer::Admitted;
use crate::proto::common::Status as MilvusStatus;
use crate::proto::milvus as pb;

/// What grants follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Dropped { database: String, collection: String },
    Renamed { from: (String, String), to: (String, String) },
    DatabaseDropped { database: String },
}

/// Most bytes of a request that grants follow; it holds no more than a few names.
const MOST_BYTES: usize = 64 << 10;

/// Pauses between tries to bring the grants in line.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1500),
    Duration::from_secs(3),
];

impl Event {
    /// Whether grants follow this RPC.
    pub(super) fn is_caused_by(method: &str) -> bool {
        matches!(method, "DropCollection" | "RenameCollection" | "DropDatabase")
    }

    /// What a request asks for. `database` is the one that was decided about.
    fn read(method: &str, message: &[u8], database: &str) -> Result<Self, Status> {
        let unreadable = |error: prost::DecodeError| crate::api::undecodable(&error.to_string());
        let database = database.to_owned();
        Ok(match method {
            "DropCollection" => {
                let request = pb::DropCollectionRequest::decode(message).map_err(unreadable)?;
                Self::Dropped { database, collection: request.collection_name }
            }
            "RenameCollection" => {
                let request = pb::RenameCollectionRequest::decode(message).map_err(unreadable)?;
                // The upstream has been told that same database, and takes it for an empty one.
                let other = Some(request.new_db_name).filter(|name| !name.is_empty());
                let other = other.unwrap_or_else(|| database.clone());
                Self::Renamed { from: (database, request.old_name), to: (other, request.new_name) }
            }
            _ => Self::DatabaseDropped { database },
        })
    }

    async fn follow(&self, admin: &Admin, caller: &Caller) -> Result<(), AdminError> {
        match self {
            Self::Dropped { database, collection } => {
                admin.collection_dropped(caller, database, collection).await
            }
            Self::Renamed { from, to } => {
                admin.collection_renamed(caller, &from.0, &from.1, &to.0, &to.1).await
            }
            Self::DatabaseDropped { database } => admin.database_dropped(caller, database).await,
        }
    }
}

impl Gateway {
    /// Sends such a request on and lets the grants follow.
    pub(super) async fn pass_with_grants(
        &self,
        request: Request<Body>,
        headers: HeaderMap,
        admitted: &Admitted,
        trace: Trace,
    ) -> Result<Response<Body>, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.unwrap_or_else(|| Caller::unauthenticated(Peer::LOCAL));
        let frame = collect(request.into_body()).await?;
        let method = admitted.requirement.method;
        let message = frame.get(5..).unwrap_or_default();
        let event = Event::read(method, message, &admitted.database)?;
        let (gateway, path) = (self.clone(), admitted.requirement.path);
        // A task of its own, which nobody can abandon.
        let task = tokio::spawn(async move {
            let outcome = gateway.act(path, headers, frame, &event, &caller).await;
            outcome.unwrap_or_else(|error| trace.failed(&error).into_http())
        });
        task.await.map_err(|_| Status::internal("the call failed inside the gateway"))
    }

    async fn act(
        &self,
        path: &'static str,
        headers: HeaderMap,
        frame: Bytes,
        event: &Event,
        caller: &Caller,
    ) -> Result<Response<Body>, UpstreamError> {
        let answer = self.send(path, headers, Body::new(Full::new(frame))).await?;
        let (parts, body) = check(answer)?;
        let whole = Whole::read(parts, body).await?;
        if let Some(status) = whole.message::<MilvusStatus>()?
            && is_success(&status)
            && let Err(error) = self.follow(event, caller).await
        {
            tracing::error!(?event, %error, "the upstream has done it, and the grants did not follow");
            return Ok(Status::unavailable(format!(
                "the server behind this gateway has done what was asked for, but the grants on it \
                 could not be brought in line ({error}); revoke them by hand"
            ))
            .into_http());
        }
        Ok(whole.into_response())
    }

    /// Brings the grants in line, again if that fails: nobody else will.
    async fn follow(&self, event: &Event, caller: &Caller) -> Result<(), AdminError> {
        let admin = &self.inner().admin;
        for pause in PAUSES {
            match event.follow(admin, caller).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tracing::warn!(?event, %error, "the grants have not followed yet");
                    tokio::time::sleep(pause).await;
                }
            }
        }
        event.follow(admin, caller).await
    }
}

/// Whether both codes say so; some servers set only one of them.
fn is_success(status: &MilvusStatus) -> bool {
    status.code == 0 && status.error_code == 0
}

/// The frame of a small request.
async fn collect(mut body: Body) -> Result<Bytes, Status> {
    let mut frame = BytesMut::new();
    while let Some(part) = body.frame().await {
        if let Ok(data) = part?.into_data() {
            frame.extend_from_slice(data.chunk());
        }
        if frame.len() > MOST_BYTES {
            return Err(Status::resource_exhausted(format!(
                "this request may have at most {MOST_BYTES} bytes"
            )));
        }
    }
    Ok(frame.freeze())
}
