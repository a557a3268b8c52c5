//! Tells a transport that somebody's call has come over one of its connections, so that it can
//! close those of strangers first when there are too many.

use std::fmt;
use std::sync::Arc;

use http::Extensions;

/// Put into the extensions of a request by a transport that wants to know: called once its caller
/// is known, or once nobody needs to be.
#[derive(Clone)]
pub(crate) struct OnKnown(Arc<dyn Fn() + Send + Sync>);

impl OnKnown {
    #[cfg(feature = "server")]
    pub(crate) fn new(tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells the transport of the request with these extensions, if it wants to know.
    pub(crate) fn tell(extensions: &Extensions) {
        if let Some(Self(tell)) = extensions.get() {
            tell();
        }
    }
}

impl fmt::Debug for OnKnown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnKnown(..)")
    }
}
