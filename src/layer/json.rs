//! The guard for requests of Milvus's REST API: the same steps as for gRPC, around a JSON body, and
//! refusals in JSON.
//!
//! Whoever answers may read JSON in another way than we do, so a body that could be read in two
//! ways is refused: what is decided on is what everybody reads.

use std::error::Error;
use std::fmt;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use tonic::body::Body;

use super::service::Admitted;
use super::{Denied, Guard, OnKnown, Target};
use crate::api::{RestPath, Transport, credential_transport, find_rest_path, rest_denial};
use crate::credential::{Caller, Peer, rest};
use crate::policy::{ObjectSource, Requirement};

/// The database of the connection.
const DATABASE: HeaderName = HeaderName::from_static("db-name");

/// Code of a body that is not the JSON that is asked for.
const NOT_JSON: i32 = 1801;

type Refusal = Response<Body>;

/// Takes a request through all steps of the guard.
pub(super) async fn pass<B>(guard: &Guard, request: Request<B>) -> Result<Request<Body>, Refusal>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (mut parts, body) = request.into_parts();
    let caller = authenticate(guard, &parts).await?;
    if let Some(kind) = parts.headers.get(CONTENT_TYPE)
        && is_form(kind)
    {
        let text = "the body has to be JSON; say so in its content type";
        return Err(failure(StatusCode::UNSUPPORTED_MEDIA_TYPE, NOT_JSON, text));
    }
    // Whoever is behind may take what stands behind a `?` for fields.
    let plain = parts.method == Method::POST && parts.uri.query().is_none();
    let route = find_rest_path(parts.uri.path()).filter(|_| plain);
    let rows = route.map(RestPath::requirements).unwrap_or_default();
    let Some(&requirement) = rows.first() else {
        guard.note_unknown(Some(&caller), parts.uri.path());
        let text = "this path is none whose privilege is known, so nobody may use it here";
        return Err(failure(StatusCode::NOT_FOUND, 404, text));
    };
    let bytes = collect(body, guard.limits().of(requirement)).await?;
    let names: Names = serde_json::from_slice(if bytes.is_empty() { b"{}" } else { &bytes })
        .map_err(|error| {
            let text = format!("can only accept json format request, error: {error}");
            failure(StatusCode::OK, NOT_JSON, &text)
        })?;
    let connection = connection(&parts)?;
    let mut admitted = None;
    for requirement in rows {
        let target = names.target(requirement);
        let permit = guard.decide(Some(&caller), requirement, &target, &connection);
        let ground = permit.map_err(|why| denied(&why))?.ground().clone();
        let database = target.database_or(&connection).to_owned();
        admitted.get_or_insert(Admitted { requirement, database, ground });
    }
    parts.extensions.insert(caller);
    if let Some(admitted) = admitted {
        parts.extensions.insert(admitted);
    }
    Ok(Request::from_parts(parts, Body::new(Full::new(bytes))))
}

/// Whether a body of this type is read as fields that are not JSON's.
fn is_form(kind: &HeaderValue) -> bool {
    let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
    kind.contains("form")
}

async fn authenticate(guard: &Guard, parts: &Parts) -> Result<Caller, Refusal> {
    let peer = parts.extensions.get::<Peer>().copied().unwrap_or(Peer::LOCAL);
    // Of several values the first one counts, over both APIs.
    let header = rest(parts.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes));
    let caller = guard.authenticate(header.login, peer, parts.uri.path()).await;
    caller.inspect(|_| OnKnown::tell(&parts.extensions)).map_err(|error| {
        let transport = credential_transport(error);
        refuse(transport, &rest_denial(transport, &error.to_string()))
    })
}

fn denied(why: &Denied) -> Refusal {
    refuse(why.transport, &rest_denial(why.transport, &why.text))
}

fn refuse(transport: Transport, text: &str) -> Refusal {
    let status = StatusCode::from_u16(transport.http).unwrap_or(StatusCode::FORBIDDEN);
    failure(status, transport.code, text)
}

fn failure(status: StatusCode, code: i32, message: &str) -> Refusal {
    let text = serde_json::json!({ "code": code, "message": message }).to_string();
    let mut answer = Response::new(Body::new(Full::new(Bytes::from(text))));
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

async fn collect<B>(body: B, limit: usize) -> Result<Bytes, Refusal>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match Limited::new(body, limit).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let text = format!("the body has more than {limit} bytes");
            Err(failure(StatusCode::PAYLOAD_TOO_LARGE, NOT_JSON, &text))
        }
        Err(error) => {
            let text = format!("the body could not be read: {error}");
            Err(failure(StatusCode::REQUEST_TIMEOUT, NOT_JSON, &text))
        }
    }
}

fn connection(parts: &Parts) -> Result<String, Refusal> {
    let mut values = parts.headers.get_all(DATABASE).iter();
    let value = values.next().map(HeaderValue::as_bytes).unwrap_or_default();
    if values.next().is_some() {
        let text = "the header `db-name` is given more than once; give it once";
        return Err(failure(StatusCode::BAD_REQUEST, NOT_JSON, text));
    }
    Ok(String::from_utf8_lossy(value).into_owned())
}

/// What a body says that is decided on.
#[derive(Debug, Default, PartialEq, Eq)]
struct Names {
    database: Option<String>,
    user: Option<String>,
}

impl Names {
    fn target(&self, requirement: &Requirement) -> Target {
        let objects = match requirement.object {
            // A body names no role that its caller could hold.
            ObjectSource::Any | ObjectSource::Role(_) => Vec::new(),
            _ => vec![self.user.clone().unwrap_or_default()],
        };
        let database = self.database.clone().unwrap_or_default();
        Target { database, objects, ..Target::default() }
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Names, A::Error> {
        let mut names = Names::default();
        while let Some(key) = fields.next_key::<String>()? {
            // Some readers take any case of letters, and letters for others that look like them.
            if !key.is_ascii() {
                return Err(serde::de::Error::custom("names of fields are plain ASCII"));
            }
            // Of two, some take the first and some the last.
            let known = [("dbName", &mut names.database), ("userName", &mut names.user)];
            let found = known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(&key));
            match found {
                None => drop(fields.next_value::<IgnoredAny>()?),
                Some((name, slot)) if name == key && slot.is_none() => {
                    *slot = Some(fields.next_value::<Option<String>>()?.unwrap_or_default());
                }
                Some((name, _)) => {
                    let text = format!("`{name}` has to be written so, and once");
                    return Err(serde::de::Error::custom(text));
                }
            }
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<(String, String)> {
        let names: Names = serde_json::from_str(body).ok()?;
        Some((names.database.unwrap_or_default(), names.user.unwrap_or_default()))
    }

    #[test]
    fn names_are_read_from_the_top_of_the_body() {
        for (body, database, user) in [
            ("{}", "", ""),
            (r#"{"userName":"ann","other":{"userName":"bob"},"dbName":"db"}"#, "db", "ann"),
            (r#"{"userName":null}"#, "", ""),
        ] {
            assert_eq!(read(body), Some((database.to_owned(), user.to_owned())), "{body}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for body in [
            r#"{"userName":"ann","userName":"bob"}"#,
            r#"{"userName":null,"userName":"bob"}"#,
            r#"{"username":"ann"}"#,
            r#"{"userName":"ann","USERNAME":"bob"}"#,
            r#"{"userName":"ann","u\u017ferName":"bob"}"#,
            r#"{"userName":1}"#,
            r#"{"userName":["ann"]}"#,
            r#"{"userName":"ann"} {}"#,
            r#"{"userName":"ann""#,
            "[]",
            "null",
            "",
        ] {
            assert_eq!(read(body), None, "{body}");
        }
    }
}
