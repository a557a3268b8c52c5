//! The one function that can allow.

use super::{Decision, Denial, Need, Permit, Requirement};
use crate::model::{Level, ObjectType, ROOT};
use crate::snapshot::Snapshot;

/// Settings that change decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Rules {
    /// Whether anything is checked at all. Off only on the operator's explicit word; what nobody
    /// may is refused all the same.
    pub enforced: bool,
    /// Whether metrics and polling by id are open to every user, which is the one difference between
    /// the two columns of the table.
    pub open_polling: bool,
    /// Whether `root` needs roles like anybody else (`common.security.rootShouldBindRole`).
    pub root_needs_role: bool,
    /// Whether health checks need no login.
    pub open_health: bool,
}

impl Rules {
    /// What the RPC needs under these rules.
    #[must_use]
    pub fn need(self, requirement: &Requirement) -> Need {
        if self.open_polling { requirement.milvus } else { requirement.documented }
    }
}

/// Who asks for what. The database is already defaulted; the objects are the names as sent, none
/// meaning `*`.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Name of the authenticated user, or `None` on an open row without login.
    pub caller: Option<&'a str>,
    /// The row of the RPC.
    pub requirement: &'static Requirement,
    /// The database.
    pub database: &'a str,
    /// The objects; all of them must be allowed.
    pub objects: &'a [String],
}

/// Decides a request against one state.
pub fn decide(snapshot: &Snapshot, rules: Rules, request: &Request<'_>) -> Decision {
    let requirement = request.requirement;
    let need = rules.need(requirement);
    if !rules.enforced && need != Need::Refused {
        return Decision::Allow(Permit(()));
    }
    let Some(caller) = request.caller else {
        return match need {
            Need::Health if rules.open_health => Decision::Allow(Permit(())),
            _ => Decision::Deny(Denial::NoCaller(requirement)),
        };
    };
    let denial = match need {
        Need::AnyUser | Need::Filtered | Need::Health => return Decision::Allow(Permit(())),
        Need::Refused => return Decision::Deny(Denial::Refused(requirement)),
        Need::RootOnly if caller == ROOT && !rules.root_needs_role => {
            return Decision::Allow(Permit(()));
        }
        Need::RootOnly => Denial::RootOnly(requirement),
        Need::Privilege { object_type, privilege, level } => {
            let own = object_type == ObjectType::User && is_only(snapshot, caller, request.objects);
            if own || snapshot.is_administrator(caller, rules.root_needs_role) {
                return Decision::Allow(Permit(()));
            }
            Denial::Privilege { requirement, privilege, cluster: level == Level::Cluster }
        }
    };
    Decision::Deny(denial)
}

/// Whether the request is about the caller and nobody else. No name at all means everybody.
///
/// INVARIANT: a name means the same user here as in the operations.
fn is_only(snapshot: &Snapshot, caller: &str, objects: &[String]) -> bool {
    !objects.is_empty() && objects.iter().all(|object| snapshot.resolve_user(object) == caller)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ADMIN, Change, Record, Role, RoleName, UserName};
    use crate::policy::find;

    const RULES: Rules =
        Rules { enforced: true, open_polling: false, root_needs_role: false, open_health: true };

    fn row(method: &str) -> &'static Requirement {
        find(&format!("/milvus.proto.milvus.MilvusService/{method}")).unwrap()
    }

    fn allowed(state: &Snapshot, rules: Rules, caller: &str, method: &str, on: &[&str]) -> bool {
        let objects: Vec<String> = on.iter().map(ToString::to_string).collect();
        let request = Request {
            caller: Some(caller),
            requirement: row(method),
            database: "default",
            objects: &objects,
        };
        decide(state, rules, &request).is_allowed()
    }

    fn with_admin(user: &str) -> Snapshot {
        let mut state = Snapshot::default();
        let admin = RoleName::new(ADMIN).unwrap();
        state.apply(&Change::Put(Record::Role(admin.clone(), Role::default())));
        state.apply(&Change::Put(Record::Binding(UserName::new(user).unwrap(), admin)));
        state
    }

    #[test]
    fn root_and_members_of_admin_may_do_everything_that_is_served_to_anybody() {
        let state = with_admin("boss");
        for caller in ["root", "boss"] {
            assert!(allowed(&state, RULES, caller, "CreateCredential", &[]));
            assert!(allowed(&state, RULES, caller, "Insert", &["c"]));
        }
        assert!(!allowed(&state, RULES, "boss", "Dummy", &[]));
        assert!(!allowed(&state, RULES, "root", "Dummy", &[]));
    }

    #[test]
    fn everybody_may_look_at_and_change_themselves_and_nobody_else() {
        let state = Snapshot::default();
        assert!(allowed(&state, RULES, "ann", "SelectUser", &["ann"]));
        assert!(allowed(&state, RULES, "ann", "UpdateCredential", &["ann"]));
        for objects in [&[][..], &["*"], &["bob"], &["Ann"], &["ann", "bob"]] {
            assert!(!allowed(&state, RULES, "ann", "SelectUser", objects), "{objects:?}");
        }
        assert!(!allowed(&state, RULES, "ann", "DeleteCredential", &["ann"]));
    }

    #[test]
    fn root_that_needs_roles_is_like_anybody_else() {
        let rules = Rules { root_needs_role: true, ..RULES };
        assert!(!allowed(&Snapshot::default(), rules, "root", "CreateRole", &[]));
        assert!(allowed(&with_admin("root"), rules, "root", "CreateRole", &[]));
    }

    #[test]
    fn names_like_root_are_not_root() {
        for caller in ["Root", "ROOT", "root ", " root", "ｒoot", "rооt", ""] {
            assert!(!allowed(&Snapshot::default(), RULES, caller, "CreateRole", &[]), "{caller:?}");
        }
    }

    #[test]
    fn a_request_without_a_caller_is_denied_unless_it_is_an_open_health_check() {
        let state = Snapshot::default();
        for requirement in crate::policy::all() {
            for open_health in [true, false] {
                let request =
                    Request { caller: None, requirement, database: "default", objects: &[] };
                let allowed = decide(&state, Rules { open_health, ..RULES }, &request).is_allowed();
                assert_eq!(allowed, open_health && requirement.documented == Need::Health);
            }
        }
    }

    #[test]
    fn without_enforcement_everything_passes_but_what_nobody_may() {
        let rules = Rules { enforced: false, ..RULES };
        for requirement in crate::policy::all() {
            let request = Request { caller: None, requirement, database: "default", objects: &[] };
            let refused = requirement.documented == Need::Refused;
            assert_eq!(decide(&Snapshot::default(), rules, &request).is_allowed(), !refused);
        }
    }

    #[test]
    fn a_binding_to_a_missing_admin_role_gives_nothing() {
        let mut state = with_admin("boss");
        state.apply(&Change::Delete(crate::model::RecordKey::Role(RoleName::new(ADMIN).unwrap())));
        assert!(!allowed(&state, RULES, "boss", "CreateRole", &[]));
    }
}
