//! Reads the `authorization` of a request: pure functions from bytes to a login.
//!
//! gRPC and REST write the same pair differently, and neither form is accepted in place of the
//! other. Which of several values counts (the first) is the business of who calls these; whether
//! the login is right is the verifier's.

use std::fmt;

use zeroize::Zeroizing;

use super::base64::decode;
use super::error;

/// A user name and a password that somebody claims to have; neither is empty.
pub struct Login {
    /// `user:password`, in one piece so that reading a header allocates once.
    pair: Zeroizing<Vec<u8>>,
    /// Where the user name ends and the colon stands.
    colon: usize,
}

impl Login {
    /// A login with this name and password; the name ends at the first colon of the two.
    ///
    /// # Errors
    /// If one of the two is empty.
    pub fn new(user: &str, password: &[u8]) -> Result<Self, HeaderError> {
        let mut pair = Zeroizing::new(Vec::with_capacity(user.len() + 1 + password.len()));
        pair.extend_from_slice(user.as_bytes());
        pair.push(b':');
        pair.extend_from_slice(password);
        Self::split(pair)
    }

    /// Splits at the first colon: passwords may hold colons, user names cannot.
    fn split(pair: Zeroizing<Vec<u8>>) -> Result<Self, HeaderError> {
        let colon = pair.iter().position(|&byte| byte == b':').ok_or(HeaderError::NoColon)?;
        let login = Self { pair, colon };
        if colon == 0 || login.password().is_empty() {
            return Err(HeaderError::EmptyUserOrPassword);
        }
        Ok(login)
    }

    /// The user name exactly as sent, or `None` if it is not UTF-8; then there is no such user.
    pub fn user(&self) -> Option<&str> {
        str::from_utf8(self.user_bytes()).ok()
    }

    /// The bytes of the user name, for the log.
    pub fn user_bytes(&self) -> &[u8] {
        self.pair.get(..self.colon).unwrap_or_default()
    }

    /// The password, of any bytes.
    pub fn password(&self) -> &[u8] {
        self.pair.get(self.colon + 1..).unwrap_or_default()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = String::from_utf8_lossy(self.user_bytes());
        f.debug_struct("Login").field("user", &user).finish_non_exhaustive()
    }
}

/// Why a header holds no login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderError {
    /// There is none.
    Missing,
    /// It is not base64 (gRPC only).
    Format,
    /// It has no colon, so it could only be an API key.
    NoColon,
    /// The user or the password is empty.
    EmptyUserOrPassword,
}

impl HeaderError {
    /// The text that a gRPC client reads. REST answers all of them with one text of its own.
    pub fn message(self) -> &'static str {
        match self {
            Self::Missing => error::MISSING,
            Self::Format => error::FORMAT,
            Self::NoColon => error::API_KEY,
            Self::EmptyUserOrPassword => error::REFUSED,
        }
    }
}

/// Reads the first `authorization` value of a gRPC request: base64 of `user:password`, without a
/// scheme word. Nothing is trimmed and no case is folded.
///
/// # Errors
/// If there is no value, or no login in it.
pub fn grpc(value: Option<&[u8]>) -> Result<Login, HeaderError> {
    let value = value.ok_or(HeaderError::Missing)?;
    Login::split(decode(value).map_err(|_| HeaderError::Format)?)
}

/// What the `Authorization` of a REST request holds.
#[derive(Debug)]
pub struct RestHeader {
    /// The login, or why there is none.
    pub login: Result<Login, HeaderError>,
    /// Whether it was HTTP Basic that could be read. The response then carries
    /// `WWW-Authenticate`, also if the login is right.
    pub basic: bool,
}

/// Reads the first `Authorization` value of a REST request: `Bearer user:password` with that very
/// spelling of `Bearer`, HTTP Basic, or a bare `user:password`. Outside of Basic the password is
/// plain. What has no colon could only be an API key.
pub fn rest(value: Option<&[u8]>) -> RestHeader {
    let Some(value) = value else {
        return RestHeader { login: Err(HeaderError::Missing), basic: false };
    };
    if let Some(pair) = basic_pair(value) {
        return RestHeader { login: Login::split(pair), basic: true };
    }
    let plain = value.strip_prefix(b"Bearer ").unwrap_or(value);
    RestHeader { login: Login::split(Zeroizing::new(plain.to_vec())), basic: false }
}

/// The pair of an HTTP Basic header. One that cannot be read is no Basic header at all, as in
/// Milvus: it is taken for a bare pair, whose user name begins with `Basic `.
fn basic_pair(value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (scheme, rest) = value.split_at_checked(b"Basic ".len())?;
    let encoded = scheme.eq_ignore_ascii_case(b"Basic ").then_some(rest)?;
    decode(encoded).ok().filter(|pair| pair.contains(&b':'))
}

#[cfg(test)]
mod tests {
    use ::base64::prelude::*;
    use proptest::prelude::*;

    use super::*;

    /// The pair as text, or the error.
    type Read = Result<(&'static str, &'static str), HeaderError>;

    fn assert_reads(found: Result<Login, HeaderError>, expected: Read, value: &str) {
        let found = found.map(|login| {
            (login.user().unwrap().to_owned(), String::from_utf8(login.password().into()).unwrap())
        });
        let expected = expected.map(|(user, password)| (user.to_owned(), password.to_owned()));
        assert_eq!(found, expected, "{value:?}");
    }

    #[test]
    fn grpc_takes_base64_of_a_pair_and_nothing_else() {
        use HeaderError::{EmptyUserOrPassword, Format, NoColon};
        let table: [(&str, Read); 20] = [
            ("cm9vdDpNaWx2dXM=", Ok(("root", "Milvus"))),
            ("cm9vdDpNaWx2dXN=", Ok(("root", "Milvus"))),
            ("cm9v\r\ndDpNaWx2dXM=\n", Ok(("root", "Milvus"))),
            ("dTphOmI6", Ok(("u", "a:b:"))),
            ("IHJvb3Q6TWlsdnVzIA==", Ok((" root", "Milvus "))),
            ("cm9vdAA6TWlsdnVz", Ok(("root\0", "Milvus"))),
            ("QEBtaWx2dXMtbWVtYmVyQEA=", Err(NoColon)),
            ("", Err(NoColon)),
            ("Og==", Err(EmptyUserOrPassword)),
            ("OnB3", Err(EmptyUserOrPassword)),
            ("dTo=", Err(EmptyUserOrPassword)),
            ("Bearer cm9vdDpNaWx2dXM=", Err(Format)),
            ("Basic cm9vdDpNaWx2dXM=", Err(Format)),
            ("root:Milvus", Err(Format)),
            ("cm9vdDpNaWx2dXM", Err(Format)),
            ("cm9vdDpNaWx2dXM==", Err(Format)),
            (" cm9vdDpNaWx2dXM=", Err(Format)),
            ("cm9vdDpNaWx2\0dXM=", Err(Format)),
            ("dTr_-_8=", Err(Format)),
            ("dTpp//=", Err(Format)),
        ];
        for (value, expected) in table {
            assert_reads(grpc(Some(value.as_bytes())), expected, value);
        }
        assert_eq!(grpc(None).unwrap_err(), HeaderError::Missing);
    }

    #[test]
    fn rest_takes_bearer_basic_and_bare_pairs() {
        use HeaderError::{EmptyUserOrPassword, NoColon};
        let table: [(&str, bool, Read); 17] = [
            ("Bearer root:Milvus", false, Ok(("root", "Milvus"))),
            ("Bearer u:a:b", false, Ok(("u", "a:b"))),
            ("root:Milvus", false, Ok(("root", "Milvus"))),
            ("Basic cm9vdDpNaWx2dXM=", true, Ok(("root", "Milvus"))),
            ("bAsIC cm9vdDpNaWx2dXM=", true, Ok(("root", "Milvus"))),
            ("Basic dTo=", true, Err(EmptyUserOrPassword)),
            ("Basic cm9vdA==", false, Err(NoColon)),
            ("Basic cm9vdDpNaWx2dXM", false, Err(NoColon)),
            ("Basic root:Milvus", false, Ok(("Basic root", "Milvus"))),
            ("Basic", false, Err(NoColon)),
            ("bearer root:Milvus", false, Ok(("bearer root", "Milvus"))),
            ("Bearer  root:Milvus", false, Ok((" root", "Milvus"))),
            ("Bearer cm9vdDpNaWx2dXM=", false, Err(NoColon)),
            ("Bearer token", false, Err(NoColon)),
            ("", false, Err(NoColon)),
            (":pw", false, Err(EmptyUserOrPassword)),
            ("Bearer u:", false, Err(EmptyUserOrPassword)),
        ];
        for (value, basic, expected) in table {
            let header = rest(Some(value.as_bytes()));
            assert_eq!(header.basic, basic, "{value:?}");
            assert_reads(header.login, expected, value);
        }
        let none = rest(None);
        assert!(!none.basic);
        assert_eq!(none.login.unwrap_err(), HeaderError::Missing);
    }

    #[test]
    fn each_error_has_the_text_of_milvus() {
        let table = [
            (HeaderError::Missing, "missing authorization in header"),
            (HeaderError::Format, "invalid token format"),
            (HeaderError::NoColon, "auth check failure, please check api key is correct"),
            (
                HeaderError::EmptyUserOrPassword,
                "auth check failure, please check username and password are correct",
            ),
        ];
        for (error, text) in table {
            assert_eq!(error.message(), text);
        }
    }

    #[test]
    fn a_name_that_is_not_utf8_is_no_name_and_a_password_may_be_any_bytes() {
        let login = grpc(Some(BASE64_STANDARD.encode(b"ro\xff:\xfe\0").as_bytes())).unwrap();
        assert_eq!(login.user(), None);
        assert_eq!(login.user_bytes(), b"ro\xff");
        assert_eq!(login.password(), b"\xfe\0");
    }

    #[test]
    fn a_login_prints_without_its_password() {
        let login = Login::new("root", b"hunter2").unwrap();
        assert_eq!(format!("{login:?}"), r#"Login { user: "root", .. }"#);
        assert!(Login::new("", b"x").is_err() && Login::new("x", b"").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(value: Vec<u8>, prefix in "(Bearer |Basic |basic |)") {
            let value = [prefix.as_bytes(), &value].concat();
            let _ = grpc(Some(&value));
            let _ = rest(Some(&value));
        }

        #[test]
        fn a_pair_comes_back_as_it_was_sent(user in "[^:]{1,9}", password in "\\PC{1,9}") {
            let pair = format!("{user}:{password}");
            let encoded = BASE64_STANDARD.encode(&pair);
            let basic = format!("Basic {encoded}");
            let bearer = format!("Bearer {pair}");
            for login in [
                grpc(Some(encoded.as_bytes())),
                rest(Some(basic.as_bytes())).login,
                rest(Some(bearer.as_bytes())).login,
            ] {
                let login = login.unwrap();
                prop_assert_eq!(login.user(), Some(user.as_str()));
                prop_assert_eq!(login.password(), password.as_bytes());
            }
        }
    }
}
