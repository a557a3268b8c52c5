//! How the built-in users and roles, and calls without a privilege of their own, behave.

use super::reader::Reader;
use super::settings::Compat;

/// How the built-in users and roles behave.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own in the file")]
#[non_exhaustive]
pub struct RoleSettings {
    /// Whether `root` shows the role `admin` that it holds without a binding
    /// (`rbac.rootShowsAdmin`). Default: yes; no in `compat: milvus`.
    pub root_shows_admin: bool,
    /// Whether the role `public` is created at the start, with its default grants, and listed
    /// (`rbac.publicRole`). If not, the name is reserved and nobody holds it. Default: no; yes in
    /// `compat: milvus`.
    pub public_role: bool,
    /// Whether the database `default` is in everybody's list (`rbac.alwaysListDefaultDatabase`).
    /// Default: yes; no in `compat: milvus`.
    pub always_list_default_database: bool,
    /// Whether `GetMetrics` and polling by id are open to any authenticated user
    /// (`rbac.openPolling`). If not, polling needs the privilege that starts the work. Default:
    /// no; yes in `compat: milvus`.
    pub open_polling: bool,
}

impl RoleSettings {
    /// The values when nothing is configured.
    pub fn defaults(compat: Compat) -> Self {
        let milvus = compat == Compat::Milvus;
        Self {
            root_shows_admin: !milvus,
            public_role: milvus,
            always_list_default_database: !milvus,
            open_polling: milvus,
        }
    }
}

impl RoleSettings {
    /// Reads the section.
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::defaults(reader.compat);
        refuse_configured_roles(reader);
        Self {
            root_shows_admin: reader.switch("rbac.rootShowsAdmin", default.root_shows_admin),
            public_role: reader.switch("rbac.publicRole", default.public_role),
            always_list_default_database: reader
                .switch("rbac.alwaysListDefaultDatabase", default.always_list_default_database),
            open_polling: reader.switch("rbac.openPolling", default.open_polling),
        }
    }
}

/// Roles that the file defines cannot be altered or dropped; to create them as ordinary ones
/// would promise too much.
fn refuse_configured_roles(reader: &mut Reader) {
    const KEY: &str = "builtinRoles.enable";
    if reader.switch(KEY, false) {
        reader.mistake(KEY, "configured roles are not supported yet; set false");
    }
}
