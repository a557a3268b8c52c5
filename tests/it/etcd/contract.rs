//! The store contract on etcd, and what it says of stores that are shared.

use std::cell::Cell;
use std::sync::mpsc;
use std::time::Duration;

use milvus_rbac::model::Change;
use milvus_rbac::store::{Commit, EtcdOptions, EtcdStore, Store, Wake};

use crate::store_contract::{CONTRACT, Place, commit, put, role, state};
use crate::support::etcd::Cluster;

/// A root path of its own in a running cluster.
struct Root<'a> {
    cluster: &'a Cluster,
    path: String,
    opened: Cell<usize>,
}

impl<'a> Root<'a> {
    fn new(cluster: &'a Cluster, path: &str) -> Self {
        Self { cluster, path: path.to_owned(), opened: Cell::new(0) }
    }
}

impl Place for Root<'_> {
    fn is_durable(&self) -> bool {
        true
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn open(&self) -> Box<dyn Store> {
        // Each time at another member first.
        let mut endpoints = self.cluster.endpoints();
        let turn = self.opened.replace(self.opened.get() + 1) % endpoints.len();
        endpoints.rotate_left(turn);
        let options = EtcdOptions { root: self.path.clone(), ..EtcdOptions::new(endpoints) };
        Box::new(EtcdStore::open(options).unwrap())
    }

    fn open_with(&self, pairs: &[(&str, &[u8])]) -> Box<dyn Store> {
        let whole = |(key, value): &(&str, &[u8])| (format!("{}/{key}", self.path), value.to_vec());
        self.cluster.put_all(pairs.iter().map(whole));
        self.open()
    }
}

fn keeps_the_contract(members: usize) {
    let cluster = Cluster::start(members);
    for (sentence, check) in CONTRACT {
        println!("{sentence}");
        check(&Root::new(&cluster, &format!("contract/{sentence}")));
    }
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn one_member_keeps_the_contract() {
    keeps_the_contract(1);
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn three_members_keep_the_contract() {
    keeps_the_contract(3);
}

/// A store that is followed, and a queue that gets a word whenever it may have news.
struct Followed {
    store: Box<dyn Store>,
    woken: mpsc::Receiver<()>,
}

impl Followed {
    fn open(root: &Root<'_>) -> Self {
        let mut store = root.open();
        store.load().unwrap();
        let (wake, woken) = mpsc::channel();
        store.follow(Wake::new(move || wake.send(()).unwrap_or_default(), |_| ()));
        Self { store, woken }
    }

    /// The changes that it tells of until there are at least so many.
    fn hear(&mut self, count: usize) -> Vec<Change> {
        let mut heard = Vec::new();
        while heard.len() < count {
            self.woken.recv_timeout(Duration::from_secs(10)).expect("there is more to hear");
            let news = self.store.news().unwrap();
            heard.extend(news.into_iter().flat_map(|news| news.changes));
        }
        heard
    }
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn a_store_tells_of_what_another_changes_all_of_it_and_in_order() {
    let cluster = Cluster::start(1);
    let root = Root::new(&cluster, "told");
    let mut follower = Followed::open(&root);
    let mut other = root.open();
    let expected: Vec<Change> = (0..100).map(|n| put(role(&format!("r{n}"), ""))).collect();
    for change in &expected {
        commit(&mut *other, std::slice::from_ref(change));
    }
    assert_eq!(follower.hear(expected.len()), expected);
    assert_eq!(state(&mut *follower.store), state(&mut *other));
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn a_change_on_a_state_that_another_has_changed_is_a_conflict_and_goes_through_after_the_news() {
    let cluster = Cluster::start(1);
    let root = Root::new(&cluster, "conflict");
    let mut follower = Followed::open(&root);
    let mut other = root.open();
    let base = follower.store.load().unwrap().revision;
    commit(&mut *other, &[put(role("theirs", ""))]);
    let outcome = follower.store.commit(base, &[put(role("ours", ""))]);
    assert!(matches!(outcome, Commit::Conflict), "{outcome:?}");
    assert!(matches!(follower.store.confirm(base), Commit::Conflict));
    let news = follower.store.news().unwrap().unwrap();
    assert_eq!(news.changes, [put(role("theirs", ""))]);
    assert!(matches!(follower.store.confirm(news.revision), Commit::Committed(_)));
    let outcome = follower.store.commit(news.revision, &[put(role("ours", ""))]);
    assert!(matches!(outcome, Commit::Committed(_)), "{outcome:?}");
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn a_large_change_is_told_of_as_one_and_leaves_no_journal() {
    let cluster = Cluster::start(1);
    let root = Root::new(&cluster, "large");
    let mut follower = Followed::open(&root);
    let mut writer = Followed::open(&root);
    let changes: Vec<Change> = (0..3000).map(|n| put(role(&format!("r{n:05}"), ""))).collect();
    let base = writer.store.load().unwrap().revision;
    let outcome = writer.store.commit(base, &changes);
    assert!(matches!(outcome, Commit::Committed(_)), "{outcome:?}");
    // The first word of it is all of it.
    let mut first = Vec::new();
    while first.is_empty() {
        follower.woken.recv_timeout(Duration::from_secs(10)).unwrap();
        first = follower.store.news().unwrap().map(|news| news.changes).unwrap_or_default();
    }
    assert_eq!(first.len(), changes.len());
    writer.store.close().unwrap();
    assert_eq!(cluster.dump("large/milvus-rbac/journal"), []);
    assert_eq!(cluster.dump("large/root-coord/credential/roles/").len(), changes.len());
    let mut reader = root.open();
    assert_eq!(state(&mut *reader), state(&mut *follower.store));
}
