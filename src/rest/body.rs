//! Reading a request body within limits, and which shape each endpoint's body has.

use std::error::Error;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::answer::{Answer, failure, number};
use super::shape::{Body, Field, Shape};
use crate::api::Endpoint;

/// What comes before each complaint about a body.
const NOT_JSON: &str = "can only accept json format request";

static DATABASE: Shape = Shape { name: "DatabaseReq", fields: &[Field::DbName], required: &[] };
static USER: Shape =
    Shape { name: "UserReq", fields: &[Field::UserName], required: &[Field::UserName] };
static PASSWORD: Shape = Shape {
    name: "PasswordReq",
    fields: &[Field::UserName, Field::Password, Field::Description],
    required: &[Field::UserName, Field::Password],
};
static NEW_PASSWORD: Shape = Shape {
    name: "NewPasswordReq",
    fields: &[Field::UserName, Field::Password, Field::NewPassword, Field::Description],
    required: &[Field::UserName],
};
static USER_ROLE: Shape = Shape {
    name: "UserRoleReq",
    fields: &[Field::UserName, Field::RoleName],
    required: &[Field::UserName, Field::RoleName],
};
static ROLE: Shape = Shape {
    name: "RoleReq",
    fields: &[Field::DbName, Field::RoleName, Field::Description],
    required: &[Field::RoleName],
};

static GRANT: Shape = Shape {
    name: "GrantReq",
    fields: &[
        Field::RoleName,
        Field::ObjectType,
        Field::ObjectName,
        Field::Privilege,
        Field::DbName,
    ],
    required: &[Field::RoleName, Field::ObjectType, Field::ObjectName, Field::Privilege],
};
// The collection is needed, too; only the operation says so.
static GRANT_V2: Shape = Shape {
    name: "GrantV2Req",
    fields: &[Field::RoleName, Field::DbName, Field::CollectionName, Field::Privilege],
    required: &[Field::RoleName, Field::Privilege],
};
static PRIVILEGE_GROUP: Shape = Shape {
    name: "PrivilegeGroupReq",
    fields: &[Field::PrivilegeGroupName, Field::Privileges],
    required: &[Field::PrivilegeGroupName],
};

/// The shape of an endpoint's body.
fn shape(endpoint: Endpoint) -> &'static Shape {
    match endpoint {
        Endpoint::UsersList | Endpoint::RolesList | Endpoint::GroupsList => &DATABASE,
        Endpoint::RolesGrant | Endpoint::RolesRevoke => &GRANT,
        Endpoint::RolesGrantV2 | Endpoint::RolesRevokeV2 => &GRANT_V2,
        Endpoint::GroupsCreate
        | Endpoint::GroupsDrop
        | Endpoint::GroupsAdd
        | Endpoint::GroupsRemove => &PRIVILEGE_GROUP,
        Endpoint::UsersDescribe | Endpoint::UsersDrop => &USER,
        Endpoint::UsersCreate => &PASSWORD,
        Endpoint::UsersUpdatePassword => &NEW_PASSWORD,
        Endpoint::UsersGrantRole | Endpoint::UsersRevokeRole => &USER_ROLE,
        Endpoint::RolesDescribe
        | Endpoint::RolesCreate
        | Endpoint::RolesAlter
        | Endpoint::RolesDrop => &ROLE,
    }
}

/// Reads the whole body, at most `limit` bytes.
///
/// # Errors
/// 413 if it is larger; 408 if it did not come.
pub(super) async fn collect<B>(body: B, limit: usize) -> Result<Bytes, Answer>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // What announces too much is not waited for.
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large(limit));
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Err(_) => Err(failure(StatusCode::REQUEST_TIMEOUT, number::TIMEOUT, "request timeout")),
    }
}

fn too_large(limit: usize) -> Answer {
    let message = format!("{NOT_JSON}, the request body is larger than {limit} bytes");
    failure(StatusCode::PAYLOAD_TOO_LARGE, number::NOT_JSON, &message)
}

/// Reads the fields of an endpoint's body and checks that the required ones are there.
///
/// # Errors
/// 1801 if it is not the JSON that was asked for, 1802 if a required field is missing or empty.
pub(super) fn parse(endpoint: Endpoint, bytes: &[u8]) -> Result<Body, Answer> {
    let refuse = |code, message: &str| Err(failure(StatusCode::OK, code, message));
    if bytes.trim_ascii().is_empty() {
        let message = format!("{NOT_JSON}, the request body should be nil, however {{}} is valid");
        return refuse(number::NOT_JSON, &message);
    }
    let shape = shape(endpoint);
    let body = match shape.read(bytes) {
        Ok(body) => body,
        Err(detail) => {
            return refuse(number::NOT_JSON, &format!("{NOT_JSON}, error: {detail}"));
        }
    };
    let missing: Vec<String> = shape
        .required
        .iter()
        .filter(|field| body.get(**field).is_empty())
        .map(|field| {
            let name = field.shown_name();
            format!(
                "Key: '{}.{name}' Error:Field validation for '{name}' failed on the 'required' tag",
                shape.name
            )
        })
        .collect();
    if missing.is_empty() {
        return Ok(body);
    }
    let message = format!("missing required parameters, error: {}", missing.join("\n"));
    refuse(number::MISSING_FIELD, &message)
}
