//! The line that every change leaves in the log: who, from where, what, on what, and how it ended.

use crate::credential::Caller;
use crate::model::Revision;
use crate::writer::Done;

use super::AdminError;

/// A change that is being made, for its line in the log.
pub(super) struct Trace<'a> {
    pub(super) caller: &'a Caller,
    pub(super) operation: &'static str,
    /// What it is about. Client text: logged escaped.
    pub(super) target: &'a str,
}

impl Trace<'_> {
    /// Logs how it ended and hands the outcome on.
    pub(super) fn finish<T>(self, outcome: Result<Done<T>, AdminError>) -> Result<T, AdminError> {
        match outcome {
            Ok(done) => {
                let outcome = if done.changed { "done" } else { "nothing to do" };
                self.line(outcome, Some(done.revision));
                Ok(done.value)
            }
            Err(error) => {
                self.refused(&error);
                Err(error)
            }
        }
    }

    /// Logs a refusal.
    pub(super) fn refused(&self, error: &AdminError) {
        tracing::info!(
            caller = ?self.caller.name(), peer = %self.caller.peer(),
            operation = self.operation, target = ?self.target, outcome = "refused",
            reason = ?error.to_string(), "change"
        );
    }

    fn line(&self, outcome: &'static str, revision: Option<Revision>) {
        tracing::info!(
            caller = ?self.caller.name(), peer = %self.caller.peer(),
            operation = self.operation, target = ?self.target, outcome,
            revision = revision.unwrap_or_default().0, "change"
        );
    }
}
