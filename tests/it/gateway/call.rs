//! One call of an upstream, as the script of a test handles it.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tonic::Code;

use super::flow;
use super::seen::{End, Shared};
use super::upstream::Record;
use crate::support::framed;

/// An answer as it goes over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) data: Vec<Bytes>,
    pub(crate) trailers: Option<HeaderMap>,
}

pub(crate) fn header_map(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}

impl Answer {
    /// A message and success.
    pub(crate) fn message(message: &[u8]) -> Self {
        Self::of(vec![Bytes::from(framed(message))], &[("grpc-status", "0")])
    }

    /// These frames and these trailers.
    pub(crate) fn of(data: Vec<Bytes>, trailers: &[(&str, &str)]) -> Self {
        let headers = header_map(&[("content-type", "application/grpc")]);
        Self { status: 200, headers, data, trailers: Some(header_map(trailers)) }
    }

    /// A status and nothing else.
    pub(crate) fn failure(code: Code, message: &str) -> Self {
        let code = (code as i32).to_string();
        let mut answer = Self::of(Vec::new(), &[]);
        answer.trailers = None;
        answer.headers.extend(header_map(&[("grpc-status", &code), ("grpc-message", message)]));
        answer
    }
}

/// A call under way.
pub(crate) struct Call {
    seen: Shared,
    record: Arc<Record>,
    body: RecvStream,
    respond: SendResponse<Bytes>,
}

impl Call {
    pub(super) fn new(
        seen: Shared,
        record: Arc<Record>,
        body: RecvStream,
        respond: SendResponse<Bytes>,
    ) -> Self {
        Self { seen, record, body, respond }
    }

    fn note_end(&self, end: End) {
        self.seen.lock().end = Some(end);
        self.record.tell();
    }

    /// Reads what comes next. False at the end.
    pub(crate) async fn piece(&mut self) -> bool {
        if self.seen.lock().end.is_some() {
            return false;
        }
        match self.body.data().await {
            Some(Ok(piece)) => {
                let _ = self.body.flow_control().release_capacity(piece.len());
                self.seen.lock().take_in(&piece);
                self.record.tell();
                true
            }
            Some(Err(error)) => {
                self.note_end(error.reason().map_or(End::Lost, End::Reset));
                false
            }
            None => {
                match self.body.trailers().await {
                    Ok(trailers) => {
                        self.seen.lock().trailers = trailers.unwrap_or_default();
                        self.note_end(End::Whole);
                    }
                    Err(error) => self.note_end(error.reason().map_or(End::Lost, End::Reset)),
                }
                false
            }
        }
    }

    /// Reads the request to its end. Whether it ended as it should.
    pub(crate) async fn whole(&mut self) -> bool {
        while self.piece().await {}
        self.seen.lock().end == Some(End::Whole)
    }

    /// Reads until this many messages have been completed. Whether there were as many.
    pub(crate) async fn messages(&mut self, count: usize) -> bool {
        while self.seen.lock().acts < count && self.piece().await {}
        self.seen.lock().acts >= count
    }

    /// Waits until the caller gives up a call whose request it has completed.
    pub(crate) async fn until_reset(&mut self) {
        let outcome = poll_fn(|context| self.respond.poll_reset(context)).await;
        self.note_end(outcome.map_or(End::Lost, End::Reset));
    }

    /// The same once an answer has begun.
    pub(crate) async fn until_given_up(&mut self, answer: &mut SendStream<Bytes>) {
        let outcome = poll_fn(|context| answer.poll_reset(context)).await;
        self.note_end(outcome.map_or(End::Lost, End::Reset));
    }

    /// Begins an answer.
    pub(crate) fn begin(&mut self, status: u16, headers: HeaderMap) -> SendStream<Bytes> {
        let mut head = Response::builder().status(status).body(()).unwrap();
        *head.headers_mut() = headers;
        self.respond.send_response(head, false).unwrap()
    }

    /// Gives a whole answer.
    pub(crate) async fn answer(mut self, answer: Answer) {
        let Answer { status, headers, data, trailers } = answer;
        if data.is_empty() && trailers.is_none() {
            let mut head = Response::builder().status(status).body(()).unwrap();
            *head.headers_mut() = headers;
            let _ = self.respond.send_response(head, true);
            return;
        }
        let mut stream = self.begin(status, headers);
        for piece in data {
            if !flow::send(&mut stream, piece).await {
                return;
            }
        }
        match trailers {
            Some(trailers) => drop(stream.send_trailers(trailers)),
            None => flow::end(&mut stream),
        }
    }

    /// Resets the stream.
    pub(crate) fn reset(mut self, reason: Reason) {
        self.respond.send_reset(reason);
    }
}
