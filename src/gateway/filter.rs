//! Answers of which the caller sees only a part: the databases and collections that there are.

use http::{HeaderMap, Response};
use prost::Message;
use tonic::Status;
use tonic::body::Body;

use super::Gateway;
use super::error::UpstreamError;
use super::lists::{UnevenLists, retain_collections, retain_databases};
use super::whole::Whole;
use crate::api::credential_transport;
use crate::credential::{Caller, CredentialError};
use crate::layer::Admitted;
use crate::policy::{Need, Requirement};
use crate::proto::milvus as pb;
use crate::snapshot::Sight;

/// Whether the answer of this RPC is filtered.
pub(super) fn is_filtered(requirement: &Requirement) -> bool {
    requirement.documented == Need::Filtered || requirement.milvus == Need::Filtered
}

/// Why a filtered answer does not go back.
pub(super) enum FilterError {
    /// The upstream's answer is of no use.
    Upstream(UpstreamError),
    /// What the caller sees is not known.
    Refused(Status),
}

impl From<UpstreamError> for FilterError {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(error)
    }
}

impl Gateway {
    /// Sends such a call on and filters the answer. Who sees what is looked up once it has come.
    pub(super) async fn pass_filtered(
        &self,
        headers: HeaderMap,
        body: Body,
        admitted: &Admitted,
        caller: Option<&Caller>,
    ) -> Result<Response<Body>, FilterError> {
        let requirement = admitted.requirement;
        let answer = self.link().send_for_whole(requirement.path, headers, body).await?;
        let mut whole = answer.welcome()?;
        let caller = caller.ok_or_else(|| {
            FilterError::Refused(Status::internal("a list has been asked for by nobody"))
        })?;
        let authorizer = self.authorizer();
        match requirement.method {
            "ListDatabases" => {
                filter(&mut whole, authorizer.databases_seen(caller), retain_databases_seen)
            }
            "ShowCollections" => {
                let seen = authorizer.collections_seen(caller, &admitted.database);
                filter(&mut whole, seen, retain_collections_seen)
            }
            // A row that is new, and of whose answer nothing is known.
            other => Err(FilterError::Refused(Status::unimplemented(format!(
                "the answer of {other} would have to be filtered, which is not known here"
            )))),
        }?;
        Ok(whole.into_response())
    }
}

fn filter<M: Message + Default>(
    whole: &mut Whole,
    sight: Result<Sight, CredentialError>,
    retain: fn(&mut M, &Sight) -> Result<(), UnevenLists>,
) -> Result<(), FilterError> {
    let Some(mut message) = whole.message::<M>()? else {
        // The call has failed; there is nothing in it to see.
        whole.clear();
        return Ok(());
    };
    let sight = sight.map_err(|error| {
        let code = credential_transport(error).grpc;
        FilterError::Refused(Status::new(code, error.to_string()))
    })?;
    retain(&mut message, &sight)
        .map_err(|uneven| FilterError::Upstream(UpstreamError::Garbage(uneven.to_string())))?;
    whole.replace(&message);
    Ok(())
}

fn retain_databases_seen(
    answer: &mut pb::ListDatabasesResponse,
    sight: &Sight,
) -> Result<(), UnevenLists> {
    retain_databases(answer, |name| sight.shows(name))
}

fn retain_collections_seen(
    answer: &mut pb::ShowCollectionsResponse,
    sight: &Sight,
) -> Result<(), UnevenLists> {
    retain_collections(answer, |name| sight.shows(name))
}
