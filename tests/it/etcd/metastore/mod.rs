//! The store of a Milvus, as it lies in etcd: read, written to, and shared with one that writes
//! along.
//!
//! Keys and values that are expected are spelt here by Milvus's rules, never by our own encoder.
//! What changes is compared byte for byte, as lines: `+ key = value` and `- key`.

mod along;
mod foreign;
mod read;
mod served;
mod start;
mod write;
mod write_grants;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::prelude::*;
use md5::{Digest as _, Md5};
use milvus_rbac::config::{Compat, Settings, StoreSetting};
use serde_json::Value;

use crate::support::etcd::Cluster;
use crate::support::{TestServer, settings};

/// Milvus's records, below the root path.
pub(super) const RECORDS: &str = "root-coord/";
pub(super) const USERS: &str = "root-coord/credential/users/";
pub(super) const ROLES: &str = "root-coord/credential/roles/";
pub(super) const MEMBERS: &str = "root-coord/credential/user-role-mapping/";
pub(super) const ROWS: &str = "root-coord/credential/grantee-privileges/";
pub(super) const IDS: &str = "root-coord/credential/grantee-id/";
pub(super) const GROUPS: &str = "root-coord/privilege-group/";

/// Longest wait for a replica to follow what somebody else has written; it takes a moment.
const PATIENCE: Duration = Duration::from_secs(10);

/// Stores of real servers, and what is to be read from them.
pub(super) fn dump() -> Value {
    serde_json::from_str(include_str!("../../../data/metastore-dump.json")).unwrap()
}

/// One Milvus's part of a cluster: everything below one root path.
#[derive(Clone)]
pub(super) struct Root {
    pub(super) cluster: Arc<Cluster>,
    pub(super) path: String,
}

impl Root {
    /// How many changes of ours there have been: each of them bumps the fence once. The revision
    /// also moves with what is no change.
    fn transactions(&self) -> i64 {
        self.cluster.version(format!("{}/milvus-rbac/fence", self.path))
    }

    pub(super) fn new(cluster: &Arc<Cluster>, path: &str) -> Self {
        Self { cluster: Arc::clone(cluster), path: path.to_owned() }
    }

    /// A cluster of its own, with the dump's entries in Milvus's default root path.
    pub(super) fn with_entries() -> Self {
        let root = Self::new(&Arc::new(Cluster::start(1)), "by-dev/meta");
        root.load(&dump());
        root
    }

    /// Puts the entries of a part of the dump, which are below `by-dev/meta`, below this path.
    pub(super) fn load(&self, part: &Value) {
        let pairs = part["entries"].as_array().unwrap().iter().map(|entry| {
            let key = entry["key"].as_str().unwrap().strip_prefix("by-dev/meta/").unwrap();
            let value = match entry["value_utf8"].as_str() {
                Some(text) => text.as_bytes().to_vec(),
                None => BASE64_STANDARD.decode(entry["value_base64"].as_str().unwrap()).unwrap(),
            };
            (self.key(key), value)
        });
        self.cluster.put_all(pairs);
    }

    fn key(&self, below: &str) -> String {
        format!("{}/{below}", self.path)
    }

    /// Writes as a Milvus would.
    pub(super) fn put(&self, key: &str, value: impl AsRef<[u8]>) {
        self.cluster.put(self.key(key), value);
    }

    /// The same for several keys, in one transaction.
    pub(super) fn put_all(&self, pairs: &[(String, &[u8])]) {
        self.cluster.put_all(pairs.iter().map(|(key, value)| (self.key(key), value)));
    }

    pub(super) fn delete(&self, key: &str) {
        self.cluster.delete(self.key(key));
    }

    pub(super) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.cluster.get(self.key(key))
    }

    /// All pairs whose keys begin with this, without the root path.
    pub(super) fn dump(&self, below: &str) -> Pairs {
        let prefix = self.key("");
        let pairs = self.cluster.dump(self.key(below)).into_iter();
        Pairs(pairs.map(|(key, value)| (key[prefix.len()..].to_vec(), value)).collect())
    }

    /// Settings for a server on this store.
    pub(super) fn settings(&self, compat: Compat) -> Settings {
        let mut settings = settings(compat);
        let root = self.path.clone();
        settings.store = StoreSetting::Etcd { endpoints: self.cluster.endpoints(), root };
        settings
    }

    pub(super) async fn server(&self, compat: Compat) -> TestServer {
        TestServer::with(self.settings(compat)).await
    }

    /// A server that hashes as it is recommended, and writes nothing by itself: with so long a
    /// time it need not look whether its state is the newest.
    pub(super) async fn careful_server(&self, compat: Compat) -> TestServer {
        let mut settings = self.settings(compat);
        settings.passwords.bcrypt_cost = 10;
        settings.transport.max_staleness = Duration::from_secs(3600);
        TestServer::with(settings).await
    }

    /// The line for a user's record as it is now, once it has been seen to be what the newest
    /// Milvus writes for this password: `{"encrypted_password":"…"` and then exactly this.
    #[track_caller]
    pub(super) fn user_line(&self, user: &str, password: &str, rest: &str) -> String {
        let key = format!("{USERS}{user}");
        let record = self.get(&key).unwrap();
        let hash = hash_in(&record, rest);
        assert!(hash.starts_with("$2a$10$"), "{hash}");
        assert!(is_of(&hash, password), "{user}");
        put(key, record)
    }
}

/// Keys and values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pairs(pub(super) BTreeMap<Vec<u8>, Vec<u8>>);

impl Pairs {
    /// What is different in a later state, as lines that sort by their keys.
    pub(super) fn changes_to(&self, later: &Self) -> Vec<String> {
        let keys = self.0.keys().chain(later.0.keys());
        let keys: std::collections::BTreeSet<_> = keys.collect();
        let line = |key: &Vec<u8>| match (self.0.get(key), later.0.get(key)) {
            (before, Some(after)) if before != Some(after) => Some(put(key, after)),
            (Some(_), None) => Some(delete(key)),
            _ => None,
        };
        keys.into_iter().filter_map(line).collect()
    }
}

/// The line for a pair that is new or has another value.
pub(super) fn put(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> String {
    format!("+ {} = {}", key.as_ref().escape_ascii(), value.as_ref().escape_ascii())
}

/// The line for a key that is gone.
pub(super) fn delete(key: impl AsRef<[u8]>) -> String {
    format!("- {}", key.as_ref().escape_ascii())
}

/// Watches what becomes of the records below a root path, one step after another.
pub(super) struct Ledger {
    pub(super) root: Root,
    seen: Pairs,
    transactions: i64,
}

impl Ledger {
    pub(super) fn of(root: &Root) -> Self {
        let transactions = root.transactions();
        Self { seen: root.dump(RECORDS), root: root.clone(), transactions }
    }

    /// What has changed since the last time, sorted.
    pub(super) fn changes(&mut self) -> Vec<String> {
        let now = self.root.dump(RECORDS);
        let mut changes = std::mem::replace(&mut self.seen, now.clone()).changes_to(&now);
        self.transactions = self.root.transactions();
        changes.sort();
        changes
    }

    /// Asserts what has changed since the last time, in any order, and that it did so in one
    /// transaction: nobody else may be writing to the cluster.
    #[track_caller]
    pub(super) fn expect(&mut self, lines: impl IntoIterator<Item = impl Into<String>>) {
        let mut lines: Vec<String> = lines.into_iter().map(Into::into).collect();
        lines.sort();
        let before = self.transactions;
        assert_eq!(self.changes(), lines);
        assert_eq!(self.transactions - before, i64::from(!lines.is_empty()), "transactions");
    }

    #[track_caller]
    pub(super) fn expect_nothing(&mut self) {
        self.expect([""; 0]);
    }
}

/// The id of a new row, `role/Type/database.object`: the MD5 of its key below the root path.
pub(super) fn id32(row: &str) -> String {
    md5(&format!("{ROWS}{row}"))
}

pub(super) fn md5(text: &str) -> String {
    let hex = |byte: &u8| {
        [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
    };
    Md5::digest(text).iter().flat_map(hex).collect()
}

/// The lines for a row that is made with its privileges, all granted by root.
pub(super) fn new_row(row: &str, privileges: &[&str]) -> Vec<String> {
    let id = id32(row);
    let held = privileges.iter().map(|privilege| put(format!("{IDS}{id}/{privilege}"), "root"));
    std::iter::once(put(format!("{ROWS}{row}"), &id)).chain(held).collect()
}

/// A group in protobuf, by hand: field 1 the name, field 2 messages whose field 1 is a member.
pub(super) fn group(name: &str, members: &[&str]) -> Vec<u8> {
    let text = |tag: u8, text: &[u8]| [&[tag, u8::try_from(text.len()).unwrap()], text].concat();
    let members = members.iter().map(|member| text(0x12, &text(0x0a, member.as_bytes())));
    std::iter::once(text(0x0a, name.as_bytes())).chain(members).collect::<Vec<_>>().concat()
}

/// The bcrypt string in a user's record, once the record has been seen to be what the newest
/// Milvus writes: `{"encrypted_password":"…"` and then exactly this.
#[track_caller]
pub(super) fn hash_in(record: &[u8], rest: &str) -> String {
    let text = std::str::from_utf8(record).unwrap();
    let hash = text.strip_prefix("{\"encrypted_password\":\"").and_then(|text| text.get(..60));
    let hash = hash.unwrap_or_else(|| panic!("{text}"));
    assert_eq!(text, format!("{{\"encrypted_password\":\"{hash}\"{rest}"));
    hash.to_owned()
}

/// A hash as Milvus writes it, of the lowest cost.
#[allow(clippy::disallowed_methods, reason = "as somebody else would make it")]
pub(super) fn hashed(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap().replacen("$2b$", "$2a$", 1)
}

/// Whether a hash is of this password.
#[allow(clippy::disallowed_methods, reason = "as somebody else would read it")]
pub(super) fn is_of(hash: &str, password: &str) -> bool {
    bcrypt::verify(password, hash).unwrap()
}

/// Waits until something holds, for as long as a replica may take.
#[track_caller]
pub(super) fn eventually<F: Future<Output = bool>>(
    what: &'static str,
    mut holds: impl FnMut() -> F,
) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + PATIENCE;
        while !holds().await {
            assert!(Instant::now() < deadline, "{caller}: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
