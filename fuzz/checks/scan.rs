//! What must hold for any request message: what is decided on is what a decoder reads, and what
//! the scanner takes for well-formed is so for a decoder too.
//!
//! An input is the name of a method, a line end, and a message. A name that is none picks a row by
//! its bytes, so that every row is reached.

use milvus_rbac::layer::{ScanError, Scanner, Target, scan};
use milvus_rbac::policy::{Requirement, all};
use milvus_rbac::proto::milvus as pb;
use prost::Message;

/// Checks one message against the row of its method.
pub(crate) fn check(bytes: &[u8]) {
    let line_end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (name, message) = bytes.split_at(line_end);
    let message = message.get(1..).unwrap_or_default();
    let Some(row) = row(name) else { return };
    let whole = scan(message, row);
    assert_eq!(bytewise(message, row), whole, "{}: split anywhere it reads the same", row.path);
    let Ok(target) = whole else { return };
    assert!(<()>::decode(message).is_ok(), "{}: well-formed for the scanner only", row.path);
    assert_eq!(scan(message, row).as_ref(), Ok(&target), "{}: read twice", row.path);
    match row.method {
        "UpdateCredential" => {
            let name = |request: pb::UpdateCredentialRequest| request.username;
            same_object(message, &target, name);
        }
        "SelectUser" => {
            let name = |request: pb::SelectUserRequest| request.user.unwrap_or_default().name;
            same_object(message, &target, name);
        }
        "DescribeDatabase" => {
            same_database(message, &target, |request: pb::DescribeDatabaseRequest| request.db_name);
        }
        _ => {}
    }
}

/// The same message, one byte after the other.
fn bytewise(message: &[u8], row: &'static Requirement) -> Result<Target, ScanError> {
    let mut scanner = Scanner::new(row);
    message.iter().try_for_each(|byte| scanner.feed(&[*byte]))?;
    scanner.finish()?;
    Ok(scanner.target().clone())
}

fn row(name: &[u8]) -> Option<&'static Requirement> {
    let named = all().iter().find(|row| row.method.as_bytes() == name);
    let picked = name.iter().map(|&byte| usize::from(byte)).sum::<usize>();
    named.or_else(|| all().get(picked.checked_rem(all().len())?))
}

/// The only object, or none if it is empty: what a decoder finds, if it takes the message at all.
fn same_object<M: Message + Default>(message: &[u8], target: &Target, name: fn(M) -> String) {
    if let Ok(request) = M::decode(message) {
        let found = target.objects.first().map(String::as_str).unwrap_or_default();
        assert!(target.objects.len() < 2, "more than one name: {target:?}");
        assert_eq!(found, name(request), "the object of the request");
    }
}

fn same_database<M: Message + Default>(message: &[u8], target: &Target, name: fn(M) -> String) {
    if let Ok(request) = M::decode(message) {
        assert_eq!(target.database, name(request), "the database of the request");
    }
}
