//! Settings: defaults, overridden by the file, the environment and the flags, in this order.
//!
//! Settings have Milvus's names, so that a `milvus.yaml` is a valid file; ours are `rbac.*`.

mod address;
mod browsers;
mod limits;
mod names;
mod passwords;
mod privilege_lists;
mod roles;
mod secret;
mod security;
mod settings;
mod transport;
mod words;

pub use browsers::Browsers;
pub use limits::LimitSettings;
pub use names::NameSettings;
pub use passwords::PasswordSettings;
pub use privilege_lists::PrivilegeListSettings;
pub use roles::RoleSettings;
pub use secret::Secret;
pub use security::SecuritySettings;
pub use settings::{Compat, ListenAddress, LogFormat, Settings, StoreSetting};
pub use transport::TransportSettings;
