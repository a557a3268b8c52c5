//! What a key of a file means that is none of ours: a mistake, or somebody else's.

use super::key::{ALL, distance};

/// Parents of nothing but settings of ours: an unknown child is a mistake. Elsewhere a
/// `milvus.yaml` holds hundreds of keys that are none of our business.
const STRICT: &[&str] = &["common.security.", "rbac.", "builtinRoles.", "tls."];

/// Whether some known key stands below this name.
pub(super) fn is_section(name: &str) -> bool {
    ALL.iter().any(|key| {
        key.name.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && key.name.as_bytes().get(name.len()) == Some(&b'.')
    })
}

/// What a key that is not known means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// It is not for us.
    Foreign,
    /// It is a mistake.
    Mistake {
        /// What was probably meant.
        meant: Option<&'static str>,
    },
}

/// Judges a name that is neither a key nor a section.
pub(super) fn judge_unknown(name: &str) -> Unknown {
    let lower = name.to_ascii_lowercase();
    if STRICT.iter().any(|parent| lower.starts_with(&parent.to_ascii_lowercase())) {
        return Unknown::Mistake { meant: suggest(&lower, 3) };
    }
    // Outside, only what is one slip away from a key or section of ours.
    match suggest(&lower, 1) {
        None => Unknown::Foreign,
        meant => Unknown::Mistake { meant },
    }
}

/// The known key or section that is nearest to a lower-case name, if at most `slips` away.
fn suggest(lower: &str, slips: usize) -> Option<&'static str> {
    let sections = ["common.security", "rbac", "proxy", "common", "builtinRoles", "etcd"];
    let nearest = ALL
        .iter()
        .map(|key| key.name)
        .chain(sections)
        .map(|name| (distance(lower, &name.to_ascii_lowercase()), name))
        .min();
    nearest.filter(|&(away, _)| away <= slips).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_a_mistake_only_where_the_keys_are_ours_or_nearly_so() {
        for (name, meant) in [
            ("common.security.superUser", Some("common.security.superUsers")),
            ("rbac.somethingElse", None),
            ("proxy.maxUserNumm", Some("proxy.maxUserNum")),
            ("common.securty", Some("common.security")),
            ("etcd.auth.enable", Some("etcd.auth.enabled")),
        ] {
            assert_eq!(judge_unknown(name), Unknown::Mistake { meant }, "{name}");
        }
        for stock in [
            "proxy.maxFieldNum",
            "proxy.ip",
            "etcd.log.level",
            "etcd.log.path",
            "etcd.use.embed",
            "etcd.kvSubPath",
            "etcd.data.dir",
            "etcd.config.path",
            "tikv.rootPath",
            "proxy.grpc.clientMaxRecvSize",
            "log",
            "grpc",
            "trace",
        ] {
            assert_eq!(judge_unknown(stock), Unknown::Foreign, "{stock}");
        }
    }

    #[test]
    fn sections_are_what_stands_above_a_key() {
        for name in ["common", "Common.Security", "rbac", "proxy.http", "etcd.ssl"] {
            assert!(is_section(name), "{name}");
        }
        for name in ["", "commo", "common.security.superUsers", "etcd.log"] {
            assert!(!is_section(name), "{name}");
        }
    }
}
