//! What a status says of the request that it answers.

use tonic::{Code, Status};

use super::connect::Trouble;
use crate::log::with_causes;

/// Whether the cluster has refused a request before it did anything. Everything else may also be
/// said of a request that has been passed on. What has a cause was said by nobody but our own side
/// of the connection, and says nothing: a connection that is closed because of too many pings has
/// the code of a refusal, too.
pub(super) fn is_refusal(status: &Status) -> bool {
    was_answered(status)
        && matches!(
            status.code(),
            Code::InvalidArgument
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::FailedPrecondition
                | Code::OutOfRange
                | Code::Unimplemented
        )
}

/// Whether the cluster itself has said so.
pub(super) fn was_answered(status: &Status) -> bool {
    std::error::Error::source(status).is_none()
}

/// What the cluster said; or why it could not, if the connection has told.
pub(super) fn describe(status: &Status, trouble: &Trouble) -> String {
    let Some(cause) = std::error::Error::source(status).map(with_causes) else {
        return status.message().to_owned();
    };
    let mut text = status.message().to_owned();
    for more in [Some(&*cause), trouble.get()].into_iter().flatten() {
        if !text.contains(more) {
            text = format!("{text}: {more}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_what_the_cluster_said_and_not_what_became_of_the_connection() {
        assert!(is_refusal(&Status::permission_denied("etcdserver: permission denied")));
        let full = Status::resource_exhausted("etcdserver: mvcc: database space exceeded");
        assert!(was_answered(&full) && !is_refusal(&full), "it may have been what filled it");
        assert!(!is_refusal(&Status::unavailable("etcdserver: leader changed")));
        let closed = h2::Error::from(h2::Reason::ENHANCE_YOUR_CALM);
        let status = Status::from_error(Box::new(closed));
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(!was_answered(&status) && !is_refusal(&status), "it may have happened");
    }
}
