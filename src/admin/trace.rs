//! The line that every change leaves in the log: who, from where, what, on what, and how it ended.
//!
//! The line of a submitted change is written by the writer, whether or not anybody still waits for
//! the answer: who hangs up before it comes leaves a line like anybody else.

use std::sync::Arc;

use super::AdminError;
use crate::credential::Caller;
use crate::log::{Clipped, LogPace};
use crate::writer::{Done, SubmitError, WriteError};

/// A change that is being made, for its line in the log.
#[derive(Clone)]
pub(super) struct Trace {
    pub(super) pace: Arc<LogPace>,
    pub(super) caller: Caller,
    pub(super) operation: &'static str,
    /// What it is about. Client text.
    pub(super) target: String,
}

/// Writes a line with what all of them have.
macro_rules! line {
    ($trace:expr, $level:ident, $($rest:tt)*) => {
        tracing::$level!(
            caller = ?Clipped($trace.caller.name()), peer = %$trace.caller.peer(),
            operation = $trace.operation, target = ?Clipped(&$trace.target),
            $($rest)*, "change"
        )
    };
}

impl Trace {
    /// How a submitted change ended.
    pub(super) fn ended<T>(&self, outcome: &Result<Done<T>, SubmitError<AdminError>>) {
        match outcome {
            Ok(done) if done.changed => {
                line!(self, info, outcome = "done", revision = done.revision.0);
            }
            Ok(done) => {
                if let Some(suppressed) = self.pace.admit() {
                    let revision = done.revision.0;
                    line!(self, info, outcome = "nothing to do", revision, suppressed);
                }
            }
            Err(SubmitError::Refused(error)) => self.refused(error),
            Err(SubmitError::Write(WriteError::Unknown)) => line!(self, warn, outcome = "unknown"),
            Err(SubmitError::Write(error)) => {
                line!(self, warn, outcome = "failed", reason = %error);
            }
        }
    }

    /// A refusal. These can be had without any right, so they are kept few.
    pub(super) fn refused(&self, error: &AdminError) {
        if let Some(suppressed) = self.pace.admit() {
            let reason = error.to_string();
            line!(self, info, outcome = "refused", reason = ?Clipped(&reason), suppressed);
        }
    }
}
