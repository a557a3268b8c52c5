//! How the built-in users and roles, and calls without a privilege of their own, behave.

use super::configured_roles;
use super::names::NameSettings;
use super::reader::Reader;
use super::settings::Compat;
use crate::model::ConfiguredRole;

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
    /// Whether only administrators may bind users to `admin`, unbind them, or restore users who
    /// hold it (`rbac.onlyAdminsBindAdmin`). If not, `ManageOwnership` is enough, as in Milvus.
    /// Default: yes; no in `compat: milvus`.
    pub only_admins_bind_admin: bool,
    /// Roles that are made at each start with what they are granted, and that nobody can alter or
    /// drop (`builtinRoles.roles`, if `builtinRoles.enable`). Default: none.
    pub configured: Vec<ConfiguredRole>,
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
            only_admins_bind_admin: !milvus,
            configured: Vec::new(),
        }
    }
}

impl RoleSettings {
    /// Reads the section.
    pub(super) fn read(reader: &mut Reader, names: &NameSettings) -> Self {
        let default = Self::defaults(reader.compat);
        Self {
            root_shows_admin: reader.switch("rbac.rootShowsAdmin", default.root_shows_admin),
            public_role: reader.switch("rbac.publicRole", default.public_role),
            always_list_default_database: reader
                .switch("rbac.alwaysListDefaultDatabase", default.always_list_default_database),
            open_polling: reader.switch("rbac.openPolling", default.open_polling),
            only_admins_bind_admin: reader
                .switch("rbac.onlyAdminsBindAdmin", default.only_admins_bind_admin),
            configured: configured_roles::read(reader, names),
        }
    }
}
