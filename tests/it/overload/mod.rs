//! More than anybody sends in earnest: floods of frames, crowds of connections, thousands of calls
//! at once, answers that nobody reads. Whoever overdoes it is told or cut off, and nobody else
//! notices. How fast the others go on being answered is measured in `benches/overload.rs`.

mod crowds;
mod floods;
mod slow_readers;
