//! The keys that are known, by their canonical names, and how close two names come.
//!
//! The table says only which keys there are; the section files say what their values mean. A test
//! holds the two against each other.

use self::Kind::{Accepted, ByCompat, Plain, Secret, Tree};

/// What is to be known about a key before its value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A setting with one default.
    Plain,
    /// A setting whose default depends on `rbac.compat`.
    ByCompat,
    /// A setting that is never shown; it may come from a file named by a variable `…_FILE`.
    Secret,
    /// A key of Milvus that has no meaning here.
    Accepted,
    /// A setting whose value may be a mapping or a list; it is handed on as JSON.
    Tree,
}

/// A known key.
#[derive(Debug)]
pub(super) struct Key {
    /// The name as Milvus writes it.
    pub(super) name: &'static str,
    /// What kind of key it is.
    pub(super) kind: Kind,
}

impl Key {
    /// The name of its environment variable.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_ascii_uppercase().replace('.', "_"))
    }
}

/// What all our environment variables begin with.
pub(super) const PREFIX: &str = "MILVUS_RBAC_";

const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind }
}

/// Every known key.
pub(super) const ALL: &[Key] = &[
    key("builtinRoles.enable", Plain),
    key("builtinRoles.roles", Tree),
    key("common.security.admin.privileges", Plain),
    key("common.security.adminAuthEnabled", Accepted),
    key("common.security.authorizationEnabled", Plain),
    key("common.security.defaultRootPassword", Secret),
    key("common.security.enablePublicPrivilege", Plain),
    key("common.security.exprAuthMode", Accepted),
    key("common.security.exprEnabled", Accepted),
    key("common.security.featureUsageEnabled", Accepted),
    key("common.security.internaltlsEnabled", Accepted),
    key("common.security.rbac.cluster.admin.privileges", Plain),
    key("common.security.rbac.cluster.readonly.privileges", Plain),
    key("common.security.rbac.cluster.readwrite.privileges", Plain),
    key("common.security.rbac.collection.admin.privileges", Plain),
    key("common.security.rbac.collection.readonly.privileges", Plain),
    key("common.security.rbac.collection.readwrite.privileges", Plain),
    key("common.security.rbac.database.admin.privileges", Plain),
    key("common.security.rbac.database.readonly.privileges", Plain),
    key("common.security.rbac.database.readwrite.privileges", Plain),
    key("common.security.rbac.overrideBuiltInPrivilegeGroups.enabled", Plain),
    // The spelling of earlier Milvus versions.
    key("common.security.rbac.overrideBuiltInPrivilgeGroups.enabled", Plain),
    key("common.security.readonly.privileges", Plain),
    key("common.security.readwrite.privileges", Plain),
    key("common.security.rootShouldBindRole", Plain),
    key("common.security.superUsers", Plain),
    key("common.security.tlsMode", Plain),
    key("etcd.auth.enabled", Plain),
    key("etcd.auth.password", Secret),
    key("etcd.auth.userName", Plain),
    key("etcd.endpoints", Plain),
    key("etcd.metaSubPath", Plain),
    key("etcd.requestTimeout", Plain),
    key("etcd.rootPath", Plain),
    key("etcd.ssl.enabled", Plain),
    key("etcd.ssl.tlsCACert", Plain),
    key("etcd.ssl.tlsCert", Plain),
    key("etcd.ssl.tlsKey", Plain),
    key("etcd.ssl.tlsMinVersion", Plain),
    key("proxy.enablePublicPrivilege", Plain),
    key("proxy.grpc.serverMaxRecvSize", Plain),
    key("proxy.grpc.serverMaxSendSize", Plain),
    key("proxy.http.requestTimeoutMs", Plain),
    key("proxy.maxNameLength", Plain),
    key("proxy.maxPasswordLength", ByCompat),
    key("proxy.maxRoleDescriptionLength", Plain),
    key("proxy.maxRoleNum", ByCompat),
    key("proxy.maxUserDescriptionLength", Plain),
    key("proxy.maxUserNum", ByCompat),
    key("proxy.maxUsernameLength", Plain),
    key("proxy.minPasswordLength", ByCompat),
    key("proxy.nameValidation.allowedChars", Plain),
    key("proxy.port", Plain),
    key("proxy.resolveAliasForPrivilege", Accepted),
    key("proxy.roleNameValidation.allowedChars", ByCompat),
    key("rbac.adminResetsPasswords", ByCompat),
    key("rbac.allowedOrigins", ByCompat),
    key("rbac.alwaysListDefaultDatabase", ByCompat),
    key("rbac.bcryptCost", Plain),
    key("rbac.bcryptQueue", Plain),
    key("rbac.bcryptThreads", Plain),
    key("rbac.bodyTimeoutMs", Plain),
    key("rbac.compat", Plain),
    key("rbac.failedLogins.burst", Plain),
    key("rbac.failedLogins.perMinute", Plain),
    key("rbac.headerTimeoutMs", Plain),
    key("rbac.listen", Plain),
    key("rbac.logFormat", Plain),
    key("rbac.maxConnections", Plain),
    key("rbac.maxHeaderBytes", Plain),
    key("rbac.maxRequestBytes", Plain),
    key("rbac.maxStaleness", Plain),
    key("rbac.onlyAdminsBindAdmin", ByCompat),
    key("rbac.openHealth", Plain),
    key("rbac.openPolling", ByCompat),
    key("rbac.passwordClasses", ByCompat),
    key("rbac.publicRole", ByCompat),
    key("rbac.raiseHashCost", ByCompat),
    key("rbac.roleNameTrimmed", ByCompat),
    key("rbac.roleNameUnderscoreFirst", ByCompat),
    key("rbac.rootShowsAdmin", ByCompat),
    key("rbac.shutdownGraceMs", Plain),
    key("rbac.store", Plain),
    key("rbac.truncateLongPasswords", ByCompat),
    key("rbac.upstream.address", Plain),
    key("rbac.upstream.caPemPath", Plain),
    key("rbac.upstream.clientKeyPath", Plain),
    key("rbac.upstream.clientPemPath", Plain),
    key("rbac.upstream.connectTimeoutMs", Plain),
    key("rbac.upstream.connections", Plain),
    key("rbac.upstream.password", Secret),
    key("rbac.upstream.token", Secret),
    key("rbac.upstream.username", Plain),
    key("rbac.userNamePunctuation", ByCompat),
    key("tls.caPemPath", Plain),
    key("tls.serverKeyPath", Plain),
    key("tls.serverPemPath", Plain),
];

/// The key of this name; case does not matter, as in Milvus.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    ALL.iter().find(|key| key.name.eq_ignore_ascii_case(name))
}

/// The variable that was probably meant.
pub(super) fn suggest_variable(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix(PREFIX).unwrap_or(variable);
    // The prefix looks as if it contained the `rbac` of our own keys.
    let ours = format!("{PREFIX}RBAC_{rest}");
    let names = || ALL.iter().map(Key::variable);
    if let Some(name) = names().find(|name| *name == ours) {
        return Some(name);
    }
    let nearest = names().map(|name| (distance(variable, &name), name)).min();
    nearest.filter(|&(away, _)| away <= 3).map(|(_, name)| name)
}

/// How many characters have to be inserted, deleted, replaced or swapped with their neighbour.
pub(super) fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    // Rows of the table of prefixes: two before, one before. `get` with a large default stands
    // for the cells outside.
    let cell = |row: &[usize], at: Option<usize>| {
        at.and_then(|at| row.get(at)).copied().unwrap_or(usize::MAX / 2)
    };
    let mut older: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, &a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in to.iter().enumerate() {
            let replaced = cell(&last, Some(j)) + usize::from(a != b);
            let deleted = cell(&last, Some(j + 1)) + 1;
            let inserted = cell(&row, Some(j)) + 1;
            let mut best = replaced.min(deleted).min(inserted);
            let before =
                |text: &[char], at: usize| at.checked_sub(1).and_then(|at| text.get(at).copied());
            if before(&from, i) == Some(b) && before(&to, j) == Some(a) {
                best = best.min(cell(&older, j.checked_sub(1)) + 1);
            }
            row.push(best);
        }
        older = std::mem::replace(&mut last, row);
    }
    cell(&last, Some(to.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_no_two_have_the_same_variable() {
        assert!(ALL.is_sorted_by(|a, b| a.name < b.name));
        let variables: std::collections::BTreeSet<_> = ALL.iter().map(Key::variable).collect();
        assert_eq!(variables.len(), ALL.len());
        assert!(variables.contains("MILVUS_RBAC_COMMON_SECURITY_DEFAULTROOTPASSWORD"));
    }

    #[test]
    fn distances_count_slips() {
        for (from, to, slips) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("ca", "ac", 1),
            ("rbac.lsiten", "rbac.listen", 1),
            ("rbac.store", "rbac.store", 0),
        ] {
            assert_eq!(distance(from, to), slips, "{from} {to}");
        }
    }

    #[test]
    fn a_variable_without_the_second_rbac_is_explained() {
        assert_eq!(
            suggest_variable("MILVUS_RBAC_STORE").as_deref(),
            Some("MILVUS_RBAC_RBAC_STORE")
        );
        assert_eq!(
            suggest_variable("MILVUS_RBAC_PROXY_MAXUSERNUMS").as_deref(),
            Some("MILVUS_RBAC_PROXY_MAXUSERNUM")
        );
        assert_eq!(suggest_variable("MILVUS_RBAC_WHATEVER"), None);
    }
}
