//! What requests that a web page makes in a browser are answered.

use super::settings::Compat;

/// What requests of browsers are answered (`rbac.allowedOrigins`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Browsers {
    /// Requests with an `Origin` outside this list are refused, and there are no CORS headers.
    /// Each entry is an origin as browsers send it: scheme, host in lower case, and the port if
    /// it is not the scheme's. An empty list is the default.
    Only(Vec<String>),
    /// Any page may ask, as in Milvus; the default of `compat: milvus`.
    AsMilvus,
}

impl Browsers {
    /// The value when nothing is configured.
    pub fn defaults(compat: Compat) -> Self {
        match compat {
            Compat::Documented => Self::Only(Vec::new()),
            Compat::Milvus => Self::AsMilvus,
        }
    }
}
