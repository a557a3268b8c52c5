//! What is known of the cluster at one revision, and how events carry it to the next.
//!
//! Pure: what the cluster says comes in as pairs and events, what has changed goes out as changes.
//! An event that does not come after all those before it is not believed, nor anything after it:
//! then everything is read afresh, which costs time and misses nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::guards::Guards;
use super::journal::{self, Step, Wanted};
use super::layout::{Layout, Place};
use super::pending::{Pending, Staged};
use crate::clock::Uptime;
use crate::model::Change;
use crate::proto::mvccpb::event::EventType;
use crate::proto::mvccpb::{Event, KeyValue};
use crate::store::keys::{DecodedKey, decode_key};
use crate::store::record;

/// How long a replica is waited for that asked to go first: it may have died.
const MOST_TURN: Duration = Duration::from_millis(500);

/// The newest version of what stands under our own keys.
pub(super) const NEWEST_FORMAT: u32 = 1;

/// What events have changed, for the writer.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) changes: Vec<Change>,
    pub(super) ignored: Vec<String>,
}

/// Why a timeline cannot go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The events are not those that come next.
    Order(String),
    /// A key of ours holds what this version cannot read.
    OwnKey {
        /// Without the root path.
        key: &'static str,
        detail: String,
    },
}

/// The cluster at one revision.
#[derive(Debug)]
pub(super) struct Timeline {
    layout: Layout,
    pub(super) revision: i64,
    /// The revision of the fence's last change; 0 if it has never been.
    pub(super) fence: i64,
    /// Whether the key with our format is there.
    pub(super) has_format: bool,
    pub(super) guards: Guards,
    pub(super) staged: BTreeMap<String, Staged>,
    pub(super) pending: Option<Pending>,
    /// The revision of the key that says how far it has been made; 0 if it is not there.
    pub(super) done: i64,
    /// Head and progress of a journal while they are read.
    head: Option<KeyValue>,
    progress: Vec<u8>,
    /// Who of the others asks to go first, by what its stamps begin with, and since when.
    turn: Option<(Vec<u8>, Uptime)>,
    /// The stamps of this process begin so.
    me: Vec<u8>,
    /// The last stamp of this process that has been seen, and its revision.
    own: Option<(Vec<u8>, i64)>,
}

impl Timeline {
    /// The beginning of a reading of everything at this revision. First come the pairs under our
    /// own keys, then [`Timeline::begin_records`], then Milvus's, then [`Timeline::end_records`].
    pub(super) fn new(layout: Layout, revision: i64, me: &[u8]) -> Self {
        Self {
            layout,
            revision,
            fence: 0,
            has_format: false,
            guards: Guards::default(),
            staged: BTreeMap::new(),
            pending: None,
            done: 0,
            head: None,
            progress: Vec::new(),
            turn: None,
            me: me.to_vec(),
            own: None,
        }
    }

    /// Reads a pair under one of our own keys.
    pub(super) fn read_own(
        &mut self,
        pair: KeyValue,
        now: Uptime,
        ignored: &mut Vec<String>,
    ) -> Result<(), Broken> {
        match self.layout.place(&pair.key) {
            Place::Format => {
                check_format(&pair.value)?;
                self.has_format = true;
            }
            Place::Fence => self.put_fence(pair.mod_revision, pair.value),
            Place::Head => self.head = Some(pair),
            Place::Done => (self.done, self.progress) = (pair.mod_revision, pair.value),
            Place::Piece(id, number) => {
                Staged::take(&mut self.staged, id, number, pair.clone(), now);
            }
            Place::Unknown(key) => ignored.push(String::from_utf8_lossy(key).into_owned()),
            // A turn of long ago is over.
            Place::Pulse | Place::Turn | Place::Milvus(_) | Place::Elsewhere => {}
        }
        Ok(())
    }

    /// Looks for a large change that is made and not finished: it counts as if it were.
    pub(super) fn begin_records(&mut self, now: Uptime) -> Result<(), Broken> {
        let Some(head) = self.head.take() else { return Ok(()) };
        self.begin_pending(&head, now)?;
        let progress = std::mem::take(&mut self.progress);
        self.move_on(&progress);
        Ok(())
    }

    /// Reads one of Milvus's pairs. What counts is shown: the pair itself, or what a large change
    /// wants in its place.
    pub(super) fn read_record(&mut self, pair: &KeyValue, visit: &mut dyn FnMut(&[u8], &[u8])) {
        let Place::Milvus(key) = self.layout.place(&pair.key) else { return };
        self.guards.put(key, pair.mod_revision);
        let Some(pending) = &mut self.pending else { return visit(key, &pair.value) };
        if pair.mod_revision > pending.at {
            pending.settle(key);
            return visit(key, &pair.value);
        }
        // What the change wants in its place is shown at the end.
        if !pending.wants(key) {
            visit(key, &pair.value);
        }
    }

    /// Shows what a large change still wants to put.
    pub(super) fn end_records(&self, visit: &mut dyn FnMut(&[u8], &[u8])) {
        for ((_, key), value) in self.pending.iter().flat_map(|pending| &pending.left) {
            if let Some(value) = value {
                visit(key, value);
            }
        }
    }

    /// Goes on by the events of one answer of the watch. On an error nothing of it may be used,
    /// nor the timeline.
    pub(super) fn hear(
        &mut self,
        events: Vec<Event>,
        now: Uptime,
        told: &mut Told,
    ) -> Result<(), Broken> {
        let mut last = self.revision;
        let mut is_first = true;
        for event in events {
            let Some(pair) = event.kv else {
                return Err(Broken::Order("an event names no key".to_owned()));
            };
            let revision = pair.mod_revision;
            // Several events of one answer may be of one revision, but none of an earlier answer's.
            if revision < last || (is_first && revision == last) {
                return Err(Broken::Order(format!(
                    "an event of revision {revision} came after revision {last}"
                )));
            }
            (last, is_first) = (revision, false);
            match EventType::try_from(event.r#type) {
                Ok(EventType::Put) => self.put(pair, now, told)?,
                Ok(EventType::Delete) => self.delete(&pair, told)?,
                Err(_) => {
                    let detail = format!("an event of the unknown kind {}", event.r#type);
                    return Err(Broken::Order(detail));
                }
            }
        }
        self.revision = last;
        Ok(())
    }

    /// The revision of a transaction of this process, if it has been seen.
    pub(super) fn revision_of(&self, stamp: &[u8]) -> Option<i64> {
        self.own.as_ref().filter(|(own, _)| own == stamp).map(|(_, revision)| *revision)
    }

    fn put(&mut self, pair: KeyValue, now: Uptime, told: &mut Told) -> Result<(), Broken> {
        match self.layout.place(&pair.key) {
            Place::Format => {
                check_format(&pair.value)?;
                self.has_format = true;
            }
            Place::Fence => self.put_fence(pair.mod_revision, pair.value),
            Place::Done => {
                self.done = pair.mod_revision;
                // What was to be put and is not there has been deleted by somebody since.
                for ((_, key), value) in self.move_on(&pair.value) {
                    if value.is_some() && self.guards.get(&key) == 0 {
                        tell_delete(&key, told);
                    }
                }
            }
            Place::Head => {
                for (key, value) in self.begin_pending(&pair, now)? {
                    match value {
                        Some(value) => tell_put(&key, &value, told),
                        None => tell_delete(&key, told),
                    }
                }
            }
            Place::Piece(id, number) => {
                Staged::take(&mut self.staged, id, number, pair.clone(), now);
            }
            Place::Milvus(key) => {
                self.guards.put(key, pair.mod_revision);
                if let Some(pending) = &mut self.pending {
                    pending.settle(key);
                }
                tell_put(key, &pair.value, told);
            }
            Place::Turn => {
                self.turn = (pair.value != self.me).then_some((pair.value, now));
            }
            Place::Unknown(key) => told.ignored.push(String::from_utf8_lossy(key).into_owned()),
            Place::Pulse | Place::Elsewhere => {}
        }
        Ok(())
    }

    fn delete(&mut self, pair: &KeyValue, told: &mut Told) -> Result<(), Broken> {
        match self.layout.place(&pair.key) {
            Place::Format => self.has_format = false,
            Place::Fence => self.fence = 0,
            Place::Head => {
                if self.pending.take().is_some_and(|pending| !pending.left.is_empty()) {
                    let detail = "a journal was taken away before all of it was made".to_owned();
                    return Err(Broken::Order(detail));
                }
            }
            Place::Done => self.done = 0,
            Place::Piece(id, number) => {
                if let Some(staged) = self.staged.get_mut(id) {
                    staged.pieces.remove(&number);
                    if staged.pieces.is_empty() {
                        self.staged.remove(id);
                    }
                }
            }
            Place::Milvus(key) => {
                self.guards.delete(key);
                if let Some(pending) = &mut self.pending {
                    pending.settle(key);
                }
                tell_delete(key, told);
            }
            Place::Turn => self.turn = None,
            Place::Pulse | Place::Unknown(_) | Place::Elsewhere => {}
        }
        Ok(())
    }

    /// Some of the writes of a large change have been made. Returns those that were not known of.
    fn move_on(&mut self, progress: &[u8]) -> BTreeMap<Step, Option<Vec<u8>>> {
        let Some(pending) = &mut self.pending else { return BTreeMap::new() };
        let step = journal::read_done(&pending.id, progress);
        step.map(|step| pending.done(&step)).unwrap_or_default()
    }

    /// For how long somebody else is to be let go first.
    pub(super) fn turn_left(&self, now: Uptime) -> Option<Duration> {
        let (_, since) = self.turn.as_ref()?;
        MOST_TURN.checked_sub(now.since(*since)).filter(|left| !left.is_zero())
    }

    /// Who asked to go first did not come.
    pub(super) fn end_turn(&mut self) {
        self.turn = None;
    }

    fn put_fence(&mut self, revision: i64, stamp: Vec<u8>) {
        if self.turn.as_ref().is_some_and(|(who, _)| stamp.starts_with(who)) {
            self.turn = None;
        }
        if stamp.starts_with(&self.me) {
            self.own = Some((stamp, revision));
        }
        self.fence = revision;
    }

    /// A large change is made. Returns its writes.
    fn begin_pending(&mut self, head: &KeyValue, now: Uptime) -> Result<Wanted, Broken> {
        let broken = |detail| Broken::OwnKey { key: super::layout::HEAD, detail };
        let read = journal::read_head(&head.value).map_err(broken)?;
        let nothing = BTreeMap::new();
        let pieces = self.staged.get(&read.id).map_or(&nothing, |staged| &staged.pieces);
        let wanted = journal::join(&read, pieces).map_err(broken)?;
        let left = wanted
            .iter()
            .map(|(key, value)| (journal::step(key, value.is_some()), value.clone()))
            .collect();
        self.pending = Some(Pending { id: read.id, at: head.mod_revision, since: now, left });
        Ok(wanted)
    }
}

fn check_format(value: &[u8]) -> Result<(), Broken> {
    let format = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u32>().ok());
    let detail = match format {
        Some(format) if format <= NEWEST_FORMAT => return Ok(()),
        Some(format) => {
            format!("it has format {format}, and this version knows up to {NEWEST_FORMAT}")
        }
        None => "it is no number".to_owned(),
    };
    Err(Broken::OwnKey { key: super::layout::FORMAT, detail })
}

/// A record that was there and is now something that makes none is gone.
fn tell_put(key: &[u8], value: &[u8], told: &mut Told) {
    let read = record::read(key, value);
    if !read.is_understood {
        told.ignored.push(String::from_utf8_lossy(key).into_owned());
    }
    match read.record {
        Some(record) => told.changes.push(Change::Put(record)),
        None => tell_delete(key, told),
    }
}

fn tell_delete(key: &[u8], told: &mut Told) {
    if let DecodedKey::Record(key) = decode_key(key) {
        told.changes.push(Change::Delete(key));
    }
}

#[cfg(test)]
mod tests;
