//! Timelines: order, what counts, the fence, and large changes seen from every moment.

use std::time::Duration;

use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::model::{Record, RecordKey, RoleName, UserName};
use crate::proto::journal::Head;

const ME: &[u8] = b"me/";

fn now() -> Uptime {
    Uptime::after_boot(Duration::from_secs(1))
}

fn layout() -> Layout {
    Layout::new("root")
}

fn timeline(revision: i64) -> Timeline {
    Timeline::new(layout(), revision, ME)
}

fn pair(key: &str, value: impl Into<Vec<u8>>, revision: i64) -> KeyValue {
    KeyValue { key: layout().key(key), value: value.into(), mod_revision: revision }
}

fn put(key: &str, value: impl Into<Vec<u8>>, revision: i64) -> Event {
    Event { r#type: EventType::Put.into(), kv: Some(pair(key, value, revision)) }
}

fn delete(key: &str, revision: i64) -> Event {
    Event { r#type: EventType::Delete.into(), kv: Some(pair(key, "", revision)) }
}

fn hear(timeline: &mut Timeline, events: Vec<Event>) -> Result<Told, Broken> {
    let mut told = Told::default();
    timeline.hear(events, now(), &mut told).map(|()| told)
}

fn role(name: &str) -> String {
    format!("root-coord/credential/roles/{name}")
}

fn binding(user: &str) -> String {
    format!("root-coord/credential/user-role-mapping/{user}/r")
}

fn bound(user: &str) -> RecordKey {
    RecordKey::Binding(UserName::new(user).unwrap(), RoleName::new("r").unwrap())
}

fn order(result: Result<Told, Broken>) -> String {
    match result {
        Err(Broken::Order(detail)) => detail,
        other => panic!("{other:?}"),
    }
}

#[test]
fn events_of_one_revision_are_told_together_and_move_the_timeline_there() {
    let mut timeline = timeline(5);
    let told = hear(
        &mut timeline,
        vec![put(&role("a"), "", 7), put(&role("b"), "", 7), delete(&role("c"), 9)],
    );
    assert_eq!(told.unwrap().changes.len(), 3);
    assert_eq!(timeline.revision, 9);
    assert_eq!(timeline.guards.get(role("a").as_bytes()), 7);
    assert_eq!(timeline.guards.get(role("c").as_bytes()), 0);
}

#[test]
fn an_event_that_is_told_twice_or_comes_too_late_or_goes_back_is_not_believed() {
    for revision in [5, 4] {
        let text = order(hear(&mut timeline(5), vec![put(&role("a"), "", revision)]));
        assert!(text.contains("came after revision 5"), "{text}");
    }
    let back = vec![put(&role("a"), "", 8), put(&role("b"), "", 7)];
    assert!(order(hear(&mut timeline(5), back)).contains("revision 7 came after revision 8"));
    let mut timeline = timeline(5);
    hear(&mut timeline, vec![put(&role("a"), "", 8)]).unwrap();
    assert!(
        hear(&mut timeline, vec![put(&role("b"), "", 8)]).is_err(),
        "a revision in two answers"
    );
    let nameless = Event { r#type: 0, kv: None };
    order(hear(&mut timeline, vec![nameless]));
    let strange = Event { r#type: 7, ..put(&role("a"), "", 9) };
    order(hear(&mut timeline, vec![strange]));
}

#[test]
fn an_answer_without_events_changes_nothing() {
    let mut timeline = timeline(5);
    assert!(hear(&mut timeline, Vec::new()).unwrap().changes.is_empty());
    assert_eq!(timeline.revision, 5);
}

#[test]
fn what_is_none_of_our_business_only_moves_the_revision() {
    let mut timeline = timeline(5);
    let events = vec![
        put("root-coord/database/collection-info/1/2", "x", 6),
        put(super::super::layout::PULSE, "", 7),
        put("root-coord/aliases/1", "x", 8),
    ];
    let told = hear(&mut timeline, events).unwrap();
    assert!(told.changes.is_empty() && told.ignored.is_empty());
    assert_eq!(timeline.revision, 8);
}

#[test]
fn a_record_that_is_overwritten_by_garbage_is_gone_and_told_of() {
    let mut timeline = timeline(5);
    let group = "root-coord/privilege-group/g";
    hear(&mut timeline, vec![put(group, "", 6)]).unwrap();
    let told = hear(&mut timeline, vec![put(group, b"\xff\xff", 7)]).unwrap();
    assert_eq!(told.changes, [Change::Delete(RecordKey::Group("g".into()))]);
    assert_eq!(told.ignored, [group]);
    let told = hear(&mut timeline, vec![put("milvus-rbac/new", "", 8)]).unwrap();
    assert_eq!(told.ignored, ["milvus-rbac/new"]);
}

#[test]
fn the_fence_is_followed_and_a_stamp_of_ours_found_although_others_came_after_it() {
    let mut timeline = timeline(5);
    let fence = super::super::layout::FENCE;
    hear(&mut timeline, vec![put(fence, "me/1", 6)]).unwrap();
    hear(&mut timeline, vec![put(fence, "other/1", 7)]).unwrap();
    assert_eq!(timeline.fence, 7);
    assert_eq!(timeline.revision_of(b"me/1"), Some(6));
    assert_eq!(timeline.revision_of(b"me/2"), None);
    assert_eq!(timeline.revision_of(b"other/1"), None);
    hear(&mut timeline, vec![delete(fence, 8)]).unwrap();
    assert_eq!(timeline.fence, 0);
}

#[test]
fn somebody_else_is_let_go_first_until_it_has_or_its_time_is_up() {
    let turn = super::super::layout::TURN;
    let later = |millis| Uptime::after_boot(now().since_boot() + Duration::from_millis(millis));
    let mut asked = timeline(5);
    assert!(asked.turn_left(now()).is_none());
    hear(&mut asked, vec![put(turn, "other/", 6)]).unwrap();
    assert_eq!(asked.turn_left(later(100)), Some(Duration::from_millis(400)));
    assert!(asked.turn_left(later(500)).is_none());
    hear(&mut asked, vec![put(super::super::layout::FENCE, "third/9", 7)]).unwrap();
    assert!(asked.turn_left(now()).is_some());
    hear(&mut asked, vec![put(super::super::layout::FENCE, "other/9", 8)]).unwrap();
    assert!(asked.turn_left(now()).is_none());
    // Our own turn is nothing to wait for.
    hear(&mut asked, vec![put(turn, "me/", 9)]).unwrap();
    assert!(asked.turn_left(now()).is_none());
}

#[test]
fn a_format_that_is_not_known_ends_it() {
    let format = super::super::layout::FORMAT;
    for (value, text) in [("2", "format 2"), ("x", "no number"), ("", "no number")] {
        match hear(&mut timeline(5), vec![put(format, value, 6)]) {
            Err(Broken::OwnKey { key, detail }) => {
                assert!(key == format && detail.contains(text), "{detail}");
            }
            other => panic!("{other:?}"),
        }
    }
    hear(&mut timeline(5), vec![put(format, "1", 6)]).unwrap();
}

/// A large change: `u1` and `u2` lose the role, `u3` and `u4` get it.
fn large() -> (Vec<Vec<u8>>, Head) {
    let wanted = [("u1", None), ("u2", None), ("u3", Some(Vec::new())), ("u4", Some(Vec::new()))];
    journal::cut("id", wanted.map(|(user, value)| (binding(user).into_bytes(), value)).into())
}

fn piece_key(number: usize) -> String {
    format!("milvus-rbac/journal/id/{number:08}")
}

fn head_event(revision: i64) -> Event {
    put(super::super::layout::HEAD, large().1.encode_to_vec(), revision)
}

fn staged(revision: i64) -> Timeline {
    let mut timeline = timeline(revision);
    let (pieces, _) = large();
    for (number, piece) in pieces.into_iter().enumerate() {
        let revision = timeline.revision + 1;
        let told = hear(&mut timeline, vec![put(&piece_key(number), piece, revision)]).unwrap();
        assert!(told.changes.is_empty(), "a piece alone changes nothing");
    }
    timeline
}

#[test]
fn a_large_change_is_told_whole_with_its_head_and_then_done_bit_by_bit() {
    let mut timeline = staged(5);
    let told = hear(&mut timeline, vec![head_event(10)]).unwrap();
    assert_eq!(told.changes.len(), 4);
    let left = |timeline: &Timeline| {
        let pending = timeline.pending.as_ref().unwrap();
        pending
            .left
            .keys()
            .map(|(_, key)| String::from_utf8(key.clone()).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(left(&timeline), ["u1", "u2", "u3", "u4"].map(binding));
    hear(&mut timeline, vec![delete(&binding("u1"), 11), put(&binding("u3"), "", 11)]).unwrap();
    assert_eq!(left(&timeline), ["u2", "u4"].map(binding));
    // What was not there needed no change; how far it has come is told.
    let progress = journal::write_done("id", &journal::step(binding("u2").as_bytes(), false));
    hear(&mut timeline, vec![put(super::super::layout::DONE, progress, 12)]).unwrap();
    assert_eq!((left(&timeline), timeline.done), (vec![binding("u4")], 12));
    // Somebody else's later word on a key counts, and the change does not come back to it.
    let told = hear(&mut timeline, vec![delete(&binding("u4"), 13)]).unwrap();
    assert_eq!(told.changes, [Change::Delete(bound("u4"))]);
    assert_eq!(left(&timeline), [""; 0]);
    let end = [super::super::layout::HEAD, super::super::layout::DONE, &piece_key(0)];
    hear(&mut timeline, end.map(|key| delete(key, 14)).into()).unwrap();
    assert!(timeline.pending.is_none() && timeline.staged.is_empty() && timeline.done == 0);
}

#[test]
fn what_was_put_and_deleted_again_before_a_reading_is_gone_once_that_is_known() {
    let (shown, mut timeline) = reading(&[], None);
    assert_eq!(shown, ["u3", "u4"].map(binding));
    let progress = journal::write_done("id", &journal::step(binding("u3").as_bytes(), true));
    let told = hear(&mut timeline, vec![put(super::super::layout::DONE, progress, 21)]).unwrap();
    assert_eq!(told.changes, [Change::Delete(bound("u3"))]);
}

#[test]
fn a_journal_that_is_taken_away_too_early_ends_the_timeline() {
    let mut timeline = staged(5);
    hear(&mut timeline, vec![head_event(10)]).unwrap();
    let text = order(hear(&mut timeline, vec![delete(super::super::layout::HEAD, 11)]));
    assert!(text.contains("before all of it was made"), "{text}");
}

#[test]
fn a_head_without_all_of_its_pieces_or_of_another_version_is_not_believed() {
    let broken =
        |result| matches!(result, Err(Broken::OwnKey { detail, .. }) if !detail.is_empty());
    assert!(broken(hear(&mut timeline(5), vec![head_event(10)]).map(drop)));
    let mut timeline = staged(5);
    hear(&mut timeline, vec![put(&piece_key(0), "other", 9)]).unwrap();
    assert!(broken(hear(&mut timeline, vec![head_event(10)]).map(drop)));
    let newer = Head { format: 2, ..large().1 }.encode_to_vec();
    let event = put(super::super::layout::HEAD, newer, 10);
    assert!(broken(hear(&mut staged(5), vec![event]).map(drop)));
}

/// What is shown by a reading that finds a large change half done.
fn shown(records: &[(&str, i64)]) -> Vec<String> {
    read(records, None).0
}

/// The same with how far it has come, and how many writes are left.
fn read(records: &[(&str, i64)], done: Option<journal::Step>) -> (Vec<String>, usize) {
    let (shown, timeline) = reading(records, done);
    (shown, timeline.pending.unwrap().left.len())
}

fn reading(records: &[(&str, i64)], done: Option<journal::Step>) -> (Vec<String>, Timeline) {
    let mut timeline = timeline(20);
    let (pieces, head) = large();
    let mut unknown = Vec::new();
    for (number, piece) in pieces.into_iter().enumerate() {
        timeline.read_own(pair(&piece_key(number), piece, 7), now(), &mut unknown).unwrap();
    }
    let head = pair(super::super::layout::HEAD, head.encode_to_vec(), 10);
    timeline.read_own(head, now(), &mut unknown).unwrap();
    if let Some(step) = done {
        let pair = pair(super::super::layout::DONE, journal::write_done("id", &step), 11);
        timeline.read_own(pair, now(), &mut unknown).unwrap();
    }
    timeline.begin_records(now()).unwrap();
    let mut shown = Vec::new();
    let mut visit = |key: &[u8], _: &[u8]| shown.push(String::from_utf8(key.to_vec()).unwrap());
    for (user, revision) in records {
        timeline.read_record(&pair(&binding(user), "", *revision), &mut visit);
    }
    timeline.end_records(&mut visit);
    shown.sort();
    (shown, timeline)
}

#[test]
fn a_reading_does_not_come_back_to_what_has_been_made() {
    // `u3` was put, and then deleted by somebody else; the deletions found nothing to delete.
    let done = journal::step(binding("u3").as_bytes(), true);
    assert_eq!(read(&[], Some(done)), (vec![binding("u4")], 1));
    let all = journal::step(binding("u4").as_bytes(), true);
    assert_eq!(read(&[], Some(all)), (Vec::new(), 0));
}

#[test]
fn a_reading_that_finds_a_large_change_half_done_shows_it_as_done() {
    let whole = ["u3", "u4"].map(binding);
    // Nothing done yet; half of it; all of it.
    assert_eq!(shown(&[("u1", 5), ("u2", 5)]), whole);
    assert_eq!(shown(&[("u2", 5), ("u3", 11)]), whole);
    assert_eq!(shown(&[("u3", 11), ("u4", 11)]), whole);
    // A record of the same name from before is part of it, one from after it stands.
    assert_eq!(shown(&[("u2", 5), ("u3", 5)]), whole);
    assert_eq!(shown(&[("u1", 12)]), ["u1", "u3", "u4"].map(binding));
    assert_eq!(shown(&[("u9", 3)]), ["u3", "u4", "u9"].map(binding));
}

#[test]
fn a_credential_in_a_large_change_is_told_as_a_user() {
    let key = "root-coord/credential/users/u";
    let wanted = [(key.as_bytes().to_vec(), Some(br#"{"encrypted_password":"x"}"#.to_vec()))];
    let (pieces, head) = journal::cut("id", wanted.into());
    let mut timeline = timeline(5);
    hear(&mut timeline, vec![put(&piece_key(0), pieces[0].clone(), 6)]).unwrap();
    let told = hear(&mut timeline, vec![put(super::super::layout::HEAD, head.encode_to_vec(), 7)]);
    let changes = told.unwrap().changes;
    assert!(matches!(&changes[..], [Change::Put(Record::User(name, _))] if name.as_str() == "u"));
}

/// Keys of every kind, ours first.
fn any_key() -> impl Strategy<Value = String> {
    use super::super::layout::{DONE, FENCE, FORMAT, HEAD, PULSE, TURN};
    let known = [FORMAT, FENCE, PULSE, HEAD, DONE, TURN].map(str::to_owned);
    let others = [piece_key(0), piece_key(1), role("a"), binding("u")];
    let strange = "root-coord/(credential|privilege-group)/[a-z/]{0,12}".prop_map(|key| key);
    prop_oneof![
        prop::sample::select([&known[..], &others].concat()),
        strange,
        "milvus-rbac/[a-z/0-9]{0,20}".prop_map(|key| key),
    ]
}

proptest! {
    #[test]
    fn no_bytes_under_any_key_make_it_fail_or_go_back(
        events in prop::collection::vec(
            (any_key(), prop::collection::vec(any::<u8>(), 0..40), any::<bool>()),
            0..20,
        ),
    ) {
        let mut timeline = staged(5);
        for (key, value, is_put) in events {
            let revision = timeline.revision + 1;
            let event = if is_put { put(&key, value, revision) } else { delete(&key, revision) };
            match hear(&mut timeline, vec![event]) {
                Ok(_) => prop_assert_eq!(timeline.revision, revision),
                // It is of no more use.
                Err(_) => break,
            }
        }
    }
}
