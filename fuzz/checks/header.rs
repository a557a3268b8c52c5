//! What must hold for any `authorization` value: it is read as a decoder and a splitter of other
//! make read it, and what is printed of a login never holds its password.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use milvus_rbac::credential::{HeaderError, Login, grpc, rest};

/// User and password, or why there are none.
type Pair = Result<(Vec<u8>, Vec<u8>), HeaderError>;

/// Checks one header value over both APIs.
pub(crate) fn check(bytes: &[u8]) {
    let found = grpc(Some(bytes));
    assert_printed_without_password(&found);
    let expected = match decoded(bytes) {
        Some(pair) => split(&pair),
        None => Err(HeaderError::Format),
    };
    assert_eq!(pair(found), expected, "over gRPC");

    let found = rest(Some(bytes));
    assert_printed_without_password(&found.login);
    let basic = bytes
        .split_at_checked(6)
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"basic "))
        .and_then(|(_, rest)| decoded(rest))
        .filter(|pair| pair.contains(&b':'));
    assert_eq!(found.basic, basic.is_some(), "whether it is Basic");
    let plain = basic.unwrap_or_else(|| bytes.strip_prefix(b"Bearer ").unwrap_or(bytes).to_vec());
    assert_eq!(pair(found.login), split(&plain), "over REST");
}

/// Standard base64 with padding, line ends anywhere, and trailing bits of any value.
fn decoded(bytes: &[u8]) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let bytes: Vec<u8> =
        bytes.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    GeneralPurpose::new(&STANDARD, lenient).decode(bytes).ok()
}

fn split(pair: &[u8]) -> Pair {
    let mut parts = pair.splitn(2, |&byte| byte == b':');
    match (parts.next(), parts.next()) {
        (Some(user), Some(password)) if !user.is_empty() && !password.is_empty() => {
            Ok((user.to_vec(), password.to_vec()))
        }
        (_, Some(_)) => Err(HeaderError::EmptyUserOrPassword),
        _ => Err(HeaderError::NoColon),
    }
}

fn pair(login: Result<Login, HeaderError>) -> Pair {
    login.map(|login| (login.user_bytes().to_vec(), login.password().to_vec()))
}

fn assert_printed_without_password(login: &Result<Login, HeaderError>) {
    if let Ok(login) = login {
        let user = String::from_utf8_lossy(login.user_bytes());
        assert_eq!(format!("{login:?}"), format!("Login {{ user: {user:?}, .. }}"));
    }
}
