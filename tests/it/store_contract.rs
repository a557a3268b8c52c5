//! What `src/store/mod.rs` promises, held against every store.
//!
//! A store comes as a [`Place`]: something that can be opened again and again. How sled behaves
//! when its files are damaged is `sled_faults.rs`'s; what a fleet does, `etcd/`'s.

use std::path::PathBuf;
use std::sync::Arc;

use milvus_rbac::model::{
    Change, Credential, GrantId, Grantor, ObjectRow, PasswordHash, PrivilegeGroup, Record,
    RecordKey, Revision, Role, RoleName, UserName,
};
use milvus_rbac::store::{
    Commit, MemoryStore, SledOptions, SledStore, Store, StoreError, encode_record,
};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

/// Somewhere a store can be.
pub(crate) trait Place {
    /// Whether what was written is there after opening it again.
    fn is_durable(&self) -> bool;

    /// Whether others write there, too: then revisions are not ours to count, and what stands
    /// beside users, roles, grants and groups is not ours to look at.
    fn is_shared(&self) -> bool {
        false
    }

    /// Opens it.
    fn open(&self) -> Box<dyn Store>;

    /// Opens it with these pairs in it, written by somebody else.
    fn open_with(&self, pairs: &[(&str, &[u8])]) -> Box<dyn Store>;
}

struct Memory;

impl Place for Memory {
    fn is_durable(&self) -> bool {
        false
    }

    fn open(&self) -> Box<dyn Store> {
        Box::new(MemoryStore::new())
    }

    fn open_with(&self, pairs: &[(&str, &[u8])]) -> Box<dyn Store> {
        let pairs = pairs.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.to_vec()));
        Box::new(MemoryStore::from_pairs(pairs))
    }
}

struct Directory {
    _home: tempfile::TempDir,
    path: PathBuf,
}

impl Directory {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { path: home.path().join("data"), _home: home }
    }
}

impl Place for Directory {
    fn is_durable(&self) -> bool {
        true
    }

    fn open(&self) -> Box<dyn Store> {
        Box::new(SledStore::open(&self.path, SledOptions::default()).unwrap())
    }

    fn open_with(&self, pairs: &[(&str, &[u8])]) -> Box<dyn Store> {
        self.open().close().unwrap();
        add_behind_its_back(&self.path, pairs);
        // The digest is of another state of the same revision now, so the old mark must go.
        std::fs::remove_file(self.path.join("high-water")).unwrap();
        self.open()
    }
}

/// Opens sled without us. A process that another test is just starting has a copy of each lock
/// until it runs its own program, so what is closed is free only a moment later.
pub(crate) fn open_raw(config: &sled::Config) -> sled::Db {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        match config.clone().flush_every_ms(None).open() {
            Err(error) if error.to_string().contains("could not acquire lock") => {
                assert!(std::time::Instant::now() < deadline, "{error}");
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            opened => return opened.unwrap(),
        }
    }
}

/// Writes pairs into a closed sled store as a newer version would: with the digest kept.
pub(crate) fn add_behind_its_back(path: &std::path::Path, pairs: &[(&str, &[u8])]) {
    const DIGEST: &[u8] = b"\0milvus-rbac/digest";
    let db = open_raw(&sled::Config::new().path(path));
    let mut digest = db.get(DIGEST).unwrap().unwrap().to_vec();
    for (key, value) in pairs {
        let mut hash = Sha256::new();
        hash.update((key.len() as u64).to_be_bytes());
        hash.update(key.as_bytes());
        hash.update(value);
        for (sum, byte) in digest.iter_mut().zip(hash.finalize()) {
            *sum ^= byte;
        }
        db.insert(key.as_bytes(), *value).unwrap();
    }
    db.insert(DIGEST, digest).unwrap();
    db.flush().unwrap();
}

pub(crate) fn user(name: &str, hash: &str) -> Record {
    let credential = Credential { hash: PasswordHash::new(hash), description: None, time_tick: 0 };
    Record::User(UserName::new(name).unwrap(), credential)
}

pub(crate) fn role(name: &str, description: &str) -> Record {
    Record::Role(RoleName::new(name).unwrap(), Role { description: description.to_owned() })
}

fn binding(user: &str, role: &str) -> Record {
    Record::Binding(UserName::new(user).unwrap(), RoleName::new(role).unwrap())
}

fn row(role: &str, object: &str) -> ObjectRow {
    ObjectRow {
        role: RoleName::new(role).unwrap(),
        object_type: Arc::from("Collection"),
        object: Arc::from(object),
    }
}

fn group(name: &str, members: &[&str]) -> Record {
    Record::Group(PrivilegeGroup {
        name: Arc::from(name),
        privileges: members.iter().copied().map(Arc::from).collect(),
    })
}

pub(crate) fn put(record: Record) -> Change {
    Change::Put(record)
}

pub(crate) fn delete(record: &Record) -> Change {
    Change::Delete(record.key())
}

/// Commits on top of whatever is there.
#[track_caller]
pub(crate) fn commit(store: &mut dyn Store, changes: &[Change]) -> Revision {
    let base = store.load().unwrap().revision;
    match store.commit(base, changes) {
        Commit::Committed(revision) => revision,
        other => panic!("{other:?}"),
    }
}

/// The records in written form, sorted, so that they can be compared.
#[track_caller]
pub(crate) fn state(store: &mut dyn Store) -> Vec<(String, Vec<u8>)> {
    let mut pairs: Vec<_> = store.load().unwrap().records.iter().map(encode_record).collect();
    pairs.sort();
    pairs
}

#[track_caller]
fn assert_holds(store: &mut dyn Store, records: &[Record]) {
    let mut expected: Vec<_> = records.iter().map(encode_record).collect();
    expected.sort();
    assert_eq!(state(store), expected, "{}", store.describe());
}

/// The store after closing and opening it, where that means anything.
fn again(place: &dyn Place, mut store: Box<dyn Store>) -> Box<dyn Store> {
    if !place.is_durable() {
        return store;
    }
    store.close().unwrap();
    place.open()
}

fn an_empty_store_has_no_records_and_revision_0(place: &dyn Place) {
    let mut store = again(place, place.open());
    let loaded = store.load().unwrap();
    if !place.is_shared() {
        assert_eq!(loaded.revision, Revision(0));
    }
    assert!(loaded.records.is_empty());
    assert!(loaded.ignored.is_empty());
}

fn a_record_is_there_until_it_is_overwritten_or_deleted(place: &dyn Place) {
    let mut store = place.open();
    commit(&mut *store, &[put(user("ann", "h1")), put(role("reader", ""))]);
    assert_holds(&mut *store, &[user("ann", "h1"), role("reader", "")]);

    commit(&mut *store, &[put(user("ann", "h2"))]);
    let mut store = again(place, store);
    assert_holds(&mut *store, &[user("ann", "h2"), role("reader", "")]);

    commit(&mut *store, &[delete(&user("ann", ""))]);
    let mut store = again(place, store);
    assert_holds(&mut *store, &[role("reader", "")]);
}

fn deleting_what_is_not_there_is_no_error(place: &dyn Place) {
    let mut store = place.open();
    commit(&mut *store, &[put(role("a", ""))]);
    commit(&mut *store, &[delete(&role("b", "")), delete(&user("a", ""))]);
    assert_holds(&mut *again(place, store), &[role("a", "")]);
}

fn of_several_changes_to_one_record_the_last_one_counts(place: &dyn Place) {
    let mut store = place.open();
    let changes = [
        put(role("a", "first")),
        delete(&role("a", "")),
        put(role("a", "last")),
        put(role("b", "x")),
        delete(&role("b", "")),
    ];
    commit(&mut *store, &changes);
    assert_holds(&mut *again(place, store), &[role("a", "last")]);
}

fn every_kind_of_record_is_kept(place: &dyn Place) {
    let mut store = place.open();
    let target = row("reader", "default.orders");
    let id = target.grant_id();
    let old = Credential {
        hash: PasswordHash::new("$2a$10$x"),
        description: Some("on \"call\" <now>".into()),
        time_tick: 459_270_061_531_234_306,
    };
    let records = [
        user("ann", "$2a$10$y"),
        Record::User(UserName::new("bob").unwrap(), old),
        role("reader", "reads & writes\u{2028}"),
        binding("ann", "reader"),
        Record::Row(target, id.clone()),
        Record::Privilege(id, Arc::from("PrivilegeSearch"), Grantor(Arc::from("root"))),
        Record::Row(row("reader", "a.b.c"), GrantId(Arc::from("0123456789abcdef"))),
        group("pg", &["Insert", "Query"]),
        group("empty", &[]),
    ];
    let changes: Vec<Change> = records.iter().cloned().map(put).collect();
    commit(&mut *store, &changes);
    let mut store = again(place, store);
    assert_holds(&mut *store, &records);
    let loaded = store.load().unwrap();
    assert!(records.iter().all(|record| loaded.records.contains(record)));

    let changes: Vec<Change> = records.iter().map(delete).collect();
    commit(&mut *store, &changes);
    assert_holds(&mut *again(place, store), &[]);
}

fn names_that_differ_in_case_only_are_different(place: &dyn Place) {
    let mut store = place.open();
    commit(&mut *store, &[put(user("ann", "h1")), put(user("Ann", "h2"))]);
    commit(&mut *store, &[delete(&user("ann", ""))]);
    assert_holds(&mut *again(place, store), &[user("Ann", "h2")]);
}

fn a_name_that_begins_like_another_is_left_alone(place: &dyn Place) {
    let mut store = place.open();
    let kept = [
        user("ab", "h"),
        role("ab", ""),
        binding("ab", "ab"),
        binding("a", "ab"),
        binding("ab", "a"),
        group("ab", &["Query"]),
    ];
    let gone = [user("a", "h"), role("a", ""), binding("a", "a"), group("a", &[])];
    let changes: Vec<Change> = kept.iter().chain(&gone).cloned().map(put).collect();
    commit(&mut *store, &changes);
    let changes: Vec<Change> = gone.iter().map(delete).collect();
    commit(&mut *store, &changes);
    assert_holds(&mut *again(place, store), &kept);
}

fn revisions_rise_also_with_an_empty_batch(place: &dyn Place) {
    let mut store = place.open();
    let mut revisions = vec![store.load().unwrap().revision];
    revisions.push(commit(&mut *store, &[put(role("a", ""))]));
    revisions.push(commit(&mut *store, &[]));
    let mut store = again(place, store);
    let found = store.load().unwrap().revision;
    assert_eq!(revisions.last(), Some(&found));
    revisions.push(commit(&mut *store, &[delete(&role("a", ""))]));
    assert!(revisions.is_sorted_by(|a, b| a < b), "{revisions:?}");
    if !place.is_shared() {
        assert_eq!(revisions, [0, 1, 2, 3].map(Revision));
    }
}

fn a_batch_on_an_older_state_is_a_conflict_and_writes_nothing(place: &dyn Place) {
    let mut store = place.open();
    commit(&mut *store, &[put(role("a", ""))]);
    let newest = store.load().unwrap().revision;
    for base in [Revision(newest.0 - 1), Revision(newest.0 + 1)] {
        let outcome = store.commit(base, &[put(role("b", ""))]);
        assert!(matches!(outcome, Commit::Conflict), "{outcome:?}");
    }
    let mut store = again(place, store);
    assert_holds(&mut *store, &[role("a", "")]);
    assert_eq!(store.load().unwrap().revision, newest);
}

fn a_record_without_a_key_of_its_own_is_refused_with_its_whole_batch(place: &dyn Place) {
    let mut store = place.open();
    let impossible = [
        put(Record::Row(row("r", "x/y"), GrantId(Arc::from("id")))),
        put(group("", &[])),
        Change::Delete(RecordKey::Privilege(GrantId(Arc::from("a/b")), Arc::from("c"))),
    ];
    let before = store.load().unwrap().revision;
    for change in impossible {
        let outcome = store.commit(before, &[put(role("a", "")), change]);
        assert!(matches!(outcome, Commit::Refused(StoreError::Unstorable { .. })), "{outcome:?}");
    }
    assert_eq!(store.load().unwrap().revision, before);
    assert!(commit(&mut *store, &[put(role("b", ""))]) > before, "it goes on");
    assert_holds(&mut *again(place, store), &[role("b", "")]);
}

fn a_large_batch_is_written_as_a_whole(place: &dyn Place) {
    let mut store = place.open();
    let records: Vec<Record> = (0..2500)
        .flat_map(|n| [user(&format!("u{n}"), &"h".repeat(60)), binding(&format!("u{n}"), "r")])
        .collect();
    let changes: Vec<Change> = records.iter().cloned().map(put).collect();
    assert_eq!(changes.len(), 5000);
    commit(&mut *store, &changes);
    let mut store = again(place, store);
    assert_holds(&mut *store, &records);
    let changes: Vec<Change> = records.iter().map(delete).collect();
    commit(&mut *store, &changes);
    assert_holds(&mut *again(place, store), &[]);
}

fn a_large_record_is_kept_and_one_that_is_too_large_changes_nothing(place: &dyn Place) {
    let mut store = place.open();
    let members: Vec<String> = (0..20_000).map(|n| format!("Privilege{n:06}")).collect();
    let mut members: Vec<&str> = members.iter().map(String::as_str).collect();
    let before = store.load().unwrap().revision;
    let changes = [put(group("large", &members)), put(role("a", ""))];
    match store.commit(before, &changes) {
        Commit::Committed(_) => {}
        Commit::Refused(error) if error.is_of_the_change() => {
            assert_eq!(store.load().unwrap().revision, before);
            // More members than Milvus has privileges.
            members.truncate(300);
        }
        other => panic!("{other:?}"),
    }
    let records = [group("large", &members), role("a", "")];
    commit(&mut *store, &records.clone().map(put));
    commit(&mut *store, &[put(role("b", ""))]);
    let mut store = again(place, store);
    assert_holds(&mut *store, &[group("large", &members), role("a", ""), role("b", "")]);
    commit(&mut *store, &[put(group("large", &["Query"]))]);
    assert_holds(
        &mut *again(place, store),
        &[group("large", &["Query"]), role("a", ""), role("b", "")],
    );
}

fn what_is_not_understood_is_kept_and_reported_once(place: &dyn Place) {
    let strange: [(&str, &[u8]); 4] = [
        ("root-coord/credential/users/a/b", b"{}"),
        ("root-coord/credential/users/broken", b"{"),
        ("root-coord/database/db-info/1", b"\xff"),
        ("zebra", b""),
    ];
    let mut store = place.open_with(&strange);
    let expected = if place.is_shared() { &strange[..2] } else { &strange };
    let expect_reported = |store: &mut dyn Store| {
        let mut ignored = store.load().unwrap().ignored;
        ignored.sort();
        let keys: Vec<&str> = expected.iter().map(|(key, _)| *key).collect();
        assert_eq!(ignored, keys);
    };
    expect_reported(&mut *store);
    let users: Vec<Record> = store.load().unwrap().records;
    assert!(matches!(&users[..], [Record::User(name, credential)]
        if name.as_str() == "broken" && credential.hash.expose().is_empty()));
    commit(&mut *store, &[put(role("a", ""))]);
    commit(&mut *store, &[delete(&role("a", ""))]);
    expect_reported(&mut *again(place, store));
}

fn an_unreadable_credential_can_be_replaced(place: &dyn Place) {
    let mut store = place.open_with(&[("root-coord/credential/users/ann", b"{")]);
    commit(&mut *store, &[put(user("ann", "h"))]);
    let mut store = again(place, store);
    assert_holds(&mut *store, &[user("ann", "h")]);
    assert!(store.load().unwrap().ignored.is_empty());
}

fn reopening_and_closing_twice_change_nothing(place: &dyn Place) {
    let mut store = place.open();
    commit(&mut *store, &[put(role("a", ""))]);
    store.reopen().unwrap();
    assert_holds(&mut *store, &[role("a", "")]);
    commit(&mut *store, &[put(role("b", ""))]);
    store.close().unwrap();
    store.close().unwrap();
    store.reopen().unwrap();
    assert_holds(&mut *store, &[role("a", ""), role("b", "")]);
}

/// Few names, so that changes meet.
fn any_change() -> impl Strategy<Value = Change> {
    let name = || prop::sample::select(vec!["a", "ab", "A", "b"]);
    let record = prop_oneof![
        (name(), name()).prop_map(|(name, hash)| user(name, hash)),
        (name(), name()).prop_map(|(name, description)| role(name, description)),
        (name(), name()).prop_map(|(user, role)| binding(user, role)),
        (name(), name()).prop_map(|(role, object)| {
            Record::Row(row(role, object), row(role, object).grant_id())
        }),
        (name(), name()).prop_map(|(name, member)| group(name, &[member])),
    ];
    (record, any::<bool>()).prop_map(
        |(record, is_put)| {
            if is_put { put(record) } else { delete(&record) }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn all_stores_agree_whatever_is_written(
        batches in prop::collection::vec(prop::collection::vec(any_change(), 0..12), 1..8),
    ) {
        let mut memory = MemoryStore::new();
        let place = Directory::new();
        let mut sled = place.open();
        for (number, batch) in batches.iter().enumerate() {
            prop_assert_eq!(commit(&mut memory, batch), commit(&mut *sled, batch));
            if number % 2 == 0 {
                sled = again(&place, sled);
            }
            prop_assert_eq!(state(&mut memory), state(&mut *sled));
        }
    }
}

fn nothing_printed_holds_what_is_stored(place: &dyn Place) {
    let mut store = place.open();
    commit(&mut *store, &[put(user("ann", "$2a$10$secret"))]);
    let printed = format!("{store:?} {} {:?}", store.describe(), store.load().unwrap());
    assert!(!printed.contains("secret"), "{printed}");
}

/// Makes the sentences above tests for the stores that every machine has, and a list for those
/// that have to be started first.
macro_rules! contract {
    ($($sentence:ident),* $(,)?) => {
        mod in_memory {
            $(#[test] fn $sentence() { super::$sentence(&super::Memory); })*
        }

        mod on_disk {
            $(#[test] fn $sentence() { super::$sentence(&super::Directory::new()); })*
        }

        /// Every sentence of the contract, by name.
        pub(crate) const CONTRACT: &[(&str, fn(&dyn Place))] =
            &[$((stringify!($sentence), $sentence)),*];
    };
}

contract! {
    an_empty_store_has_no_records_and_revision_0,
    a_record_is_there_until_it_is_overwritten_or_deleted,
    deleting_what_is_not_there_is_no_error,
    of_several_changes_to_one_record_the_last_one_counts,
    every_kind_of_record_is_kept,
    names_that_differ_in_case_only_are_different,
    a_name_that_begins_like_another_is_left_alone,
    revisions_rise_also_with_an_empty_batch,
    a_batch_on_an_older_state_is_a_conflict_and_writes_nothing,
    a_record_without_a_key_of_its_own_is_refused_with_its_whole_batch,
    a_large_batch_is_written_as_a_whole,
    a_large_record_is_kept_and_one_that_is_too_large_changes_nothing,
    what_is_not_understood_is_kept_and_reported_once,
    an_unreadable_credential_can_be_replaced,
    reopening_and_closing_twice_change_nothing,
    nothing_printed_holds_what_is_stored,
}
