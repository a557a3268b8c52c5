//! Grants follow collections and databases that are dropped or renamed through the gateway: after
//! the upstream has done it, and before anybody hears of it.
//!
//! Such a call goes on to its end whatever becomes of its caller or of the caller's deadline, because
//! the upstream may have acted already; where its answer does not say, the upstream is asked
//! (`aftermath.rs`). Its small message is read whole: what the grants follow is what was decided on.
//! A process that is killed between the upstream's act and the change leaves the grants behind.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use prost::Message as _;
use tonic::Status;
use tonic::body::Body;

use super::Gateway;
use super::aftermath::{Outcome, find_out, outcome, real_name};
use super::deadline::TIMEOUT;
use super::error::UpstreamError;
use super::trace::Trace;
use super::whole::{Whole, framed};
use crate::admin::{Admin, AdminError};
use crate::api::undecodable;
use crate::credential::{Caller, Peer};
use crate::layer::Admitted;
use crate::proto::common::{ErrorCode, Status as MilvusStatus};
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

/// Longest time that the upstream has for it.
const LIMIT: Duration = Duration::from_secs(600);

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
        let unreadable = |error: prost::DecodeError| undecodable(&error.to_string());
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
        mut headers: HeaderMap,
        body: Body,
        admitted: &Admitted,
        caller: Option<&Caller>,
        trace: Trace,
    ) -> Result<Response<Body>, Status> {
        let caller = caller.cloned().unwrap_or_else(|| Caller::unauthenticated(Peer::LOCAL));
        let frame = collect(body).await?;
        let method = admitted.requirement.method;
        let message = frame.get(5..).unwrap_or_default();
        let event = Event::read(method, message, &admitted.database)?;
        // Half of it done because somebody was in a hurry would be half of it undone.
        headers.remove(TIMEOUT);
        let (gateway, path) = (self.clone(), admitted.requirement.path);
        // A task of its own, which nobody can abandon and the shutdown waits for.
        let task = self.tasks().spawn(async move {
            match gateway.act(path, headers, frame, event, caller).await {
                Ok(answer) => answer,
                Err(error) => trace.failed(&error).into_http(),
            }
        });
        task.await.map_err(|_| Status::internal("the call failed inside the gateway"))
    }

    async fn act(
        &self,
        path: &'static str,
        headers: HeaderMap,
        frame: Bytes,
        event: Event,
        caller: Caller,
    ) -> Result<Response<Body>, UpstreamError> {
        if let Some(collection) = real_name(self.link(), &event).await? {
            return Ok(by_alias(&event, &collection));
        }
        let sent = self.link().send_for_whole(path, headers, Body::new(Full::new(frame)));
        let answer = tokio::time::timeout(LIMIT, sent).await.unwrap_or(Err(UpstreamError::Late));
        match outcome(&answer) {
            Outcome::Done => {
                if let Err(error) = self.follow(&event, &caller).await {
                    return Ok(left_behind(&event, &error));
                }
            }
            Outcome::Refused => {}
            Outcome::Unclear => {
                let gateway = self.clone();
                self.tasks().spawn(async move { gateway.clear_up(&event, &caller).await });
            }
        }
        answer.and_then(Whole::welcome).map(Whole::into_response)
    }

    /// Lets the grants follow once it is known that they must. Whoever has asked has been told that
    /// it is not known.
    async fn clear_up(&self, event: &Event, caller: &Caller) {
        match find_out(self.link(), event).await {
            Some(true) => {
                if let Err(error) = self.follow(event, caller).await {
                    let _told = left_behind(event, &error);
                }
            }
            Some(false) => tracing::info!(
                ?event,
                "the upstream broke off, and has not done it; the grants stay"
            ),
            None => tracing::error!(
                ?event,
                "whether the upstream has done it could not be found out; if it has, its grants \
                 are still there: revoke them by hand"
            ),
        }
    }

    /// Brings the grants in line, again if that fails: nobody else will.
    async fn follow(&self, event: &Event, caller: &Caller) -> Result<(), AdminError> {
        let admin = self.admin();
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

/// What is said where it has been done and the grants are still there.
fn left_behind(event: &Event, error: &AdminError) -> Response<Body> {
    tracing::error!(?event, %error, "the upstream has done it, and the grants are still there");
    Status::unavailable(format!(
        "the server behind this gateway has done what was asked for, but the grants on it could \
         not be brought in line ({error}); revoke them by hand"
    ))
    .into_http()
}

/// The answer to a request that names a collection by an alias: some servers would drop or rename
/// what the alias stands for, and the grants on that would stay. Milvus refuses it, too.
fn by_alias(event: &Event, collection: &str) -> Response<Body> {
    let (Event::Dropped { collection: name, .. } | Event::Renamed { from: (_, name), .. }) = event
    else {
        return Status::internal("a database has no alias").into_http();
    };
    let reason = format!("`{name}` is an alias of the collection `{collection}`; name that");
    let status = MilvusStatus {
        error_code: ErrorCode::IllegalArgument as i32,
        code: 1100,
        detail: reason.clone(),
        reason,
        ..MilvusStatus::default()
    };
    let mut trailers = HeaderMap::new();
    // The code of a call that came to an answer.
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Ok::<_, Status>(Frame::data(framed(&status))), Ok(Frame::trailers(trailers))];
    let mut answer = Response::new(Body::new(StreamBody::new(futures_util::stream::iter(frames))));
    let grpc = HeaderValue::from_static("application/grpc");
    answer.headers_mut().insert(CONTENT_TYPE, grpc);
    answer
}

/// The frame of a small request.
async fn collect(mut body: Body) -> Result<Bytes, Status> {
    let mut frame = BytesMut::new();
    while let Some(part) = body.frame().await {
        if let Ok(data) = part?.into_data() {
            frame.extend_from_slice(&data);
        }
        if frame.len() > MOST_BYTES {
            return Err(Status::resource_exhausted(format!(
                "this request may have at most {MOST_BYTES} bytes"
            )));
        }
    }
    Ok(frame.freeze())
}
