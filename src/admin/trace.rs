//! The line that every change leaves in the log: who, from where, what, on what, and how it ended.

use crate::credential::Caller;
use crate::log_pace::LogPace;
use crate::model::Revision;
use crate::writer::Done;

use super::AdminError;

/// A change that is being made, for its line in the log.
pub(super) struct Trace<'a> {
    pub(super) pace: &'a LogPace,
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

    /// Logs a refusal. These can be had without any right, so they are kept few.
    fn refused(&self, error: &AdminError) {
        if let Some(suppressed) = self.pace.admit() {
            tracing::info!(
                caller = ?self.caller.name(), peer = %self.caller.peer(),
                operation = self.operation, target = ?self.target, outcome = "refused",
                reason = ?error.to_string(), suppressed, "change"
            );
        }
    }

    fn line(&self, outcome: &'static str, revision: Option<Revision>) {
        tracing::info!(
            caller = ?self.caller.name(), peer = %self.caller.peer(),
            operation = self.operation, target = ?self.target, outcome,
            revision = revision.unwrap_or_default().0, "change"
        );
    }
}
