//! What must hold for any stored key and value: a key that is understood encodes to itself, and a
//! record that is understood comes back the same, in bytes that no longer change.
//!
//! An input is a key, a line end, and a value.

use milvus_rbac::store::{DecodedKey, decode_key, decode_record, encode_key, encode_record};

/// Checks the whole input as a key, and its two parts as a stored pair.
pub(crate) fn check(bytes: &[u8]) {
    key(bytes);
    let line_end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (stored, value) = bytes.split_at(line_end);
    let value = value.get(1..).unwrap_or_default();
    key(stored);
    record(stored, value);
}

fn key(stored: &[u8]) {
    if let DecodedKey::Record(key) = decode_key(stored) {
        assert_eq!(encode_key(&key).as_bytes(), stored, "the key {key:?}");
    }
}

fn record(stored: &[u8], value: &[u8]) {
    let Some(record) = decode_record(stored, value) else { return };
    assert_eq!(decode_key(stored), DecodedKey::Record(record.key()), "the key of {record:?}");
    let (written, value) = encode_record(&record);
    assert_eq!(written.as_bytes(), stored, "where {record:?} is written");
    let again = decode_record(written.as_bytes(), &value);
    assert_eq!(again.as_ref(), Some(&record), "{record:?} read back");
    assert_eq!(again.map(|again| encode_record(&again)), Some((written, value)));
}
