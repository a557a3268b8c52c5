//! `common.security`: whether requests are checked, and the users that are special.

use super::reader::{Entry, Reader, one, switch};
use super::secret::Secret;
use super::source::Source;
use crate::model::{BCRYPT_LIMIT, ROOT_DEFAULT_PASSWORD};

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

impl SecuritySettings {
    /// Reads the section. The two flags that switch protection off are the only way to do so.
    pub(super) fn read(
        reader: &mut Reader,
        insecure_no_authorization: bool,
        insecure_default_root_password: bool,
    ) -> Self {
        let default = Self::default();
        let password = read_password(reader);
        let older = reader.switch("proxy.enablePublicPrivilege", default.enable_public_privilege);
        let newer =
            reader.switch("common.security.enablePublicPrivilege", default.enable_public_privilege);
        let super_users = reader.list("common.security.superUsers").unwrap_or_default();
        reader.show("common.security.superUsers", Some(super_users.join(",")));
        Self {
            authorization: read_authorization(reader, insecure_no_authorization),
            super_users,
            root_password_configured: password.is_some(),
            default_root_password: password.unwrap_or(default.default_root_password),
            insecure_default_root_password,
            root_should_bind_role: reader
                .switch("common.security.rootShouldBindRole", default.root_should_bind_role),
            enable_public_privilege: older && newer,
        }
    }
}

/// Whether requests are checked. A stock `milvus.yaml` says they are not, so a file or variable
/// alone must not be believed.
fn read_authorization(reader: &mut Reader, insecure_no_authorization: bool) -> bool {
    const KEY: &str = "common.security.authorizationEnabled";
    let asked = reader.read(KEY, |value| one(value, switch)).unwrap_or(true);
    let authorization = !insecure_no_authorization;
    if let Some(source) = reader.source(KEY).filter(|_| authorization && !asked) {
        reader.notices.push(format!(
            "{KEY}: false ({source}) is ignored: only --insecure-no-authorization turns \
             authorization off"
        ));
    }
    let source = if insecure_no_authorization {
        Source::Flag("--insecure-no-authorization")
    } else {
        reader.source(KEY).filter(|_| asked).unwrap_or(Source::Default)
    };
    reader.entries.push(Entry { key: KEY, value: Some(authorization.to_string()), source });
    authorization
}

/// The configured password of `root`. Its text is in no message.
fn read_password(reader: &mut Reader) -> Option<Secret> {
    const KEY: &str = "common.security.defaultRootPassword";
    let password = reader.read(KEY, |value| {
        one(value, |text| match text.len() {
            0 => Err("is empty; set a password, or leave it out".to_owned()),
            1..=BCRYPT_LIMIT => Ok(Secret::new(text.to_owned())),
            _ => Err(format!(
                "is longer than {BCRYPT_LIMIT} bytes, of which the rest would not count"
            )),
        })
    });
    reader.show(KEY, None);
    password
}
