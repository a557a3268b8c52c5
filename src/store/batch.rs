//! What the stores that hold plain pairs have in common: a batch of changes in written form, and
//! a whole state read back from its pairs.

use std::collections::BTreeMap;

use super::keys::{DecodedKey, decode_key, encode_key};
use super::record::{decode_record, encode_record, is_credential};
use super::{Loaded, StoreError};
use crate::model::{Change, Record, Revision};

/// Changes in written form.
pub(super) struct Batch {
    /// The revision that the batch makes.
    pub(super) revision: Revision,
    /// What is to stand under each key; `None` for nothing.
    pub(super) writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Batch {
    /// The batch that takes the state at `base` to the next revision. Of several changes to one
    /// record the last one counts.
    ///
    /// # Errors
    /// If a record could not be read back from where it would be written, or there is no higher
    /// revision.
    pub(super) fn new(base: Revision, changes: &[Change]) -> Result<Self, StoreError> {
        let revision = base.0.checked_add(1).map(Revision).ok_or(StoreError::RevisionsExhausted)?;
        let mut writes = BTreeMap::new();
        for change in changes {
            let (record, key, value) = match change {
                Change::Put(record) => {
                    let (key, value) = encode_record(record);
                    (record.key(), key, Some(value))
                }
                Change::Delete(record) => (record.clone(), encode_key(record), None),
            };
            // A slash in a name would put the record where it is never read again, or on top of
            // somebody else's.
            if decode_key(key.as_bytes()) != DecodedKey::Record(record) {
                return Err(StoreError::Unstorable { key });
            }
            writes.insert(key.into_bytes(), value);
        }
        Ok(Self { revision, writes })
    }
}

/// The state that these pairs make.
pub(super) fn decode_all<'a>(
    revision: Revision,
    pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Loaded {
    let mut loaded = Loaded { revision, records: Vec::new(), ignored: Vec::new() };
    for (key, value) in pairs {
        add_pair(&mut loaded, key, value);
    }
    loaded
}

/// Adds what a pair stands for, or its key to what is ignored.
pub(super) fn add_pair(loaded: &mut Loaded, key: &[u8], value: &[u8]) {
    let record = decode_record(key, value);
    // A user who cannot log in because the value is damaged is there, and told of.
    let damaged = matches!(&record, Some(Record::User(..))) && !is_credential(value);
    if record.is_none() || damaged {
        loaded.ignored.push(String::from_utf8_lossy(key).into_owned());
    }
    loaded.records.extend(record);
}
