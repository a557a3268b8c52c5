//! Keeps a panic inside one request from reaching any other: it is caught, its place is logged,
//! and the request alone is answered as failed. What the panic says is never logged, since it
//! may quote a password.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

thread_local! {
    // How many requests this thread is inside of: more than one if a handler calls in again.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Something panicked; the log has its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Runs one step of a request.
///
/// The state that `step` was changing must not be used again after an error; every caller drops
/// the request's future or body.
pub(crate) fn catch<T>(step: impl FnOnce() -> T) -> Result<T, Panicked> {
    DEPTH.set(DEPTH.get() + 1);
    let outcome = panic::catch_unwind(AssertUnwindSafe(step));
    DEPTH.set(DEPTH.get() - 1);
    outcome.map_err(|payload| {
        // A payload may panic when it is dropped; that must not undo all of this.
        if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
        Panicked
    })
}

/// Makes panics inside requests log their place only. Panics elsewhere go to the hook that was
/// there before. Once per process, however often it is called.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            if DEPTH.get() == 0 {
                before(info);
                return;
            }
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(%place, "a request panicked; it is answered with an internal error");
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_the_depth_is_restored() {
        install_hook();
        assert_eq!(catch(|| 1), Ok(1));
        assert_eq!(catch(|| panic!("secret")), Err::<(), _>(Panicked));
        assert_eq!(DEPTH.get(), 0);
    }
}
