//! Bytes of a request that are here and have not been passed on.

use std::collections::VecDeque;

use bytes::Bytes;

/// Pieces of a body in their order. The last byte is kept back until the whole is released.
#[derive(Debug, Default)]
pub(super) struct Held {
    pieces: VecDeque<Bytes>,
    bytes: usize,
}

/// What a piece costs beside its bytes: a peer may send them one by one.
const COST_OF_PIECE: usize = 64;

impl Held {
    /// Adds a piece at the end.
    pub(super) fn push(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        self.pieces.push_back(piece);
    }

    /// How many bytes there are.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How much memory they take.
    pub(super) fn cost(&self) -> usize {
        self.bytes + self.pieces.len() * COST_OF_PIECE
    }

    /// The next bytes, but never the last one.
    pub(super) fn next_but_last(&mut self) -> Option<Bytes> {
        if self.pieces.len() > 1 {
            return self.next();
        }
        let only = self.pieces.front_mut()?;
        let all_but_one = only.len().checked_sub(1).filter(|count| *count > 0)?;
        self.bytes -= all_but_one;
        Some(only.split_to(all_but_one))
    }

    /// The next bytes, up to the last one.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        let piece = self.pieces.pop_front()?;
        self.bytes -= piece.len();
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_byte_stays_until_it_is_asked_for() {
        let mut held = Held::default();
        assert_eq!(held.next_but_last(), None);
        for piece in ["ab", "c", "def"] {
            held.push(Bytes::from_static(piece.as_bytes()));
        }
        let released: Vec<Bytes> = std::iter::from_fn(|| held.next_but_last()).collect();
        assert_eq!(released, ["ab", "c", "de"]);
        assert_eq!(held.bytes(), 1);
        held.push(Bytes::from_static(b"g"));
        assert_eq!(held.next_but_last().unwrap(), "f");
        assert_eq!(held.next_but_last(), None);
        assert_eq!(held.next().unwrap(), "g");
        assert_eq!(held.bytes(), 0);
    }
}
