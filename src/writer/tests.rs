//! The four ends of a commit, group commit, and recovery, on a store that fails on demand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::model::{Record, Role, RoleName};
use crate::store::{Commit, Loading, Scanned, Writes};

/// What a scripted store does next.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Next {
    Commit,
    Refuse,
    Conflict,
    /// Unknown, although it was written.
    UnknownWritten,
    /// Unknown, and it was not.
    UnknownLost,
    /// The thread dies.
    Panic,
}

#[derive(Debug, Default)]
struct Medium {
    records: Vec<Record>,
    revision: u64,
    script: Vec<Next>,
    batches: Vec<usize>,
    broken: bool,
    /// How many times reopening fails.
    reopen_failures: u32,
    /// Whether somebody else changes something whenever we look.
    busy: bool,
    confirms: u32,
}

#[derive(Debug, Clone)]
struct ScriptedStore(Arc<Mutex<Medium>>);

impl ScriptedStore {
    fn new(script: &[Next]) -> Self {
        let mut script = script.to_vec();
        script.reverse();
        Self(Arc::new(Mutex::new(Medium { script, ..Medium::default() })))
    }
}

impl Store for ScriptedStore {
    fn describe(&self) -> String {
        "scripted:".to_owned()
    }

    fn load_each(&mut self, take: &mut dyn FnMut(Loading)) -> Result<Scanned, StoreError> {
        let medium = self.0.lock().unwrap();
        if medium.broken {
            return Err(StoreError::NotOpen);
        }
        for record in &medium.records {
            take(Loading::Record(record.clone()));
        }
        Ok(Scanned { revision: Revision(medium.revision), as_of: None })
    }

    fn commit(&mut self, base: Revision, changes: &[Change]) -> Commit {
        let mut medium = self.0.lock().unwrap();
        if medium.broken {
            return Commit::Refused(StoreError::NotOpen);
        }
        assert_eq!(base.0, medium.revision);
        let next = medium.script.pop().unwrap_or(Next::Commit);
        if matches!(next, Next::Commit | Next::UnknownWritten) {
            for change in changes {
                if let Change::Put(record) = change {
                    medium.records.push(record.clone());
                }
            }
            medium.revision += 1;
            medium.batches.push(changes.len());
        }
        match next {
            Next::Commit => Commit::Committed(Revision(medium.revision)),
            Next::Refuse => Commit::Refused(StoreError::NotOpen),
            Next::Conflict => {
                medium.revision += 1;
                let role = RoleName::new("theirs").unwrap();
                medium.records.push(Record::Role(role, Role::default()));
                Commit::Conflict
            }
            Next::UnknownWritten | Next::UnknownLost => {
                medium.broken = true;
                Commit::Unknown(StoreError::NotOpen)
            }
            Next::Panic => panic!("injected"),
        }
    }

    fn confirm(&mut self, base: Revision) -> Commit {
        let mut medium = self.0.lock().unwrap();
        medium.confirms += 1;
        if medium.busy {
            medium.revision += 1;
        }
        if base.0 == medium.revision { Commit::Committed(base) } else { Commit::Conflict }
    }

    // The writer asks for records and changes, never for pairs.
    fn scan(&mut self, _: &mut dyn FnMut(&[u8], &[u8])) -> Result<Scanned, StoreError> {
        Err(StoreError::NotOpen)
    }

    fn write(&mut self, _: Revision, _: Writes) -> Commit {
        Commit::Refused(StoreError::NotOpen)
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        let mut medium = self.0.lock().unwrap();
        if medium.reopen_failures > 0 {
            medium.reopen_failures -= 1;
            return Err(StoreError::NotOpen);
        }
        medium.broken = false;
        Ok(())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[derive(Debug, PartialEq)]
struct Exists;

async fn create(writer: &Writer, name: &str) -> Result<Done<()>, SubmitError<Exists>> {
    let role = RoleName::new(name).unwrap();
    writer
        .submit(move |state: &Snapshot| {
            if state.role(role.as_str()).is_some() {
                return Err(Exists);
            }
            Ok(((), vec![Change::Put(Record::Role(role.clone(), Role::default()))]))
        })
        .await
}

fn start(store: &ScriptedStore) -> (Writer, Arc<SnapshotCell>) {
    Writer::start(Box::new(store.clone()), Arc::default(), Arc::default()).unwrap()
}

async fn until_writable(writer: &Writer) {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while !writer.is_writable() {
        assert!(std::time::Instant::now() < deadline, "the writer did not recover");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_change_is_visible_before_its_caller_hears_of_it() {
    let (writer, cell) = start(&ScriptedStore::new(&[]));
    let done = create(&writer, "r").await.unwrap();
    assert!(done.changed && cell.read().role("r").is_some());
    assert_eq!(done.revision, cell.read().revision());
    assert!(matches!(create(&writer, "r").await, Err(SubmitError::Refused(Exists))));
}

#[tokio::test]
async fn two_thousand_concurrent_operations_share_few_commits_and_all_finish() {
    let store = ScriptedStore::new(&[]);
    let (writer, cell) = start(&store);
    let tasks: Vec<_> = (0..2000)
        .map(|n| {
            let writer = writer.clone();
            tokio::spawn(async move { create(&writer, &format!("r{n}")).await.is_ok() })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    assert_eq!(cell.read().roles().len(), 2000);
    let medium = store.0.lock().unwrap();
    assert_eq!(medium.batches.iter().sum::<usize>(), 2000);
}

#[tokio::test]
async fn a_refused_batch_changes_nothing_and_the_next_one_works() {
    let (writer, cell) = start(&ScriptedStore::new(&[Next::Refuse]));
    let error = create(&writer, "r").await.unwrap_err();
    assert!(matches!(error, SubmitError::Write(WriteError::Refused)));
    assert!(cell.read().role("r").is_none());
    until_writable(&writer).await;
    assert!(create(&writer, "r").await.is_ok());
}

#[tokio::test]
async fn after_a_conflict_the_operation_is_checked_on_the_newer_state() {
    let (writer, cell) = start(&ScriptedStore::new(&[Next::Conflict]));
    assert!(matches!(create(&writer, "theirs").await, Err(SubmitError::Refused(Exists))));
    assert!(cell.read().role("theirs").is_some());
    assert!(create(&writer, "ours").await.is_ok());
}

#[tokio::test]
async fn a_refusal_needs_a_state_that_was_the_newest_after_the_question_not_one_that_still_is() {
    let store = ScriptedStore::new(&[]);
    let (writer, _) = start(&store);
    create(&writer, "reader").await.unwrap();
    store.0.lock().unwrap().busy = true;
    let refused = create(&writer, "reader").await;
    assert!(matches!(refused, Err(SubmitError::Refused(_))), "{refused:?}");
    assert_eq!(store.0.lock().unwrap().confirms, 1);
    let nothing = writer.submit(|_| Ok::<_, Exists>(((), Vec::new()))).await.unwrap();
    assert_eq!((nothing.changed, nothing.revision), (false, Revision(3)));
}

#[tokio::test]
async fn an_unknown_outcome_is_said_to_be_unknown_and_cleared_up_by_reopening() {
    for (next, there) in [(Next::UnknownWritten, true), (Next::UnknownLost, false)] {
        let (writer, cell) = start(&ScriptedStore::new(&[next]));
        let error = create(&writer, "r").await.unwrap_err();
        assert!(matches!(error, SubmitError::Write(WriteError::Unknown)), "{error:?}");
        until_writable(&writer).await;
        assert_eq!(cell.read().role("r").is_some(), there);
        assert!(create(&writer, "after").await.is_ok());
    }
}

#[tokio::test]
async fn while_the_store_is_broken_changes_are_refused_and_reads_go_on() {
    let store = ScriptedStore::new(&[Next::Commit, Next::UnknownLost]);
    store.0.lock().unwrap().reopen_failures = 3;
    let (writer, cell) = start(&store);
    create(&writer, "kept").await.unwrap();
    assert!(create(&writer, "lost").await.is_err());
    assert!(!writer.is_writable());
    let error = create(&writer, "refused").await.unwrap_err();
    assert!(matches!(error, SubmitError::Write(WriteError::ReadOnly)), "{error:?}");
    assert!(cell.read().role("kept").is_some());
    until_writable(&writer).await;
    assert!(create(&writer, "after").await.is_ok());
}

#[tokio::test]
async fn a_panicking_check_harms_nobody_else() {
    let (writer, _cell) = start(&ScriptedStore::new(&[]));
    let outcome: Result<Done<()>, SubmitError<Exists>> =
        writer.submit(|_: &Snapshot| panic!("injected")).await;
    assert!(matches!(outcome, Err(SubmitError::Write(WriteError::Panicked))));
    assert!(create(&writer, "r").await.is_ok());
}

#[tokio::test]
async fn a_closed_writer_refuses_and_says_so() {
    let (writer, _cell) = start(&ScriptedStore::new(&[]));
    create(&writer, "r").await.unwrap();
    writer.close().unwrap();
    let error = create(&writer, "late").await.unwrap_err();
    assert!(matches!(error, SubmitError::Write(WriteError::Closed)));
}

#[tokio::test]
async fn the_outcome_is_observed_also_when_no_caller_waits_any_more() {
    let (writer, _cell) = start(&ScriptedStore::new(&[]));
    let role = RoleName::new("r").unwrap();
    let (observed, outcome) = mpsc::channel();
    let check = move |_: &Snapshot| {
        let record = Record::Role(role.clone(), Role::default());
        Ok::<_, Exists>(((), vec![Change::Put(record)]))
    };
    let observe = move |outcome: &Result<Done<()>, SubmitError<Exists>>| {
        let changed = outcome.as_ref().is_ok_and(|done| done.changed);
        observed.send(changed).unwrap();
    };
    {
        let mut submitted = Box::pin(writer.submit_observed(check, observe));
        // Once it has been polled it is in the queue.
        let _ = futures_util::FutureExt::now_or_never(&mut submitted);
    }
    assert_eq!(outcome.recv_timeout(Duration::from_secs(10)), Ok(true));
}

#[tokio::test]
async fn when_the_thread_dies_queued_changes_are_unknown_and_later_ones_refused() {
    let (writer, cell) = start(&ScriptedStore::new(&[Next::Panic]));
    // The thread dies once both are in the queue.
    let (release, wait) = mpsc::channel();
    let role = Record::Role(RoleName::new("a").unwrap(), Role::default());
    let mut first = Box::pin(writer.submit(move |_| {
        wait.recv().unwrap_or_default();
        Ok::<_, Exists>(((), vec![Change::Put(role.clone())]))
    }));
    let mut second = Box::pin(create(&writer, "b"));
    let _ = futures_util::FutureExt::now_or_never(&mut first);
    let _ = futures_util::FutureExt::now_or_never(&mut second);
    release.send(()).unwrap();
    let (first, second) = tokio::join!(first, second);
    for error in [first.unwrap_err(), second.unwrap_err()] {
        assert!(matches!(error, SubmitError::Write(WriteError::Unknown)), "{error:?}");
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while writer.is_writable() {
        assert!(std::time::Instant::now() < deadline, "nobody has noticed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let error = create(&writer, "late").await.unwrap_err();
    assert!(matches!(error, SubmitError::Write(WriteError::Closed)), "{error:?}");
    assert_eq!(cell.read().roles().len(), 0, "reads go on");
    writer.close().unwrap();
}
