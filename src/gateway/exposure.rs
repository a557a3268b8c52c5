//! Whether the upstream can be used around the gateway.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, Full};
use tonic::body::Body;
use tonic::{Code, Status};

use super::Gateway;
use super::answer::check;
use super::error::UpstreamError;
use super::metadata::outgoing;
use crate::model::DEFAULT_DATABASE;

/// What the upstream does with a call that brings no login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// It refuses it.
    Closed,
    /// It answers it, and is where nobody but the gateway can ask it: on this machine, or behind a
    /// certificate that it asks for.
    Private,
    /// It answers it, to everybody who can reach it.
    Open,
}

const VERSION: &str = "/milvus.proto.milvus.MilvusService/GetVersion";

impl Gateway {
    /// Asks the upstream for its version without a login.
    ///
    /// # Errors
    /// It cannot be reached, or does not speak gRPC.
    pub async fn exposure(&self) -> Result<Exposure, UpstreamError> {
        match self.ask_version(None).await? {
            Code::Unauthenticated | Code::PermissionDenied => Ok(Exposure::Closed),
            _ if self.is_private() => Ok(Exposure::Private),
            _ => Ok(Exposure::Open),
        }
    }

    /// Whether the upstream takes our own login; nothing without one.
    ///
    /// # Errors
    /// It cannot be reached, or does not speak gRPC.
    pub async fn is_known(&self) -> Result<Option<bool>, UpstreamError> {
        let Some(credential) = &self.inner().options.credential else { return Ok(None) };
        let code = self.ask_version(Some(&credential.header())).await?;
        Ok(Some(code != Code::Unauthenticated))
    }

    fn is_private(&self) -> bool {
        let options = &self.inner().options;
        options.address.is_loopback() || (options.address.tls && options.tls.identity.is_some())
    }

    async fn ask_version(&self, login: Option<&HeaderValue>) -> Result<Code, UpstreamError> {
        let headers = outgoing(&HeaderMap::new(), DEFAULT_DATABASE, login);
        let headers = headers.map_err(|status| UpstreamError::Garbage(status.to_string()))?;
        // An empty message.
        let body = Body::new(Full::new(Bytes::from_static(&[0; 5])));
        let asked = self.send(VERSION, headers, body);
        let limit = self.inner().options.connect_timeout;
        let answer =
            tokio::time::timeout(limit, asked).await.map_err(|_| UpstreamError::Late)??;
        let (parts, body) = check(answer)?;
        if let Some(status) = Status::from_header_map(&parts.headers) {
            return Ok(status.code());
        }
        let rest = tokio::time::timeout(limit, body.collect());
        let whole = rest.await.map_err(|_| UpstreamError::Late)?;
        let whole = whole.map_err(|error| UpstreamError::BrokeOff(error.to_string()))?;
        let status = whole.trailers().and_then(Status::from_header_map);
        status.map(|status| status.code()).ok_or(UpstreamError::Garbage("no status".to_owned()))
    }
}
