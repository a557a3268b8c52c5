//! The line in the log about a call that the upstream did not answer, with the decision that let
//! it pass.

use std::sync::Arc;

use tonic::Status;

use super::error::UpstreamError;
use crate::credential::{Caller, Peer};
use crate::layer::Admitted;
use crate::log::{Clipped, LogPace};

/// What is to be known about a call once it has failed.
pub(super) struct Trace {
    caller: Option<Caller>,
    admitted: Admitted,
    pace: Arc<LogPace>,
}

impl Trace {
    pub(super) fn new(caller: Option<Caller>, admitted: Admitted, pace: Arc<LogPace>) -> Self {
        Self { caller, admitted, pace }
    }

    /// Who calls, if that was asked.
    pub(super) fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// What was decided.
    pub(super) fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// Leaves the line, or counts it for the next one. What the caller is told comes back.
    pub(super) fn failed(&self, error: &UpstreamError) -> Status {
        if *error != UpstreamError::Withdrawn
            && let Some(suppressed) = self.pace.admit()
        {
            self.note(error, suppressed);
        }
        error.status()
    }

    fn note(&self, error: &UpstreamError, suppressed: u64) {
        let Admitted { requirement, database, ground } = &self.admitted;
        let peer = self.caller.as_ref().map_or(Peer::LOCAL, Caller::peer);
        let name = self.caller.as_ref().map_or("", Caller::name);
        tracing::info!(
            caller = ?Clipped(name), %peer, rpc = requirement.method,
            database = ?Clipped(database), ?ground, %error, suppressed,
            "allowed, and not answered by the upstream"
        );
    }
}
