//! One operation on its way through the writer, with its types erased.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{Done, Plan, SubmitError, WriteError};
use crate::model::{Change, Revision};
use crate::snapshot::Snapshot;

/// What the worker needs of an operation.
pub(super) trait Operation: Send {
    /// Checks it against a state. The changes are empty if it was refused, panicked, or has
    /// nothing to change.
    fn check(&mut self, state: &Snapshot) -> Vec<Change>;

    /// Answers the caller; the outcome is that of the batch.
    fn answer(self: Box<Self>, outcome: Result<Revision, WriteError>);
}

/// An operation in the queue and its place there.
pub(super) struct Job {
    pub(super) operation: Box<dyn Operation>,
    /// Given back when the operation has been answered.
    _slot: OwnedSemaphorePermit,
}

impl Job {
    pub(super) fn new(operation: Box<dyn Operation>, slot: OwnedSemaphorePermit) -> Self {
        Self { operation, _slot: slot }
    }
}

/// An operation with its types: the check, its last result, who is told and who waits.
pub(super) struct Check<T, E, F, O> {
    plan: F,
    observe: O,
    result: Option<Result<(T, bool), E>>,
    answer: oneshot::Sender<Result<Done<T>, SubmitError<E>>>,
}

impl<T, E, F, O> Check<T, E, F, O> {
    pub(super) fn new(
        plan: F,
        observe: O,
        answer: oneshot::Sender<Result<Done<T>, SubmitError<E>>>,
    ) -> Self {
        Self { plan, observe, result: None, answer }
    }
}

impl<T, E, F, O> Operation for Check<T, E, F, O>
where
    T: Send,
    E: Send,
    F: FnMut(&Snapshot) -> Result<Plan<T>, E> + Send,
    O: FnOnce(&Result<Done<T>, SubmitError<E>>) + Send,
{
    fn check(&mut self, state: &Snapshot) -> Vec<Change> {
        // INVARIANT: the state is only read here, so a panic leaves nothing half done.
        match catch_unwind(AssertUnwindSafe(|| (self.plan)(state))) {
            Ok(Ok((value, changes))) => {
                self.result = Some(Ok((value, !changes.is_empty())));
                changes
            }
            Ok(Err(refusal)) => {
                self.result = Some(Err(refusal));
                Vec::new()
            }
            Err(_) => {
                self.result = None;
                Vec::new()
            }
        }
    }

    fn answer(self: Box<Self>, outcome: Result<Revision, WriteError>) {
        let answer = match (outcome, self.result) {
            (Err(error), _) => Err(SubmitError::Write(error)),
            (Ok(_), None) => Err(SubmitError::Write(WriteError::Panicked)),
            (Ok(_), Some(Err(refusal))) => Err(SubmitError::Refused(refusal)),
            (Ok(revision), Some(Ok((value, changed)))) => Ok(Done { value, revision, changed }),
        };
        // An observer that panics must not take the answers of others with it.
        let observe = self.observe;
        let _ = catch_unwind(AssertUnwindSafe(|| observe(&answer)));
        // Nobody may be waiting any more; the change holds all the same.
        let _ = self.answer.send(answer);
    }
}
