//! Reads what a request is about while its message streams by: each byte is looked at once, and
//! only the fields that the row asks for are kept.
//!
//! Whatever is not plainly well-formed is an error, in fields that nobody asks for too: what is
//! decided on must be what every decoder reads.

use super::Target;
use super::target::is_asked_for;
use super::wire::{ScanError, Value, Varint, split_tag};
use crate::policy::Requirement;

/// Most bytes of all fields together that are kept of one message: far more than any names have.
const MOST_KEPT: usize = 1 << 20;

/// What a field costs beside its bytes: memory for what is kept of it, time to decide about it.
const COST_OF_FIELD: usize = 64;

/// Reads a whole message.
///
/// # Errors
/// The message is malformed. Fields that are not asked for are checked for their frame only.
pub fn scan(bytes: &[u8], requirement: &'static Requirement) -> Result<Target, ScanError> {
    let mut scanner = Scanner::new(requirement);
    scanner.feed(bytes)?;
    scanner.finish()?;
    Ok(scanner.target)
}

/// Reads a message that comes in pieces, split anywhere.
#[derive(Debug)]
pub struct Scanner {
    requirement: &'static Requirement,
    target: Target,
    state: State,
    kept: usize,
    changed: bool,
}

/// What the next byte belongs to.
#[derive(Debug)]
enum State {
    Tag(Varint),
    Number(u32, Varint),
    Length(u32, Varint),
    /// That many bytes of a field that nobody asks for.
    Skipped(u64),
    /// A field that is asked for and of which that many bytes are missing.
    Kept(u32, usize, Vec<u8>),
}

impl Scanner {
    /// Reads what this row asks for.
    #[must_use]
    pub fn new(requirement: &'static Requirement) -> Self {
        let state = State::Tag(Varint::default());
        Self { requirement, target: Target::new(requirement), state, kept: 0, changed: true }
    }

    /// What the message is about as far as it has come. A field that has not come, or not all of
    /// it, counts as absent.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Whether a field that is asked for has been read since this was asked last.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Takes in the next piece.
    ///
    /// # Errors
    /// The message is malformed; there is no point in going on.
    pub fn feed(&mut self, mut piece: &[u8]) -> Result<(), ScanError> {
        while !piece.is_empty() {
            piece = self.step(piece)?;
        }
        Ok(())
    }

    /// Says that the message is over.
    ///
    /// # Errors
    /// It ends in the middle of a field.
    pub fn finish(&self) -> Result<(), ScanError> {
        match self.state {
            State::Tag(varint) if varint.is_empty() => Ok(()),
            _ => Err(ScanError::Truncated),
        }
    }

    /// Takes in the part of a piece that belongs to one state, and gives back the rest.
    fn step<'a>(&mut self, piece: &'a [u8]) -> Result<&'a [u8], ScanError> {
        let (next, rest) = match &mut self.state {
            State::Tag(varint) => {
                let (tag, rest) = push(varint, piece)?;
                (tag.map(|tag| self.tagged(tag)).transpose()?, rest)
            }
            State::Number(field, varint) => {
                let (number, rest) = push(varint, piece)?;
                let field = *field;
                let next = number.map(|number| self.read(field, Value::Number(number)));
                (next.transpose()?, rest)
            }
            State::Length(field, varint) => {
                let (length, rest) = push(varint, piece)?;
                let field = *field;
                (length.map(|length| self.sized(field, length)).transpose()?, rest)
            }
            State::Skipped(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(piece.len());
                *left -= count as u64;
                ((*left == 0).then(State::start), piece.get(count..).unwrap_or_default())
            }
            State::Kept(field, left, bytes) => {
                let (part, rest) = piece.split_at(piece.len().min(*left));
                *left -= part.len();
                let field = *field;
                if *left > 0 {
                    bytes.extend_from_slice(part);
                    (None, rest)
                } else if bytes.is_empty() {
                    // All of it came at once, as nearly always.
                    (Some(self.read(field, Value::Bytes(part))?), rest)
                } else {
                    bytes.extend_from_slice(part);
                    let whole = std::mem::take(bytes);
                    (Some(self.read(field, Value::Bytes(&whole))?), rest)
                }
            }
        };
        if let Some(next) = next {
            self.state = next;
        }
        Ok(rest)
    }

    /// What follows a tag.
    fn tagged(&mut self, tag: u64) -> Result<State, ScanError> {
        let (field, wire_type) = split_tag(tag)?;
        Ok(match wire_type {
            0 => State::Number(field, Varint::default()),
            2 => State::Length(field, Varint::default()),
            1 | 5 => {
                self.read(field, Value::Fixed)?;
                State::Skipped(if wire_type == 1 { 8 } else { 4 })
            }
            _ => return Err(ScanError::Tag),
        })
    }

    /// What follows a length.
    fn sized(&mut self, field: u32, length: u64) -> Result<State, ScanError> {
        if !is_asked_for(self.requirement, field) {
            return Ok(if length == 0 { State::start() } else { State::Skipped(length) });
        }
        let length = usize::try_from(length).map_err(|_| ScanError::TooLong(field))?;
        // Said of the whole field before any of it is kept.
        if self.kept.saturating_add(length) > MOST_KEPT {
            return Err(ScanError::TooLong(field));
        }
        if length == 0 {
            return self.read(field, Value::Bytes(&[]));
        }
        Ok(State::Kept(field, length, Vec::new()))
    }

    /// Takes in a whole field.
    fn read(&mut self, field: u32, value: Value<'_>) -> Result<State, ScanError> {
        if is_asked_for(self.requirement, field) {
            let length = if let Value::Bytes(bytes) = value { bytes.len() } else { 0 };
            self.kept = self.kept.saturating_add(length + COST_OF_FIELD);
            if self.kept > MOST_KEPT {
                return Err(ScanError::TooLong(field));
            }
            self.target.read(self.requirement, field, value)?;
            self.changed = true;
        }
        Ok(State::start())
    }
}

impl State {
    fn start() -> Self {
        Self::Tag(Varint::default())
    }
}

/// Takes bytes of a number until it is whole or there are no more.
fn push<'a>(varint: &mut Varint, piece: &'a [u8]) -> Result<(Option<u64>, &'a [u8]), ScanError> {
    let mut rest = piece;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if let Some(value) = varint.push(byte)? {
            return Ok((Some(value), rest));
        }
    }
    Ok((None, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::{all, find};

    fn row(method: &str) -> &'static Requirement {
        find(&format!("/milvus.proto.milvus.MilvusService/{method}")).unwrap()
    }

    /// Fields 2 (database) and 3 (collection) of a request, then 10,000 bytes of field 5.
    fn insert() -> Vec<u8> {
        let mut message = b"\x12\x02db\x1a\x05books\x2a\x90\x4e".to_vec();
        message.extend([7; 10_000]);
        message
    }

    #[test]
    fn a_field_counts_once_all_of_it_has_come() {
        let message = insert();
        let mut scanner = Scanner::new(row("Insert"));
        assert!(scanner.take_changed());
        scanner.feed(&message[..3]).unwrap();
        assert_eq!(scanner.target().database, "");
        assert!(!scanner.take_changed());
        scanner.feed(&message[3..4]).unwrap();
        assert_eq!(scanner.target().database, "db");
        assert!(scanner.take_changed());
        scanner.feed(&message[4..10]).unwrap();
        assert_eq!(scanner.target().objects, [""]);
        scanner.feed(&message[10..20]).unwrap();
        assert_eq!(scanner.target().objects, ["books"]);
        assert_eq!(scanner.finish(), Err(ScanError::Truncated));
        scanner.feed(&message[20..]).unwrap();
        assert_eq!(scanner.finish(), Ok(()));
    }

    #[test]
    fn what_nobody_asks_for_is_not_kept_however_long_it_is() {
        let mut scanner = Scanner::new(row("Insert"));
        // Field 5 of 2^40 bytes.
        scanner.feed(b"\x2a\x80\x80\x80\x80\x80\x20").unwrap();
        for _ in 0..1000 {
            scanner.feed(&[0; 4096]).unwrap();
        }
        assert_eq!(scanner.kept, 0);
        assert_eq!(scanner.finish(), Err(ScanError::Truncated));
    }

    #[test]
    fn names_longer_than_any_name_are_refused_before_they_are_kept() {
        let mut scanner = Scanner::new(row("Insert"));
        // Field 3 of 2^20 + 1 bytes.
        assert_eq!(scanner.feed(b"\x1a\x81\x80\x40"), Err(ScanError::TooLong(3)));
        // A million short ones.
        let mut scanner = Scanner::new(row("Flush"));
        let many = b"\x1a\x04name".repeat(1000);
        let outcome = (0..1000).try_for_each(|_| scanner.feed(&many));
        assert_eq!(outcome, Err(ScanError::TooLong(3)));
    }

    #[test]
    fn fields_without_bytes_cost_something_too() {
        for (method, field, bytes) in [
            ("Flush", 3, &b"\x1a\x00"[..]),
            ("Insert", 10, b"\x52\x00"),
            ("Insert", 10, b"\x50\x00"),
        ] {
            let mut scanner = Scanner::new(row(method));
            let outcome = scanner.feed(&bytes.repeat(100_000));
            assert_eq!(outcome, Err(ScanError::TooLong(field)), "{method}");
            assert!(scanner.target().principals.len() < 2);
        }
    }

    proptest! {
        #[test]
        fn wherever_a_message_is_split_it_reads_the_same(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
            cuts in proptest::collection::vec(0..80_usize, 0..8),
            at in 0..all().len(),
        ) {
            let row = &all()[at];
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            cuts.push(bytes.len());
            let mut scanner = Scanner::new(row);
            let mut from = 0;
            let mut outcome = Ok(());
            for cut in cuts {
                outcome = outcome.and_then(|()| scanner.feed(&bytes[from..cut]));
                from = cut;
            }
            let pieces = outcome.and_then(|()| scanner.finish()).map(|()| scanner.target);
            prop_assert_eq!(pieces, scan(&bytes, row));
        }
    }
}
