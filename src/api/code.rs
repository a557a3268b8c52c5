//! The one table from an error to its Milvus code, legacy code, gRPC status and HTTP status.
//!
//! The matches have no wildcard arm, so a new error does not compile until somebody has decided
//! what it is. Numbers are those of Milvus; the source of each rule is section 4 of the gRPC
//! facts that the tests restate.

use tonic::Code;

use crate::admin::{AdminError, GrantError, GroupError};
use crate::credential::CredentialError;
use crate::policy::Denial;
use crate::proto::common::ErrorCode;
use crate::writer::WriteError;

/// Which operation failed: some failures carry the legacy code of their operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `CreateCredential`.
    CreateCredential,
    /// `UpdateCredential`.
    UpdateCredential,
    /// `DeleteCredential`.
    DeleteCredential,
    /// `CreateRole`.
    CreateRole,
    /// `AlterRole`, which has no legacy code of its own.
    AlterRole,
    /// `DropRole`.
    DropRole,
    /// `OperateUserRole`.
    OperateUserRole,
    /// `SelectRole`.
    SelectRole,
    /// `SelectUser`.
    SelectUser,
    /// `SelectGrant`.
    SelectGrant,
    /// `OperatePrivilege` and `OperatePrivilegeV2`.
    OperatePrivilege,
    /// `CreatePrivilegeGroup`.
    CreatePrivilegeGroup,
    /// `DropPrivilegeGroup`.
    DropPrivilegeGroup,
    /// `OperatePrivilegeGroup`.
    OperatePrivilegeGroup,
    /// `RestoreRBAC`, which shares a legacy code with `OperatePrivilege`.
    RestoreRbac,
    /// Anything else; it has no legacy code of its own.
    Other,
}

impl Operation {
    fn legacy(self) -> ErrorCode {
        match self {
            Self::CreateCredential => ErrorCode::CreateCredentialFailure,
            Self::UpdateCredential => ErrorCode::UpdateCredentialFailure,
            Self::DeleteCredential => ErrorCode::DeleteCredentialFailure,
            Self::CreateRole => ErrorCode::CreateRoleFailure,
            Self::DropRole => ErrorCode::DropRoleFailure,
            Self::OperateUserRole => ErrorCode::OperateUserRoleFailure,
            Self::SelectRole => ErrorCode::SelectRoleFailure,
            Self::SelectUser => ErrorCode::SelectUserFailure,
            Self::SelectGrant => ErrorCode::SelectGrantFailure,
            Self::OperatePrivilege | Self::RestoreRbac => ErrorCode::OperatePrivilegeFailure,
            Self::CreatePrivilegeGroup => ErrorCode::CreatePrivilegeGroupFailure,
            Self::DropPrivilegeGroup => ErrorCode::DropPrivilegeGroupFailure,
            Self::OperatePrivilegeGroup => ErrorCode::OperatePrivilegeGroupFailure,
            Self::AlterRole | Self::Other => ErrorCode::UnexpectedError,
        }
    }
}

/// How a failure is told where it is no answer of the operation but of the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport {
    /// Over gRPC.
    pub grpc: Code,
    /// Over HTTP: the status.
    pub http: u16,
    /// Over HTTP: the code in the body.
    pub code: i32,
}

/// A failed operation, ready to be written in either API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Milvus's code.
    pub code: i32,
    /// The code that old clients know.
    pub legacy: ErrorCode,
    /// The text; it is `reason` and `detail` of a Status and `message` over HTTP.
    pub reason: String,
    /// Whether trying again as it is may succeed, and nothing was written.
    pub retriable: bool,
    /// Whether the request itself is at fault.
    pub input: bool,
    /// Set if this is told by the transport instead of a Status.
    pub transport: Option<Transport>,
}

/// Milvus codes that occur.
mod number {
    pub(super) const UNAVAILABLE: i32 = 2;
    pub(super) const INTERNAL: i32 = 5;
    pub(super) const RATE_LIMIT: i32 = 8;
    pub(super) const QUOTA: i32 = 9;
    pub(super) const DATABASE_NOT_FOUND: i32 = 800;
    pub(super) const DATABASE_NAME: i32 = 802;
    pub(super) const PARAMETER: i32 = 1100;
    pub(super) const NOT_AUTHENTICATED: i32 = 1400;
    pub(super) const NOT_PERMITTED: i32 = 1401;
    pub(super) const GROUP_NAME: i32 = 1402;
    pub(super) const REST_NOT_AUTHENTICATED: i32 = 1800;
    pub(super) const REST_TOO_LARGE: i32 = 1801;
    pub(super) const UNEXPECTED: i32 = 65535;
}

/// Too many password checks wait.
const BUSY: Transport =
    Transport { grpc: Code::ResourceExhausted, http: 429, code: number::RATE_LIMIT };

/// Nothing can be said or done at the moment: the server is shutting down, its state is too old,
/// or it has failed. Nothing was written.
const UNAVAILABLE: Transport =
    Transport { grpc: Code::Unavailable, http: 503, code: number::UNAVAILABLE };

/// An answer of ours that is larger than `proxy.grpc.serverMaxSendSize` allows. Asking again gives
/// the same, so it has codes that no client tries again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the answer has {bytes} bytes, and proxy.grpc.serverMaxSendSize allows {most}: ask for one user, \
     role or group at a time, or raise the limit and with it what the client takes"
)]
pub struct AnswerTooLarge {
    bytes: usize,
    most: usize,
}

impl AnswerTooLarge {
    /// How it is told. The code over HTTP is the one of a request that is too large.
    pub const TRANSPORT: Transport =
        Transport { grpc: Code::ResourceExhausted, http: 413, code: number::REST_TOO_LARGE };

    /// Whether an answer of this many bytes may go out.
    ///
    /// # Errors
    /// It is too large.
    pub fn check(bytes: usize, most: usize) -> Result<(), Self> {
        if bytes > most { Err(Self { bytes, most }) } else { Ok(()) }
    }
}

/// What an operation's error becomes.
#[must_use]
pub fn refusal(operation: Operation, error: &AdminError) -> Refusal {
    use number::{DATABASE_NOT_FOUND, INTERNAL, NOT_AUTHENTICATED, NOT_PERMITTED, PARAMETER};
    use number::{QUOTA, UNEXPECTED};

    let illegal = ErrorCode::IllegalArgument;
    let unexpected = ErrorCode::UnexpectedError;
    let own = operation.legacy();
    // Code, legacy code, whether the request is at fault.
    let (code, legacy, input) = match error {
        AdminError::Name(_)
        | AdminError::UserDescription { .. }
        | AdminError::RoleDescription { .. }
        | AdminError::PasswordEncoding(_)
        | AdminError::NewPasswordEncoding(_)
        | AdminError::OldPasswordEncoding(_)
        | AdminError::Password(_)
        | AdminError::NothingToUpdate
        | AdminError::GrantPart(_) => (PARAMETER, illegal, true),
        AdminError::UserExists(_)
        | AdminError::UpdateWithoutName
        | AdminError::DeleteWithoutName
        | AdminError::RoleExists(_)
        | AdminError::UnknownRole
        | AdminError::RoleHasGrants
        | AdminError::BindUnknownUser(_)
        | AdminError::OperateType
        | AdminError::GrantsOfUnknownRole(_)
        | AdminError::ObjectType(_)
        | AdminError::Restore(_) => (PARAMETER, own, true),
        AdminError::UserQuota | AdminError::RoleQuota => (QUOTA, own, false),
        AdminError::OldPassword(_) => (NOT_AUTHENTICATED, unexpected, true),
        AdminError::DeleteRoot
        | AdminError::DefaultRole { .. }
        | AdminError::DatabaseHidden(_)
        | AdminError::OnlyAdmins
        | AdminError::LastAdmin(_) => (NOT_PERMITTED, unexpected, true),
        AdminError::ConfiguredRole { .. } => (NOT_PERMITTED, own, true),
        AdminError::Grant(error) => (PARAMETER, grant_code(error, own), true),
        AdminError::Group(error) => {
            let (code, legacy) = group_code(error, own);
            (code, legacy, true)
        }
        AdminError::DatabaseName(_) => (number::DATABASE_NAME, unexpected, true),
        AdminError::UpdateUnknownUser | AdminError::AlterUnknownRole => (UNEXPECTED, own, false),
        AdminError::ConnectDatabase(_) => (DATABASE_NOT_FOUND, unexpected, true),
        AdminError::Database(_) => (DATABASE_NOT_FOUND, unexpected, false),
        AdminError::Write(WriteError::Panicked) | AdminError::Hashing => {
            (INTERNAL, unexpected, false)
        }
        AdminError::Write(
            WriteError::ReadOnly | WriteError::Refused | WriteError::Unknown | WriteError::Closed,
        ) => (number::UNAVAILABLE, unexpected, false),
        AdminError::Busy | AdminError::Throttled => {
            (number::RATE_LIMIT, ErrorCode::RateLimit, false)
        }
        AdminError::CallerGone => (number::REST_NOT_AUTHENTICATED, unexpected, false),
    };
    let transport = match error {
        AdminError::Busy | AdminError::Throttled => Some(BUSY),
        AdminError::CallerGone => Some(credential_transport(CredentialError::NoHeader)),
        AdminError::Write(WriteError::Closed) => Some(UNAVAILABLE),
        _ => None,
    };
    Refusal {
        code,
        legacy,
        reason: error.to_string(),
        retriable: may_retry(error),
        input,
        transport,
    }
}

/// The legacy code of a refused grant: its own where the coordinator of Milvus would refuse it.
fn grant_code(error: &GrantError, own: ErrorCode) -> ErrorCode {
    match error {
        GrantError::LevelAction => ErrorCode::IllegalArgument,
        GrantError::Action(_)
        | GrantError::ObjectType
        | GrantError::UnknownRole(_)
        | GrantError::UnknownGrantor(_)
        | GrantError::CustomGroup(_)
        | GrantError::BuiltinGroup(_)
        | GrantError::NotOfObjectType { .. }
        | GrantError::UnknownPrivilege(_)
        | GrantError::ClusterLevel(_)
        | GrantError::DatabaseLevel(_)
        | GrantError::CollectionLevel(_)
        | GrantError::NoLevel => own,
    }
}

/// The code and legacy code of a refused operation on a privilege group.
fn group_code(error: &GroupError, own: ErrorCode) -> (i32, ErrorCode) {
    match error {
        GroupError::NameEmpty | GroupError::NameTooLong { .. } | GroupError::NameFirst(_) => {
            (number::GROUP_NAME, ErrorCode::UnexpectedError)
        }
        GroupError::NameOther(_) => (number::PARAMETER, ErrorCode::IllegalArgument),
        GroupError::Exists(_)
        | GroupError::Reserved(_)
        | GroupError::InUse { .. }
        | GroupError::Unknown(_)
        | GroupError::NoPrivileges
        | GroupError::UnknownMember(_)
        | GroupError::MixedLevels
        | GroupError::Action => (number::PARAMETER, own),
    }
}

/// Whether trying again may succeed and cannot do anything twice.
fn may_retry(error: &AdminError) -> bool {
    matches!(
        error,
        AdminError::Busy
            | AdminError::Write(WriteError::ReadOnly | WriteError::Refused | WriteError::Closed)
    )
}

/// What a failed authentication becomes. The text is the error's own over gRPC; over HTTP every
/// refusal of credentials reads alike.
#[must_use]
pub fn credential_transport(error: CredentialError) -> Transport {
    match error {
        CredentialError::NoHeader
        | CredentialError::BadEncoding
        | CredentialError::NotAPair
        | CredentialError::PasswordTooLong
        | CredentialError::Refused { .. } => Transport {
            grpc: Code::Unauthenticated,
            http: 401,
            code: number::REST_NOT_AUTHENTICATED,
        },
        CredentialError::Busy | CredentialError::Throttled => BUSY,
        CredentialError::Stale | CredentialError::Failed { .. } => UNAVAILABLE,
    }
}

/// What a denial becomes.
#[must_use]
pub fn denial_transport(denial: &Denial) -> Transport {
    match denial {
        Denial::Privilege { .. }
        | Denial::RootOnly(_)
        | Denial::Refused(_)
        | Denial::Principal(_)
        | Denial::Replicated(_)
        | Denial::NoCaller(_) => {
            Transport { grpc: Code::PermissionDenied, http: 403, code: number::UNEXPECTED }
        }
        Denial::UnknownRpc => {
            Transport { grpc: Code::Unimplemented, http: 404, code: number::UNEXPECTED }
        }
        Denial::Stale(_) => UNAVAILABLE,
    }
}
