//! A change that is too large for one transaction: how it is cut into pieces, how it is read back,
//! and in which order its writes are made.
//!
//! The pieces are put first and mean nothing. Then one transaction puts the head: from its revision
//! on the change is made, for every replica of ours at once. What remains is to make the writes
//! under Milvus's keys, some at a time, which anybody may do, and to take the journal away. How far
//! that has come is kept beside it. A Milvus that reads along sees the writes come one by one, so
//! rights are removed first and added last.

use std::collections::BTreeMap;

use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::model::RecordKey;
use crate::proto::journal::{Done, Head, Piece, Write};
use crate::store::keys::{DecodedKey, decode_key};

/// The version that is written, and the only one that is read.
pub(super) const FORMAT: u32 = 1;

/// Most bytes of a piece. etcd takes one and a half mebibytes in a request unless it is told
/// otherwise.
pub(super) const MAX_PIECE: usize = 1 << 20;

/// What is to stand under each key, without the root path; `None` for nothing.
pub(super) type Wanted = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The place of a write in the order of writes.
pub(super) type Step = (u8, Vec<u8>);

/// The step of a write.
pub(super) fn step(key: &[u8], is_put: bool) -> Step {
    (rank(key, is_put), key.to_vec())
}

/// How far a change has been made, as it is stored.
pub(super) fn write_done(id: &str, (rank, key): &Step) -> Vec<u8> {
    Done { id: id.to_owned(), rank: u32::from(*rank), key: key.clone() }.encode_to_vec()
}

/// How far the change of this id has been made; `None` if it is another's, or nobody's.
pub(super) fn read_done(id: &str, value: &[u8]) -> Option<Step> {
    let done = Done::decode(value).ok().filter(|done| done.id == id)?;
    Some((u8::try_from(done.rank).ok()?, done.key))
}

/// The pieces of a change, as they are stored, and the head that completes them.
pub(super) fn cut(id: &str, writes: Wanted) -> (Vec<Vec<u8>>, Head) {
    let mut pieces = Vec::new();
    let mut piece = Piece::default();
    let mut bytes = 0;
    for (key, value) in writes {
        let size = key.len() + value.as_ref().map_or(0, Vec::len) + 16;
        if bytes > 0 && bytes + size > MAX_PIECE {
            pieces.push(std::mem::take(&mut piece).encode_to_vec());
            bytes = 0;
        }
        bytes += size;
        piece.writes.push(Write { key, value });
    }
    pieces.push(piece.encode_to_vec());
    let head = Head {
        format: FORMAT,
        id: id.to_owned(),
        pieces: u32::try_from(pieces.len()).unwrap_or(u32::MAX),
        digest: digest(&pieces),
    };
    (pieces, head)
}

fn digest<'a>(pieces: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update((piece.len() as u64).to_be_bytes());
        hash.update(piece);
    }
    hash.finalize().to_vec()
}

/// The head under its key.
pub(super) fn read_head(value: &[u8]) -> Result<Head, String> {
    let head = Head::decode(value).map_err(|error| error.to_string())?;
    if head.format != FORMAT {
        return Err(format!("it has format {}, and this version knows {FORMAT}", head.format));
    }
    Ok(head)
}

/// The change that a head and the pieces of its id make.
pub(super) fn join(head: &Head, pieces: &BTreeMap<u32, Vec<u8>>) -> Result<Wanted, String> {
    if !pieces.keys().copied().eq(0..head.pieces) {
        return Err(format!("{} of its {} pieces are there", pieces.len(), head.pieces));
    }
    if digest(pieces.values()) != head.digest {
        return Err("its pieces do not match their digest".to_owned());
    }
    let mut wanted = Wanted::new();
    for piece in pieces.values() {
        let piece = Piece::decode(&**piece).map_err(|error| error.to_string())?;
        wanted.extend(piece.writes.into_iter().map(|write| (write.key, write.value)));
    }
    Ok(wanted)
}

/// When a write is made, among the writes of one change: the lower the sooner. What takes rights
/// away stands before what gives any, and what a grant refers to before the grant.
fn rank(key: &[u8], is_put: bool) -> u8 {
    let kind = match decode_key(key) {
        DecodedKey::Record(key) => key,
        DecodedKey::NotUnderstood | DecodedKey::Foreign => return if is_put { 11 } else { 5 },
    };
    match (is_put, kind) {
        (false, RecordKey::Binding(..)) => 0,
        (false, RecordKey::Privilege(..)) => 1,
        (false, RecordKey::Row(_)) => 2,
        (false, RecordKey::User(_)) => 3,
        (false, RecordKey::Role(_)) => 4,
        // Milvus loads no policy at all while a row names a group that is gone.
        (false, RecordKey::Group(_)) => 5,
        (true, RecordKey::Group(_)) => 6,
        (true, RecordKey::Role(_)) => 7,
        (true, RecordKey::User(_)) => 8,
        (true, RecordKey::Row(_)) => 9,
        (true, RecordKey::Privilege(..)) => 10,
        (true, RecordKey::Binding(..)) => 11,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(count: usize, size: usize) -> Wanted {
        let write = |n| (format!("k{n:05}").into_bytes(), (n % 3 > 0).then(|| vec![7; size]));
        (0..count).map(write).collect()
    }

    fn numbered(pieces: Vec<Vec<u8>>) -> BTreeMap<u32, Vec<u8>> {
        (0..).zip(pieces).collect()
    }

    #[test]
    fn a_change_survives_being_cut_and_joined() {
        for (count, size) in [(0, 0), (1, 2 << 20), (3000, 1000), (10, MAX_PIECE)] {
            let all = wanted(count, size);
            let (pieces, head) = cut("id", all.clone());
            let head = read_head(&head.encode_to_vec()).unwrap();
            assert_eq!(join(&head, &numbered(pieces)).unwrap(), all, "{count} of {size}");
        }
    }

    #[test]
    fn no_piece_is_larger_than_it_may_be_unless_one_write_is() {
        let (pieces, _) = cut("id", wanted(5000, 1000));
        assert!(pieces.len() > 3);
        assert!(pieces.iter().all(|piece| piece.len() <= MAX_PIECE));
    }

    #[test]
    fn a_piece_that_is_missing_or_another_is_noticed() {
        let (pieces, head) = cut("id", wanted(5000, 1000));
        let whole = numbered(pieces);
        let mut less = whole.clone();
        less.remove(&1);
        assert!(join(&head, &less).unwrap_err().contains("pieces are there"));
        let mut other = whole.clone();
        other.get_mut(&1).unwrap()[100] ^= 1;
        assert!(join(&head, &other).unwrap_err().contains("digest"));
        let mut swapped = whole.clone();
        let (one, two) = (swapped[&0].clone(), swapped[&1].clone());
        swapped.insert(0, two);
        swapped.insert(1, one);
        assert!(join(&head, &swapped).unwrap_err().contains("digest"));
    }

    #[test]
    fn how_far_a_change_has_been_made_is_said_of_that_change_only() {
        let made = step(b"root-coord/privilege-group/g", true);
        let value = write_done("id", &made);
        assert_eq!(read_done("id", &value), Some(made));
        assert_eq!(read_done("other", &value), None);
        assert_eq!(read_done("id", b"\xff\xff"), None);
    }

    #[test]
    fn a_head_of_another_format_is_refused() {
        let head = Head { format: 2, ..Head::default() };
        assert!(read_head(&head.encode_to_vec()).unwrap_err().contains("format 2"));
        assert!(read_head(b"\xff\xff\xff").is_err());
    }

    #[test]
    fn rights_are_removed_first_and_added_last() {
        let binding = b"root-coord/credential/user-role-mapping/u/r";
        let privilege = b"root-coord/credential/grantee-id/1/PrivilegeLoad";
        let row = b"root-coord/credential/grantee-privileges/r/Collection/default.c";
        let group = b"root-coord/privilege-group/g";
        let role = b"root-coord/credential/roles/r";
        let order = [
            rank(binding, false),
            rank(privilege, false),
            rank(row, false),
            rank(role, false),
            rank(group, false),
            rank(group, true),
            rank(role, true),
            rank(row, true),
            rank(privilege, true),
            rank(binding, true),
        ];
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
    }
}
