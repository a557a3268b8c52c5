//! Where everything stands in etcd: Milvus's keys below the root path, and ours beside them.
//!
//! Ours are outside all of Milvus's prefixes and sort before them, so that one range, and one
//! watcher, covers both: only within one watcher does etcd keep the order of events.

use std::ops::Range;

/// All keys of ours begin so, below the root path.
const OURS: &str = "milvus-rbac/";
/// Version of everything under our keys.
pub(super) const FORMAT: &str = "milvus-rbac/format";
/// Changed by each transaction of ours, and compared by the next.
pub(super) const FENCE: &str = "milvus-rbac/fence";
/// Written to learn how far a watch has come.
pub(super) const PULSE: &str = "milvus-rbac/pulse";
/// Written by a replica that has lost too many races, so that the others let it go first.
pub(super) const TURN: &str = "milvus-rbac/turn";
/// Says that the pieces of a large change are complete.
pub(super) const HEAD: &str = "milvus-rbac/journal-head";
/// How far the writes of a large change have been made.
pub(super) const DONE: &str = "milvus-rbac/journal-done";
/// The pieces: an id, a slash, a number.
const PIECES: &str = "milvus-rbac/journal/";

/// What Milvus keeps of users, roles, grants and groups stands below these.
const MILVUS: [&str; 2] = ["root-coord/credential/", "root-coord/privilege-group/"];

/// The root path, and what follows from it.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    prefix: Vec<u8>,
}

/// What a key in the watched range is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Format,
    Fence,
    Pulse,
    Turn,
    Head,
    Done,
    /// A piece of a journal: its id and its number.
    Piece(&'a str, u32),
    /// One of Milvus's keys that we read, without the root path.
    Milvus(&'a [u8]),
    /// Under our own prefix, and of no kind that we know.
    Unknown(&'a [u8]),
    /// In between, and none of our business: collections, aliases and the like.
    Elsewhere,
}

impl Layout {
    /// The layout below a root path without a slash at its end.
    pub(super) fn new(root: &str) -> Self {
        let prefix = if root.is_empty() { Vec::new() } else { format!("{root}/").into_bytes() };
        Self { prefix }
    }

    /// The whole key of one below the root path.
    pub(super) fn key(&self, below: impl AsRef<[u8]>) -> Vec<u8> {
        [&*self.prefix, below.as_ref()].concat()
    }

    /// The key of a piece.
    pub(super) fn piece(&self, id: &str, number: u32) -> Vec<u8> {
        self.key(format!("{PIECES}{id}/{number:08}"))
    }

    /// All pieces of one journal.
    pub(super) fn pieces(&self, id: &str) -> Range<Vec<u8>> {
        self.below(&format!("{PIECES}{id}/"))
    }

    /// What is read at the start, ours first.
    pub(super) fn read(&self) -> [Range<Vec<u8>>; 3] {
        let [credential, groups] = MILVUS;
        [self.below(OURS), self.below(credential), self.below(groups)]
    }

    /// What is watched: everything that is read, and what lies between.
    pub(super) fn watched(&self) -> Range<Vec<u8>> {
        let [_, groups] = MILVUS;
        self.below(OURS).start..self.below(groups).end
    }

    /// What a key is.
    pub(super) fn place<'a>(&self, key: &'a [u8]) -> Place<'a> {
        let Some(below) = key.strip_prefix(&*self.prefix) else { return Place::Elsewhere };
        if MILVUS.iter().any(|prefix| below.starts_with(prefix.as_bytes())) {
            return Place::Milvus(below);
        }
        let Ok(text) = std::str::from_utf8(below) else {
            let ours = below.starts_with(OURS.as_bytes());
            return if ours { Place::Unknown(below) } else { Place::Elsewhere };
        };
        match text {
            FORMAT => Place::Format,
            FENCE => Place::Fence,
            PULSE => Place::Pulse,
            TURN => Place::Turn,
            HEAD => Place::Head,
            DONE => Place::Done,
            _ => match text.strip_prefix(PIECES).and_then(|rest| rest.split_once('/')) {
                Some((id, number)) if number.len() == 8 => {
                    number.parse().map_or(Place::Unknown(below), |number| Place::Piece(id, number))
                }
                _ if text.starts_with(OURS) => Place::Unknown(below),
                _ => Place::Elsewhere,
            },
        }
    }

    /// Everything that begins with a prefix that ends in a slash.
    fn below(&self, prefix: &str) -> Range<Vec<u8>> {
        let start = self.key(prefix);
        let mut end = start.clone();
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        start..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_from_its_place() {
        let layout = Layout::new("by-dev/meta");
        for (key, place) in [
            ("by-dev/meta/milvus-rbac/fence", Place::Fence),
            ("by-dev/meta/milvus-rbac/turn", Place::Turn),
            ("by-dev/meta/milvus-rbac/journal-head", Place::Head),
            ("by-dev/meta/milvus-rbac/journal/ab/00000007", Place::Piece("ab", 7)),
            ("by-dev/meta/milvus-rbac/journal/ab/7", Place::Unknown(b"milvus-rbac/journal/ab/7")),
            ("by-dev/meta/milvus-rbac/new", Place::Unknown(b"milvus-rbac/new")),
            ("by-dev/meta/root-coord/aliases/1", Place::Elsewhere),
            ("by-dev2/meta/milvus-rbac/fence", Place::Elsewhere),
            (
                "by-dev/meta/root-coord/credential/users/u",
                Place::Milvus(b"root-coord/credential/users/u"),
            ),
        ] {
            assert_eq!(layout.place(key.as_bytes()), place, "{key}");
        }
        assert_eq!(layout.place(&layout.piece("ab", 7)), Place::Piece("ab", 7));
    }

    #[test]
    fn everything_that_is_read_is_watched_and_no_prefix_reaches_into_another() {
        for root in ["by-dev/meta", "", "a"] {
            let layout = Layout::new(root);
            let watched = layout.watched();
            let read = layout.read();
            for range in &read {
                assert!(watched.start <= range.start && range.end <= watched.end, "{root}");
            }
            for (range, next) in read.iter().zip(read.iter().skip(1)) {
                assert!(range.end <= next.start, "{root}");
            }
            assert!(!layout.pieces("a").contains(&layout.piece("ab", 0)));
            assert!(layout.pieces("a").contains(&layout.piece("a", 99_999_999)));
            assert!(read[0].contains(&layout.key(FENCE)));
        }
    }
}
