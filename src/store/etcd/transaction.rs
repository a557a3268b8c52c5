//! The transactions that we send, and what their answers mean.
//!
//! Each of a change compares the fence and bumps it, compares the journal's head, and compares
//! every key that it writes with the revision at which we know it.

use std::collections::BTreeMap;
use std::ops::Range;

use prost::Message as _;

use super::journal::{self, Turn};
use super::layout::{DONE, FENCE, FORMAT, HEAD, Layout};
use super::timeline::{NEWEST_FORMAT, Pending, Timeline};
use crate::proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::proto::etcdserverpb::request_op::Request;
use crate::proto::etcdserverpb::response_op::Response;
use crate::proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest, TxnResponse,
};
use crate::proto::journal::Head;

/// Most keys that one transaction writes: etcd takes 128 operations and as many comparisons, of
/// which fence and head, fence and format, or head and progress need two.
pub(super) const MOST_WRITES: usize = 126;

/// Most bytes of keys and values in one transaction, keys counted twice for their comparison. etcd
/// takes one and a half mebibytes in a request, and a record may come close to that.
pub(super) const MOST_BYTES: usize = (3 << 19) - (64 << 10);

/// What an answered transaction came to.
#[derive(Debug)]
pub(super) enum Answer {
    /// It happened, at this revision.
    Done(i64),
    /// Something was not as compared, and nothing happened. The fence as it is now.
    Overtaken { fence: i64, stamp: Vec<u8> },
}

/// Bytes that a write takes in a transaction.
pub(super) fn size(key: &[u8], value: Option<&Vec<u8>>) -> usize {
    // With room for the root path and the framing of operation and comparison.
    2 * (key.len() + 64) + value.map_or(0, Vec::len) + 64
}

/// Builds up a change.
pub(super) struct Change<'a> {
    layout: &'a Layout,
    timeline: &'a Timeline,
    request: TxnRequest,
}

impl<'a> Change<'a> {
    /// A change on top of what the timeline knows, with nothing in it but the bump of the fence.
    pub(super) fn new(layout: &'a Layout, timeline: &'a Timeline, stamp: &[u8]) -> Self {
        let mut request = bump(layout, timeline.fence, stamp);
        if !timeline.has_format {
            let format = NEWEST_FORMAT.to_string().into_bytes();
            request.success.push(put_op(layout.key(FORMAT), format));
        }
        Self { layout, timeline, request }
    }

    /// That no large change is under way.
    pub(super) fn without_journal(mut self) -> Self {
        self.request.compare.push(is_at(self.layout.key(HEAD), 0));
        self
    }

    /// Writes, each compared with what is known of its key.
    pub(super) fn writes<'w>(
        mut self,
        writes: impl IntoIterator<Item = (&'w Vec<u8>, &'w Option<Vec<u8>>)>,
    ) -> Self {
        for (key, value) in writes {
            push_write(&mut self.request, self.layout, self.timeline, key, value.as_ref());
        }
        self
    }

    /// The head that makes a large change. Pieces are only ever taken away all together, so that
    /// the first one is as it was put says that all of them are there.
    pub(super) fn head(mut self, head: &Head, first_piece: i64) -> Self {
        self.request.compare.push(is_at(self.layout.piece(&head.id, 0), first_piece));
        self.request.success.push(put_op(self.layout.key(HEAD), head.encode_to_vec()));
        self
    }

    /// Takes the journal of a change away of which every write has been made.
    pub(super) fn end_of_journal(mut self, pending: &Pending) -> Self {
        let key = self.layout.key(HEAD);
        self.request.compare.push(is_at(key.clone(), pending.at));
        self.request.success.push(delete_key_op(key));
        self.request.success.push(delete_key_op(self.layout.key(DONE)));
        self.request.success.push(delete_op(self.layout.pieces(&pending.id)));
        self
    }

    pub(super) fn build(self) -> TxnRequest {
        self.request
    }
}

/// Nothing but the bump of the fence. While an earlier transaction of ours is in doubt, one of the
/// two happens and the other never.
pub(super) fn bump(layout: &Layout, fence: i64, stamp: &[u8]) -> TxnRequest {
    let key = layout.key(FENCE);
    let look = RangeRequest { key: key.clone(), limit: 1, ..RangeRequest::default() };
    TxnRequest {
        compare: vec![is_at(key.clone(), fence)],
        success: vec![put_op(key, stamp.to_vec())],
        failure: vec![RequestOp { request: Some(Request::RequestRange(look)) }],
    }
}

/// As many of the writes of a large change as fit; how far it is then made is moved on with them.
/// As long as the head is there no other change of ours is made, so the two stand for the fence.
pub(super) fn part_of_journal(
    layout: &Layout,
    timeline: &Timeline,
    pending: &Pending,
) -> TxnRequest {
    let head = is_at(layout.key(HEAD), pending.at);
    let done = layout.key(DONE);
    let mut request = TxnRequest {
        compare: vec![head, is_at(done.clone(), timeline.done)],
        ..TxnRequest::default()
    };
    let mut last = None;
    for (turn, value) in pending.left.iter().take(first_that_fit(&pending.left)) {
        push_write(&mut request, layout, timeline, &turn.1, value.as_ref());
        last = Some(turn);
    }
    if let Some(turn) = last {
        request.success.push(put_op(done, journal::write_done(&pending.id, turn)));
    }
    request
}

/// Takes pieces away that no head has made a change of; none will once they are gone. It needs no
/// room, so it goes through also where nothing can be put.
pub(super) fn without_pieces(layout: &Layout, id: &str) -> TxnRequest {
    TxnRequest {
        compare: vec![is_at(layout.key(HEAD), 0)],
        success: vec![delete_op(layout.pieces(id))],
        failure: Vec::new(),
    }
}

/// A put that depends on nothing.
pub(super) fn put(key: Vec<u8>, value: Vec<u8>) -> TxnRequest {
    TxnRequest { success: vec![put_op(key, value)], ..TxnRequest::default() }
}

/// What an answer means.
pub(super) fn read(answer: TxnResponse) -> Answer {
    let revision = answer.header.unwrap_or_default().revision;
    if answer.succeeded {
        return Answer::Done(revision);
    }
    let fence = answer.responses.into_iter().find_map(|response| match response.response {
        Some(Response::ResponseRange(range)) => range.kvs.into_iter().next(),
        _ => None,
    });
    match fence {
        Some(pair) => Answer::Overtaken { fence: pair.mod_revision, stamp: pair.value },
        None => Answer::Overtaken { fence: 0, stamp: Vec::new() },
    }
}

/// As many writes from the front of these as fit into one transaction, at least one.
fn first_that_fit(writes: &BTreeMap<Turn, Option<Vec<u8>>>) -> usize {
    let mut bytes = 0;
    let fitting = writes.iter().take(MOST_WRITES).take_while(|((_, key), value)| {
        bytes += size(key, value.as_ref());
        bytes <= MOST_BYTES
    });
    fitting.count().max(1)
}

fn push_write(
    request: &mut TxnRequest,
    layout: &Layout,
    timeline: &Timeline,
    key: &[u8],
    value: Option<&Vec<u8>>,
) {
    let whole = layout.key(key);
    request.compare.push(is_at(whole.clone(), timeline.guards.get(key)));
    request.success.push(match value {
        Some(value) => put_op(whole, value.clone()),
        None => delete_key_op(whole),
    });
}

/// That the last change of a key was at this revision; 0 for a key that is not there.
fn is_at(key: Vec<u8>, revision: i64) -> Compare {
    Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Mod.into(),
        key,
        target_union: Some(TargetUnion::ModRevision(revision)),
    }
}

fn put_op(key: Vec<u8>, value: Vec<u8>) -> RequestOp {
    RequestOp { request: Some(Request::RequestPut(PutRequest { key, value })) }
}

fn delete_key_op(key: Vec<u8>) -> RequestOp {
    let request = DeleteRangeRequest { key, range_end: Vec::new() };
    RequestOp { request: Some(Request::RequestDeleteRange(request)) }
}

fn delete_op(range: Range<Vec<u8>>) -> RequestOp {
    let request = DeleteRangeRequest { key: range.start, range_end: range.end };
    RequestOp { request: Some(Request::RequestDeleteRange(request)) }
}
