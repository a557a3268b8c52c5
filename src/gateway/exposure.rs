//! Whether the upstream can be used around the gateway.

use tonic::Code;

use super::Gateway;
use super::error::UpstreamError;

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

impl Gateway {
    /// Asks the upstream for its version without a login.
    ///
    /// # Errors
    /// It cannot be reached, or does not speak gRPC.
    pub async fn exposure(&self) -> Result<Exposure, UpstreamError> {
        match self.link().ask_version(false).await? {
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
        if self.link().authorization.is_none() {
            return Ok(None);
        }
        let code = self.link().ask_version(true).await?;
        Ok(Some(code != Code::Unauthenticated))
    }

    /// Whether others may read our own login on its way.
    #[must_use]
    pub fn sends_login_in_clear(&self) -> bool {
        let address = self.address();
        self.link().authorization.is_some() && !address.tls && !address.is_loopback()
    }

    fn is_private(&self) -> bool {
        let options = &self.link().options;
        options.address.is_loopback() || (options.address.tls && options.tls.identity.is_some())
    }
}
