//! What can go wrong with an upstream, and what the caller is told.

use tonic::Status;

/// Why there is no answer of the upstream, or no whole one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// There is no connection; nothing has been sent.
    #[error("the upstream cannot be reached: {0}")]
    Unreachable(String),
    /// The connection or the call broke off; whether it has acted is not known.
    #[error("the upstream broke off: {0}")]
    BrokeOff(String),
    /// What came is not an answer to a gRPC call.
    #[error("the upstream answered with what is not gRPC: {0}")]
    Garbage(String),
    /// It asks for a login and does not take ours, or gets none. That is no fault of the caller's,
    /// whose own login is good.
    #[error("the upstream refuses the gateway's own login, see rbac.upstream.username and token")]
    Unwelcome,
    /// The request ended before it was complete: it turned out forbidden, or its caller left.
    #[error("the request was not completed")]
    Withdrawn,
    /// The caller's deadline is over.
    #[error("the upstream did not answer within the deadline of the call")]
    Late,
}

impl UpstreamError {
    /// What the caller is told. UNAVAILABLE is what a client makes of the same failure when it is
    /// connected to the upstream itself. Details stay in the log: they are about a network that is
    /// none of the caller's business.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Unreachable(_) => Status::unavailable(
                "the server behind this gateway cannot be reached; try again later",
            ),
            Self::BrokeOff(_) => Status::unavailable(
                "the server behind this gateway broke off before it had answered; whether it has \
                 done what was asked for is not known",
            ),
            Self::Garbage(_) => Status::unavailable(
                "the server behind this gateway gave an answer that cannot be read; whether it has \
                 done what was asked for is not known",
            ),
            Self::Unwelcome => Status::unavailable(
                "the server behind this gateway refuses the gateway's own login; tell its operator",
            ),
            // Whoever has refused the rest of the request says why.
            Self::Withdrawn => Status::cancelled("the request was not completed"),
            Self::Late => Status::deadline_exceeded(
                "the server behind this gateway did not answer within the deadline of the call",
            ),
        }
    }
}
