//! The transactions that we send, and what their answers mean.
//!
//! Each of a change compares the fence and bumps it, compares the journal's head, and compares
//! every key that it writes, and those that these rest on, with the revision at which we know it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use prost::Message as _;

use super::StoreError;
use super::journal::{self, Step, Wanted};
use super::layout::{DONE, FENCE, FORMAT, HEAD, Layout};
use super::pending::Pending;
use super::timeline::{NEWEST_FORMAT, Timeline};
use crate::model::RecordKey;
use crate::proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::proto::etcdserverpb::request_op::Request;
use crate::proto::etcdserverpb::response_op::Response;
use crate::proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RangeResponse, RequestOp, TxnRequest,
    TxnResponse,
};
use crate::proto::journal::Head;
use crate::store::keys::{DecodedKey, decode_key, encode_key};

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

/// Most writes that surely fit, however many other keys each rests on.
pub(super) const MOST_SURELY: usize = MOST_WRITES / 3;

/// The keys that writes rest on, beside themselves: a membership is worth nothing, and worse when a
/// name is used again, without its user and its role; a row without its role.
fn rests_on(key: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let (user, role) = match decode_key(key) {
        DecodedKey::Record(RecordKey::Binding(user, role)) => (Some(user), Some(role)),
        DecodedKey::Record(RecordKey::Row(row)) => (None, Some(row.role)),
        _ => (None, None),
    };
    let keys = [user.map(RecordKey::User), role.map(RecordKey::Role)];
    keys.into_iter().flatten().map(|key| encode_key(&key).into_bytes())
}

/// Every key that has to be as it is known for these writes to be made.
fn compared(writes: &Wanted) -> BTreeSet<Vec<u8>> {
    let puts = writes.iter().filter(|(_, value)| value.is_some());
    let others = puts.flat_map(|(key, _)| rests_on(key));
    others.chain(writes.keys().cloned()).collect()
}

/// Whether these fit into one transaction.
///
/// # Errors
/// If one of them alone does not.
pub(super) fn fit(writes: &Wanted) -> Result<bool, StoreError> {
    let mut all = 0;
    for (key, value) in writes {
        let bytes = size(key, value.as_ref());
        if bytes > MOST_BYTES {
            let key = String::from_utf8_lossy(key).into_owned();
            return Err(StoreError::TooLarge { key, bytes, limit: MOST_BYTES });
        }
        all += bytes;
    }
    // What a write rests on takes no more room than the write.
    let compared = if writes.len() <= MOST_SURELY { 0 } else { compared(writes).len() };
    Ok(writes.len() <= MOST_WRITES && compared <= MOST_WRITES && all <= MOST_BYTES / 2)
}

/// Bytes that a write takes in a transaction.
fn size(key: &[u8], value: Option<&Vec<u8>>) -> usize {
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

    /// Writes, compared with what is known of their keys and of those they rest on.
    pub(super) fn writes(mut self, writes: &Wanted) -> Self {
        for key in compared(writes) {
            let compare = is_at(self.layout.key(&key), self.timeline.guards.get(&key));
            self.request.compare.push(compare);
        }
        let ops = writes.iter().map(|(key, value)| write_op(self.layout.key(key), value.as_ref()));
        self.request.success.extend(ops);
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
    for (step, value) in pending.left.iter().take(first_that_fit(&pending.left)) {
        let key = layout.key(&step.1);
        request.compare.push(is_at(key.clone(), timeline.guards.get(&step.1)));
        request.success.push(write_op(key, value.as_ref()));
        last = Some(step);
    }
    if let Some(step) = last {
        request.success.push(put_op(done, journal::write_done(&pending.id, step)));
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

/// The revision of the fence in the answer to a look at it; 0 if it is not there.
pub(super) fn fence_in(answer: &RangeResponse) -> i64 {
    answer.kvs.first().map_or(0, |pair| pair.mod_revision)
}

/// As many writes from the front of these as fit into one transaction, at least one.
fn first_that_fit(writes: &BTreeMap<Step, Option<Vec<u8>>>) -> usize {
    let mut bytes = 0;
    let fitting = writes.iter().take(MOST_WRITES).take_while(|((_, key), value)| {
        bytes += size(key, value.as_ref());
        bytes <= MOST_BYTES
    });
    fitting.count().max(1)
}

fn write_op(key: Vec<u8>, value: Option<&Vec<u8>>) -> RequestOp {
    match value {
        Some(value) => put_op(key, value.clone()),
        None => delete_key_op(key),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(keys: &[&str], value: Option<usize>) -> Wanted {
        keys.iter().map(|key| (key.as_bytes().to_vec(), value.map(|size| vec![7; size]))).collect()
    }

    fn keys(writes: &Wanted) -> Vec<String> {
        compared(writes).into_iter().map(|key| String::from_utf8(key).unwrap()).collect()
    }

    #[test]
    fn what_a_membership_and_a_row_rest_on_is_compared_when_they_are_put() {
        let bound = "root-coord/credential/user-role-mapping/u/r";
        let row = "root-coord/credential/grantee-privileges/q/Global/default.*";
        let (user, role) = ("root-coord/credential/users/u", "root-coord/credential/roles/r");
        assert_eq!(keys(&writes(&[bound], Some(0))), [role, bound, user]);
        assert_eq!(keys(&writes(&[row], Some(1))), [row, "root-coord/credential/roles/q"]);
        assert_eq!(keys(&writes(&[bound, user], None)), [bound, user]);
    }

    #[test]
    fn what_fits_is_within_the_limits_of_etcd() {
        let bindings = |count: usize| -> Wanted {
            let key = |n| format!("root-coord/credential/user-role-mapping/u{n}/r{n}").into_bytes();
            (0..count).map(|n| (key(n), Some(Vec::new()))).collect()
        };
        assert!(fit(&bindings(MOST_SURELY)).unwrap());
        assert!(compared(&bindings(MOST_SURELY)).len() <= MOST_WRITES);
        assert!(!fit(&bindings(MOST_SURELY + 1)).unwrap());
        let roles: Vec<String> = (0..=MOST_WRITES).map(|n| format!("roles/{n}")).collect();
        let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
        assert!(fit(&writes(&roles[1..], Some(10))).unwrap());
        assert!(!fit(&writes(&roles, Some(10))).unwrap());
        assert!(!fit(&writes(&["a", "b"], Some(1 << 19))).unwrap());
        let error = fit(&writes(&["a"], Some(2 << 20))).unwrap_err();
        assert!(error.is_of_the_change(), "{error}");
    }
}
