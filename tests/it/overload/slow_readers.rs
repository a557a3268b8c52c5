//! Answers that their callers do not read.
