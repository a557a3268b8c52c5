//! `common.security`: whether requests are checked, and the users that are special.

use super::secret::Secret;
use crate::model::ROOT_DEFAULT_PASSWORD;

/// Who is checked, and the users that are special.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[non_exhaustive]
pub struct SecuritySettings {
    /// Whether requests are authenticated and authorized. False only with the flag
    /// `--insecure-no-authorization`; neither file nor environment can turn it off.
    pub authorization: bool,
    /// Users that may set anybody's password without the old one
    /// (`common.security.superUsers`). Default: none.
    pub super_users: Vec<String>,
    /// Password that `root` is created with on the first start
    /// (`common.security.defaultRootPassword`), 1 to 72 bytes. Default: Milvus's built-in one.
    pub default_root_password: Secret,
    /// Whether that password was configured. It may still equal the built-in one: what protects
    /// must compare the values.
    pub root_password_configured: bool,
    /// Whether listening beyond loopback is allowed while root's password is the built-in one
    /// (`--insecure-default-root-password` only).
    pub insecure_default_root_password: bool,
    /// Whether `root` passes by being bound to `admin` and not by its name
    /// (`common.security.rootShouldBindRole`). Default: false.
    pub root_should_bind_role: bool,
    /// Whether everybody holds `public`, where that role exists
    /// (`common.security.enablePublicPrivilege`; the older `proxy.enablePublicPrivilege` turns it
    /// off, too). Default: true.
    pub enable_public_privilege: bool,
}

impl Default for SecuritySettings {
    fn default() -> Self {
        Self {
            authorization: true,
            super_users: Vec::new(),
            default_root_password: Secret::new(ROOT_DEFAULT_PASSWORD.to_owned()),
            root_password_configured: false,
            insecure_default_root_password: false,
            root_should_bind_role: false,
            enable_public_privilege: true,
        }
    }
}
