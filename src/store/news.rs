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

/// Called when there may be news, from any thread, and when it is known that there are none.
#[derive(Clone)]
pub struct Wake {
    news: Arc<dyn Fn() + Send + Sync>,
    no_news: Arc<dyn Fn(Uptime) + Send + Sync>,
}

impl Wake {
    /// Calls the one when there may be news; the other with a moment at which all was known that
    /// has been told so far, and nothing else had changed.
    pub fn new(
        news: impl Fn() + Send + Sync + 'static,
        no_news: impl Fn(Uptime) + Send + Sync + 'static,
    ) -> Self {
        Self { news: Arc::new(news), no_news: Arc::new(no_news) }
    }

    /// Says that there may be news.
    pub fn wake(&self) {
        (self.news)();
    }

    /// Says that up to this moment nothing has changed but what has been told. It need not wait
    /// until the writer asks: that one may be busy with a change that takes its time.
    pub fn nothing_until(&self, as_of: Uptime) {
        (self.no_news)(as_of);
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wake(..)")
    }
}
