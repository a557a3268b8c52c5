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
use tokio::sync::oneshot;
use tonic::Status;
use tonic::body::Body;

use super::held::Held;
use super::intake::Intake;
use super::rejection::denied;
use super::{Guard, Target};
use crate::credential::Caller;
use crate::policy::{Decision, Ground, Requirement};

/// Bytes of a message that are read before any are passed on. The names stand at its front, so
/// that they are known, and the headers that go before the message can say them.
const READ_AHEAD: usize = 16 << 10;

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
    /// Tells of a message that was begun to be passed on and must not be completed.
    pub(super) refusal: Option<oneshot::Receiver<Status>>,
}

/// Reads and decides until the message may be passed on, whole or from its front.
pub(super) async fn admit<B>(judge: Judge, mut intake: Intake<B>) -> Result<Admission, Status>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut held = Held::default();
    loop {
        let Some(piece) = poll_fn(|context| intake.poll_piece(context)).await? else {
            let ground = judge.decide(intake.target())?;
            let database = judge.database(intake.target()).to_owned();
            return Ok(Admission { body: Body::new(Whole(held)), database, ground, refusal: None });
        };
        held.push(piece);
        if held.bytes() < READ_AHEAD {
            continue;
        }
        let ground = match judge.judge(intake.target()) {
            Some(ground) => ground,
            None if held.bytes() <= MOST_HELD => continue,
            None => judge.decide(intake.target())?,
        };
        let (refuse, refusal) = oneshot::channel();
        let database = judge.database(intake.target()).to_owned();
        let streamed = Streamed {
            judge,
            intake,
            held,
            allowed: true,
            whole: false,
            database: database.clone(),
            refuse: Some(refuse),
        };
        let body = Body::new(streamed);
        return Ok(Admission { body, database, ground, refusal: Some(refusal) });
    }
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
    /// Whether what has been read is allowed.
    allowed: bool,
    /// Whether all of it has been read, and is allowed.
    whole: bool,
    /// The database that whoever is behind has been told.
    database: String,
    /// Taken when it is refused.
    refuse: Option<oneshot::Sender<Status>>,
}

impl<B> Streamed<B>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        loop {
            if self.whole {
                return Poll::Ready(Ok(self.held.next()));
            }
            if self.allowed
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

    fn take_in(&mut self, piece: Bytes) -> Result<(), Status> {
        self.held.push(piece);
        if self.intake.take_changed() {
            self.allowed = self.judge.judge(self.intake.target()).is_some();
        }
        if !self.allowed && self.held.bytes() > MOST_HELD {
            self.judge.decide(self.intake.target())?;
            self.allowed = true;
        }
        Ok(())
    }

    /// The whole message is decided about once more, on the state of now.
    fn finish(&mut self) -> Result<(), Status> {
        let target = self.intake.target();
        self.judge.decide(target)?;
        let database = self.judge.database(target);
        if database != self.database {
            return Err(Status::invalid_argument(format!(
                "the request names its database, {database:?}, behind {READ_AHEAD} bytes of other \
                 fields; name it in front of them"
            )));
        }
        self.whole = true;
        Ok(())
    }
}

impl<B> http_body::Body for Streamed<B>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(refuse) = self.refuse.take() else {
            return Poll::Ready(None);
        };
        match self.poll_bytes(context) {
            Poll::Pending => {
                self.refuse = Some(refuse);
                Poll::Pending
            }
            Poll::Ready(Ok(bytes)) => {
                self.refuse = Some(refuse);
                Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Poll::Ready(Err(status)) => {
                // Nobody listens any more if the answer has been given up.
                let _ = refuse.send(status.clone());
                Poll::Ready(Some(Err(status)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.whole && self.held.bytes() == 0
    }
}
