//! What a shared store tells of the changes that others have made.

use std::fmt;
use std::sync::Arc;

use crate::clock::Uptime;
use crate::model::{Change, Revision};

/// What has changed from one revision to another, all of it.
#[derive(Debug)]
pub struct News {
    /// The revision of the state after the changes.
    pub revision: Revision,
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// Keys under which somebody has written what is not understood.
    pub ignored: Vec<String>,
    /// The latest moment of which it is known that the state was the newest one, if there is a
    /// later one than before.
    pub as_of: Option<Uptime>,
}

/// Called, from any thread, when there may be news.
#[derive(Clone)]
pub struct Wake(Arc<dyn Fn() + Send + Sync>);

impl Wake {
    /// Calls this.
    pub fn new(call: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }

    /// Says that there may be news.
    pub fn wake(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wake(..)")
    }
}
