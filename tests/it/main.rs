//! The tests of the promises, from outside: one binary, one module per subject.
