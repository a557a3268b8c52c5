//! Which fields each endpoint's body has, and reading them from JSON as Milvus's server does:
//! names without regard to case, the last one wins, null is absent, what is unknown is skipped,
//! and whatever follows the first value is ignored.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use zeroize::Zeroize;

/// A field that a body may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    DbName,
    UserName,
    Password,
    NewPassword,
    Description,
    RoleName,
    ObjectType,
    ObjectName,
    Privilege,
    CollectionName,
    PrivilegeGroupName,
    /// The only list of texts there is.
    Privileges,
}

/// How many fields there are.
const FIELDS: usize = 12;

impl Field {
    fn json_name(self) -> &'static str {
        match self {
            Self::DbName => "dbName",
            Self::UserName => "userName",
            Self::Password => "password",
            Self::NewPassword => "newPassword",
            Self::Description => "description",
            Self::RoleName => "roleName",
            Self::ObjectType => "objectType",
            Self::ObjectName => "objectName",
            Self::Privilege => "privilege",
            Self::CollectionName => "collectionName",
            Self::PrivilegeGroupName => "privilegeGroupName",
            Self::Privileges => "privileges",
        }
    }

    /// The name in the text about a missing field.
    pub(super) fn shown_name(self) -> &'static str {
        match self {
            Self::DbName => "DbName",
            Self::UserName => "UserName",
            Self::Password => "Password",
            Self::NewPassword => "NewPassword",
            Self::Description => "Description",
            Self::RoleName => "RoleName",
            Self::ObjectType => "ObjectType",
            Self::ObjectName => "ObjectName",
            Self::Privilege => "Privilege",
            Self::CollectionName => "CollectionName",
            Self::PrivilegeGroupName => "PrivilegeGroupName",
            Self::Privileges => "Privileges",
        }
    }
}

/// Most levels of nesting, counted from the body's own object; fields of ours have one.
const MOST_LEVELS: usize = 128;

/// The body of one or more endpoints.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Its name in the text about a missing field.
    pub(super) name: &'static str,
    /// The fields it has; others are skipped, whatever their type.
    pub(super) fields: &'static [Field],
    /// Those that must be there and not be empty.
    pub(super) required: &'static [Field],
}

/// A body that has been read. Passwords in it are wiped when it is dropped.
#[derive(Default)]
pub(super) struct Body {
    texts: [Option<String>; FIELDS],
    privileges: Vec<String>,
}

impl Body {
    /// Takes a field out.
    pub(super) fn take(&mut self, field: Field) -> Option<String> {
        self.texts.get_mut(field as usize).and_then(Option::take)
    }

    /// A field, empty if it is absent.
    pub(super) fn get(&self, field: Field) -> &str {
        self.texts.get(field as usize).and_then(Option::as_deref).unwrap_or_default()
    }

    /// The list of privileges, empty if it is absent.
    pub(super) fn privileges(&self) -> &[String] {
        &self.privileges
    }

    fn set(&mut self, field: Field, value: String) {
        if let Some(slot) = self.texts.get_mut(field as usize) {
            slot.zeroize();
            *slot = Some(value);
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.texts.zeroize();
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body(..)")
    }
}

impl Shape {
    /// Reads the first JSON value of the bytes.
    ///
    /// # Errors
    /// What the parser says; it never quotes a value.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<Body, String> {
        if is_too_deep(bytes) {
            return Err(format!("invalid JSON, nested deeper than {MOST_LEVELS} levels"));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        deserializer.deserialize_any(ObjectVisitor(self)).map_err(|error| {
            // The parser's own text may quote what it found, and that may be a password.
            let what = match error.classify() {
                serde_json::error::Category::Eof => "unexpected end of JSON input",
                serde_json::error::Category::Data => "a value has the wrong type",
                _ => "invalid JSON",
            };
            format!("{what} at line {} column {}", error.line(), error.column())
        })
    }
}

struct ObjectVisitor<'a>(&'a Shape);

impl<'de> Visitor<'de> for ObjectVisitor<'_> {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    /// A top-level null is an empty object.
    fn visit_unit<E>(self) -> Result<Body, E> {
        Ok(Body::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body, A::Error> {
        let mut body = Body::default();
        while let Some(key) = map.next_key::<String>()? {
            let known = self.0.fields.iter().find(|field| same_name(field.json_name(), &key));
            match known {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(Field::Privileges) => {
                    if let Some(names) = map.next_value::<Option<Vec<Option<String>>>>()? {
                        // A null in the list is an empty text.
                        body.privileges =
                            names.into_iter().map(Option::unwrap_or_default).collect();
                    }
                }
                Some(&field) => {
                    // Null leaves the field as it was.
                    if let Some(value) = map.next_value_seed(TextSeed)? {
                        body.set(field, value);
                    }
                }
            }
        }
        Ok(body)
    }
}

/// A string or null.
struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        serde::Deserialize::deserialize(deserializer)
    }
}

/// Whether the first value is nested deeper than anybody means it. The parser skips unknown fields
/// of any depth.
fn is_too_deep(bytes: &[u8]) -> bool {
    let (mut level, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => level += 1,
            b']' | b'}' => {
                level = level.saturating_sub(1);
                if level == 0 {
                    // What follows is not read.
                    return false;
                }
            }
            _ => {}
        }
        if level > MOST_LEVELS {
            return true;
        }
    }
    false
}

/// Field names match without regard to case.
fn same_name(name: &str, key: &str) -> bool {
    name.eq_ignore_ascii_case(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHAPE: Shape = Shape {
        name: "PasswordReq",
        fields: &[Field::UserName, Field::Password],
        required: &[Field::UserName, Field::Password],
    };

    fn name(json: &str) -> Result<String, String> {
        SHAPE.read(json.as_bytes()).map(|body| body.get(Field::UserName).to_owned())
    }

    #[test]
    fn field_names_match_without_case_and_the_last_one_wins() {
        assert_eq!(name(r#"{"username":"a","USERNAME":"b"}"#).unwrap(), "b");
        assert_eq!(name(r#"{"userName":"a","userName":null}"#).unwrap(), "a");
    }

    #[test]
    fn unknown_fields_of_any_shape_and_trailing_bytes_are_ignored() {
        assert_eq!(name(r#"{"x":[{"y":1e9}],"roleName":5,"userName":"a"} junk"#).unwrap(), "a");
        assert_eq!(name("null").unwrap(), "");
    }

    #[test]
    fn what_is_no_object_of_strings_is_refused_without_quoting_it() {
        for json in [
            "[]",
            "5",
            "\"s3cret\"",
            "{",
            r#"{"userName":5}"#,
            r#"{"userName":["s3cret"]}"#,
            r#"{"x":NaN}"#,
            r#"{"password":"s3cret""#,
            "{userName:1}",
        ] {
            let error = name(json).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn nesting_counts_outside_of_strings_and_in_the_first_value_only() {
        let body = |levels: usize, rest: &str| {
            let (open, close) = ("[".repeat(levels), "]".repeat(levels));
            format!(r#"{{"y":"\"[{{\\","x":{open}{close},"userName":"a{rest}"}}"#)
        };
        assert_eq!(name(&body(MOST_LEVELS - 1, "")).unwrap(), "a");
        assert!(name(&body(MOST_LEVELS, "")).unwrap_err().contains("deeper than 128 levels"));
        assert!(name(&body(10_000, "")).is_err());
        assert_eq!(name(&body(1, &"[".repeat(200))).unwrap().len(), 201);
        assert_eq!(name(&format!("{}{}", body(1, ""), "{".repeat(200))).unwrap(), "a");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SHAPE.read(&bytes);
        }
    }
}
