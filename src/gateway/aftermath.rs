//! Finds out whether the upstream has done what it did not say that it has done: its answer was
//! lost, or says no more than that it took too long.

use std::time::Duration;

use tonic::Code;

use super::error::UpstreamError;
use super::follow_up::Event;
use super::link::Link;
use super::whole::Whole;
use crate::proto::common::Status as MilvusStatus;
use crate::proto::milvus as pb;

const DESCRIBE: &str = "/milvus.proto.milvus.MilvusService/DescribeCollection";
const DATABASES: &str = "/milvus.proto.milvus.MilvusService/ListDatabases";

/// Pauses between questions to an upstream that does not answer them: about two minutes in all.
const PAUSES: [Duration; 8] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
    Duration::from_secs(40),
];

/// Milvus's codes for what is not there: a collection, an alias, a database; and the old code.
const NOT_FOUND: i32 = 100;
const ALIAS_NOT_FOUND: i32 = 1600;
const DATABASE_NOT_FOUND: i32 = 800;
const LEGACY_NOT_EXISTS: i32 = 4;

/// What an answer says of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Refused,
    /// It may have been done.
    Unclear,
}

/// What the answer of such a call says.
pub(super) fn outcome(answer: &Result<Whole, UpstreamError>) -> Outcome {
    let whole = match answer {
        Ok(whole) => whole,
        Err(UpstreamError::Unreachable(_)) => return Outcome::Refused,
        Err(_) => return Outcome::Unclear,
    };
    match whole.status() {
        Code::Ok => match whole.message::<MilvusStatus>() {
            Ok(Some(status)) if is_success(&status) => Outcome::Done,
            // Cancelled, or out of time, inside.
            Ok(Some(status)) if [10_000, 10_001].contains(&status.code) => Outcome::Unclear,
            Ok(Some(_)) => Outcome::Refused,
            Ok(None) | Err(_) => Outcome::Unclear,
        },
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented => Outcome::Refused,
        _ => Outcome::Unclear,
    }
}

/// Whether both codes say so; some servers set only one of them.
fn is_success(status: &MilvusStatus) -> bool {
    status.code == 0 && status.error_code == 0
}

/// Asks the upstream for a while whether it has happened; nothing if it never says. That it has
/// not happened is no end of asking: it may be busy with it.
pub(super) async fn find_out(link: &Link, event: &Event) -> Option<bool> {
    let mut last = None;
    for pause in PAUSES {
        tokio::time::sleep(pause).await;
        match has_happened(link, event).await {
            Ok(Some(true)) => return Some(true),
            Ok(said) => last = said.or(last),
            Err(error) => tracing::debug!(?event, %error, "whether it has happened is not known"),
        }
    }
    last
}

async fn has_happened(link: &Link, event: &Event) -> Result<Option<bool>, UpstreamError> {
    match event {
        Event::Dropped { database, collection } => is_gone(link, database, collection).await,
        Event::Renamed { from: (database, name), .. } => is_gone(link, database, name).await,
        Event::DatabaseDropped { database } => {
            let request = pb::ListDatabasesRequest::default();
            let whole = link.ask(DATABASES, &request, database, true).await?;
            let answer = whole.message::<pb::ListDatabasesResponse>()?;
            let answer = answer.filter(|answer| answer.status.as_ref().is_none_or(is_success));
            Ok(answer.map(|answer| !answer.db_names.contains(database)))
        }
    }
}

/// The name of the collection behind an alias, if the event names one by an alias.
///
/// # Errors
/// The upstream does not say, so it is not known what it would do.
pub(super) async fn real_name(link: &Link, event: &Event) -> Result<Option<String>, UpstreamError> {
    let (database, name) = match event {
        Event::Dropped { database, collection } => (database, collection),
        Event::Renamed { from: (database, name), .. } => (database, name),
        Event::DatabaseDropped { .. } => return Ok(None),
    };
    let unknown = |why| UpstreamError::Garbage(format!("it does not say what `{name}` is: {why}"));
    let answer = describe(link, database, name).await?;
    let answer = answer.ok_or_else(|| unknown("the question failed".to_owned()))?;
    let status = answer.status.unwrap_or_default();
    match (status.code, status.error_code) {
        (0, 0) => {
            let real = answer.collection_name;
            Ok((!real.is_empty() && real != *name).then_some(real))
        }
        (NOT_FOUND | ALIAS_NOT_FOUND | DATABASE_NOT_FOUND, _) | (0, LEGACY_NOT_EXISTS) => Ok(None),
        (code, legacy) => Err(unknown(format!("code {code}, {legacy}"))),
    }
}

/// Whether there is no such collection; nothing if the answer does not say.
async fn is_gone(link: &Link, database: &str, name: &str) -> Result<Option<bool>, UpstreamError> {
    let Some(answer) = describe(link, database, name).await? else { return Ok(None) };
    let status = answer.status.unwrap_or_default();
    Ok(match (status.code, status.error_code) {
        (0, 0) => Some(false),
        (NOT_FOUND, _) | (0, LEGACY_NOT_EXISTS) => Some(true),
        _ => None,
    })
}

/// What the upstream says of a collection; nothing where the call has failed.
async fn describe(
    link: &Link,
    database: &str,
    name: &str,
) -> Result<Option<pb::DescribeCollectionResponse>, UpstreamError> {
    let request = pb::DropCollectionRequest {
        base: None,
        db_name: database.to_owned(),
        collection_name: name.to_owned(),
    };
    // The two requests have these fields alike.
    link.ask(DESCRIBE, &request, database, true).await?.message()
}
