//! Lets the one message of a request through while it is decided about it.
//!
//! A message is read whole if it is small. Of a larger one, what has been read is passed on as soon
//! as the caller may do what it says so far, and held while not. Whoever is behind acts once the
//! message is complete, so its last byte follows only when all of it has been read and allowed: a
//! message that turns out forbidden at its very end is never completed.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;

use super::budget::Share;
use super::held::Held;
use super::intake::Intake;
use super::judged::{Judged, Pieces};
use super::rejection::denied;
use super::stream::Verdict;
use super::{Guard, Target};
use crate::credential::Caller;
use crate::policy::{Decision, Ground, Requirement};

/// Bytes of a message that are read before any are passed on, and again before what has changed is
/// decided about, so that a message of many small pieces is not decided about at each of them. The
/// names stand at its front, so that they are known after the first step, and the headers that go
/// before the message can say them.
const STEP: usize = 16 << 10;

/// Most bytes of a message that are held while it is not allowed: what allows it may still come.
const MOST_HELD: usize = 1 << 20;

/// Decides about one request as often as there is news of it.
pub(super) struct Judge {
    pub(super) guard: Guard,
    pub(super) caller: Option<Caller>,
    pub(super) requirement: &'static Requirement,
    /// The database of the connection, empty if it has none.
    pub(super) connection: String,
}

impl Judge {
    /// The decision that counts; a refusal leaves its line in the log.
    pub(super) fn decide(&self, target: &Target) -> Result<Ground, Status> {
        let caller = self.caller.as_ref();
        let decided = self.guard.decide(caller, self.requirement, target, &self.connection);
        decided.map(|permit| permit.ground().clone()).map_err(denied)
    }

    /// What would be decided, for want of the whole message.
    fn judge(&self, target: &Target) -> Option<Ground> {
        let caller = self.caller.as_ref();
        match self.guard.judge(caller, self.requirement, target, &self.connection) {
            Decision::Allow(permit) => Some(permit.ground().clone()),
            Decision::Deny(_) => None,
        }
    }

    /// The database that is decided about.
    pub(super) fn database<'a>(&'a self, target: &'a Target) -> &'a str {
        target.database_or(&self.connection)
    }
}

/// A request that may be passed on.
pub(super) struct Admission {
    pub(super) body: Body,
    /// The database that was decided about.
    pub(super) database: String,
    pub(super) ground: Ground,
    /// Told of what is refused after it has begun to be passed on.
    pub(super) verdict: Option<Verdict>,
}

/// Reads and decides until the message may be passed on, whole or from its front.
pub(super) async fn admit<B>(judge: Judge, mut intake: Intake<B>) -> Result<Admission, Status>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut held = Held::default();
    let mut share = judge.guard.share();
    let mut next = STEP;
    loop {
        let Some(piece) = poll_fn(|context| intake.poll_piece(context)).await? else {
            let ground = judge.decide(intake.target())?;
            let database = judge.database(intake.target()).to_owned();
            return Ok(Admission { body: Body::new(Whole(held)), database, ground, verdict: None });
        };
        held.push(piece);
        if held.cost() < next {
            continue;
        }
        next = held.cost() + STEP;
        let ground = match judge.judge(intake.target()) {
            Some(ground) => ground,
            None if held.cost() <= MOST_HELD => {
                keep(&mut share, &held)?;
                continue;
            }
            None => judge.decide(intake.target())?,
        };
        share.take(0);
        intake.take_changed();
        let verdict = Verdict::open();
        let database = judge.database(intake.target()).to_owned();
        let streamed = Streamed {
            judge,
            intake,
            held,
            share,
            allowed: true,
            unjudged: None,
            whole: false,
            database: database.clone(),
        };
        let body = Body::new(Judged::new(streamed, verdict.clone()));
        return Ok(Admission { body, database, ground, verdict: Some(verdict) });
    }
}

/// Makes room for what is held without being allowed.
fn keep(share: &mut Share, held: &Held) -> Result<(), Status> {
    if share.take(held.cost()) {
        return Ok(());
    }
    Err(Status::resource_exhausted(
        "too many requests wait for the names of what they are about; name it at the front",
    ))
}

/// A message that has been read whole and may be passed on.
struct Whole(Held);

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.bytes() == 0
    }
}

/// A message that is passed on while the rest of it is read.
struct Streamed<B> {
    judge: Judge,
    intake: Intake<B>,
    held: Held,
    share: Share,
    /// Whether what has been read is allowed, as far as it has been judged.
    allowed: bool,
    /// How many bytes have come since something changed that has not been judged.
    unjudged: Option<usize>,
    /// Whether all of it has been read, and is allowed.
    whole: bool,
    /// The database that whoever is behind has been told.
    database: String,
}

impl<B> Streamed<B>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn take_in(&mut self, piece: Bytes) -> Result<(), Status> {
        let mut unjudged = self.unjudged.map(|bytes| bytes + piece.len());
        self.held.push(piece);
        if self.intake.take_changed() && unjudged.is_none() {
            unjudged = Some(0);
        }
        let due = unjudged.is_some_and(|bytes| bytes >= STEP) || self.held.cost() > MOST_HELD;
        if due && unjudged.is_some() {
            self.allowed = self.judge.judge(self.intake.target()).is_some();
            unjudged = None;
        }
        self.unjudged = unjudged;
        if self.allowed {
            self.share.take(0);
            return Ok(());
        }
        if self.held.cost() > MOST_HELD {
            self.judge.decide(self.intake.target())?;
            self.allowed = true;
        }
        keep(&mut self.share, &self.held)
    }

    /// The whole message is decided about once more, on the state of now.
    fn finish(&mut self) -> Result<(), Status> {
        let target = self.intake.target();
        self.judge.decide(target)?;
        let database = self.judge.database(target);
        if database != self.database {
            return Err(Status::invalid_argument(format!(
                "the request names its database, {database:?}, behind {STEP} bytes of other fields; \
                 name it in front of them"
            )));
        }
        self.whole = true;
        Ok(())
    }
}

impl<B> Pieces for Streamed<B>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        loop {
            if self.whole {
                return Poll::Ready(Ok(self.held.next()));
            }
            if self.allowed
                && self.unjudged.is_none()
                && let Some(bytes) = self.held.next_but_last()
            {
                return Poll::Ready(Ok(Some(bytes)));
            }
            match ready!(self.intake.poll_piece(context))? {
                Some(piece) => self.take_in(piece)?,
                None => self.finish()?,
            }
        }
    }

    fn is_over(&self) -> bool {
        self.whole && self.held.bytes() == 0
    }
}
