//! A batch of changes in written form.

use std::collections::BTreeMap;

use super::StoreError;
use super::keys::{DecodedKey, decode_key, encode_key};
use super::record::encode_record;
use crate::model::Change;

/// What is to stand under each key; `None` for nothing. Keys are without Milvus's root path.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Writes(pub(super) BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl std::fmt::Debug for Writes {
    // Values hold password hashes, so they are not printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Writes").field(&self.0.len()).finish()
    }
}

impl Writes {
    /// Changes in written form. Of several changes to one record the last one counts.
    ///
    /// # Errors
    /// If a record could not be read back from where it would be written.
    pub fn of(changes: &[Change]) -> Result<Self, StoreError> {
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
        Ok(Self(writes))
    }

    /// Pairs as they were read, to be written as they are.
    #[must_use]
    pub fn of_pairs(pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key, Some(value))).collect())
    }

    /// The same, after which nothing stands under these keys either.
    #[must_use]
    pub fn without(mut self, keys: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.0.extend(keys.into_iter().map(|key| (key, None)));
        self
    }

    /// How many keys are written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
