//! The one function that can allow.

use std::sync::Arc;

use super::{Decision, Denial, Ground, Need, ObjectSource, Permit, Requirement, Rules};
use crate::model::{ADMIN, Level, ObjectType, PUBLIC, Privilege, ROOT, RoleName};
use crate::policy::Condition;
use crate::snapshot::{Snapshot, StoredGrant};

/// Who asks for what. The database is already defaulted; the objects are the names as sent.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a, N = String> {
    /// Name of the authenticated user, or `None` on an open row without login.
    pub caller: Option<&'a str>,
    /// The row of the RPC.
    pub requirement: &'static Requirement,
    /// The database.
    pub database: &'a str,
    /// The objects; all of them must be allowed.
    pub objects: &'a [N],
    /// What else the message says.
    pub claims: Claims<'a>,
}

/// What a message says, beside names, that has a rule of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a claim of its own")]
pub struct Claims<'a> {
    /// It wants row-level security skipped.
    pub skip_rls: bool,
    /// Principals of row-level security that it names; empty ones do not count.
    pub principals: &'a [String],
    /// The target database, already defaulted, if the row has one.
    pub other_database: Option<&'a str>,
    /// It touches properties of row-level security.
    pub rls_properties: bool,
    /// The collection whose properties it touches.
    pub collection: &'a str,
    /// It imports binlogs.
    pub binlogs: bool,
    /// It says that it is replicated.
    pub replicated: bool,
}

/// What a privilege is needed on.
enum Objects<'a, N> {
    One(&'a str),
    /// Each of them; none is never allowed.
    Each(&'a [N]),
}

// Not derived: that would ask the same of the names.
impl<N> Clone for Objects<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Objects<'_, N> {}

/// Decides a request against one state.
pub fn decide<N: AsRef<str>>(
    snapshot: &Snapshot,
    rules: Rules,
    request: &Request<'_, N>,
) -> Decision {
    match judge(snapshot, rules, request) {
        Ok(ground) => Decision::Allow(Permit(ground)),
        Err(denial) => Decision::Deny(denial),
    }
}

fn judge<N: AsRef<str>>(
    snapshot: &Snapshot,
    rules: Rules,
    request: &Request<'_, N>,
) -> Result<Ground, Denial> {
    let requirement = request.requirement;
    let need = rules.need(requirement);
    if !rules.enforced && need != Need::Refused {
        return Ok(Ground::Open);
    }
    let Some(caller) = request.caller else {
        return match need {
            Need::Health if rules.open_health => Ok(Ground::Open),
            _ => Err(Denial::NoCaller(requirement)),
        };
    };
    let is_root = caller == ROOT && !rules.root_needs_role;
    let (object_type, privilege, level) = match need {
        Need::Refused => return Err(Denial::Refused(requirement)),
        _ if request.claims.replicated => return Err(Denial::Replicated(requirement)),
        _ if names_another(caller, request.claims.principals) => {
            return Err(Denial::Principal(requirement));
        }
        _ if is_root => return Ok(Ground::Root),
        Need::AnyUser | Need::Filtered | Need::Health => return Ok(Ground::Open),
        Need::RootOnly => return Err(Denial::RootOnly(requirement)),
        Need::Privilege { object_type, privilege, level } => (object_type, privilege, level),
    };
    if requirement.conditions.contains(&Condition::IfNamed) && is_unnamed(request.objects) {
        return Ok(Ground::Open);
    }
    if object_type == ObjectType::User && is_only(snapshot, caller, request.objects) {
        return Ok(Ground::Oneself);
    }
    if let ObjectSource::Role(_) = requirement.object
        && is_own_role(snapshot, rules, caller, request.objects)
    {
        return Ok(Ground::OwnRole);
    }
    let crossing = request.claims.other_database.is_some_and(|other| other != request.database);
    let cluster = level == Level::Cluster || crossing || is_by_id(request);
    let needed = Needed { snapshot, rules, caller, requirement, database: request.database };
    let ground = needed.check(privilege, cluster, objects(request))?;
    needed.check_claims(&request.claims, cluster, objects(request))?;
    Ok(ground)
}

/// Looks for what allows a privilege to a caller.
struct Needed<'a> {
    snapshot: &'a Snapshot,
    rules: Rules,
    caller: &'a str,
    requirement: &'static Requirement,
    database: &'a str,
}

impl Needed<'_> {
    /// What the message claims beside its names needs privileges of its own.
    fn check_claims<N: AsRef<str>>(
        &self,
        claims: &Claims<'_>,
        cluster: bool,
        objects: Objects<'_, N>,
    ) -> Result<(), Denial> {
        if claims.skip_rls {
            self.check(Privilege::SKIP_RLS, cluster, objects)?;
        }
        if claims.rls_properties {
            self.check(Privilege::MANAGE_RLS, cluster, Objects::<N>::One(claims.collection))?;
        }
        if claims.binlogs {
            self.check(Privilege::IMPORT_BINLOG, true, Objects::<N>::One("*"))?;
        }
        Ok(())
    }

    fn check<N: AsRef<str>>(
        &self,
        privilege: Privilege,
        cluster: bool,
        objects: Objects<'_, N>,
    ) -> Result<Ground, Denial> {
        let denial = Denial::Privilege { requirement: self.requirement, privilege, cluster };
        if matches!(objects, Objects::Each([])) {
            return Err(denial);
        }
        let own = self.snapshot.roles_of(self.caller).iter().map(RoleName::as_str);
        if own.clone().any(|role| role == ADMIN) && self.snapshot.role(ADMIN).is_some() {
            return Ok(Ground::Administrator);
        }
        let database = if cluster { "*" } else { self.database };
        let public = self.rules.public_role.then_some(PUBLIC);
        own.chain(public)
            .find_map(|role| self.grant_of(role, privilege, database, objects))
            .map(|grant| Ground::Grant(Arc::clone(grant)))
            .ok_or(denial)
    }

    /// The grant by which one role allows all of the objects.
    fn grant_of<N: AsRef<str>>(
        &self,
        role: &str,
        privilege: Privilege,
        database: &str,
        objects: Objects<'_, N>,
    ) -> Option<&Arc<StoredGrant>> {
        let policy = self.snapshot.policy_of(role)?;
        if !policy.exists() && !self.rules.ghost_roles {
            return None;
        }
        match objects {
            Objects::One(object) => policy.find(privilege, database, object),
            Objects::Each(names) => {
                let (first, rest) = names.split_first()?;
                let may = |name: &N| policy.find(privilege, database, name.as_ref());
                let grant = may(first)?;
                rest.iter().all(|name| may(name).is_some()).then_some(grant)
            }
        }
    }
}

/// What the row's privilege is needed on.
fn objects<'a, N: AsRef<str>>(request: &Request<'a, N>) -> Objects<'a, N> {
    let first = request.objects.first().map(AsRef::as_ref);
    match request.requirement.object {
        ObjectSource::Any | ObjectSource::Role(_) => Objects::One("*"),
        ObjectSource::Field(_) => Objects::One(first.unwrap_or_default()),
        ObjectSource::Nested(_) => Objects::One(first.unwrap_or("*")),
        ObjectSource::Repeated(_) => Objects::Each(request.objects),
    }
}

/// Whether the object is named by an id, which is of no database.
fn is_by_id<N: AsRef<str>>(request: &Request<'_, N>) -> bool {
    let has_id = |condition: &Condition| matches!(condition, Condition::Id(_));
    !request.objects.is_empty()
        && is_unnamed(request.objects)
        && request.requirement.conditions.iter().any(has_id)
}

fn is_unnamed<N: AsRef<str>>(objects: &[N]) -> bool {
    objects.iter().all(|object| object.as_ref().is_empty())
}

/// Whether the request is about the caller and nobody else. No name at all means everybody.
///
/// INVARIANT: a name means the same user here as in the operations.
fn is_only<N: AsRef<str>>(snapshot: &Snapshot, caller: &str, objects: &[N]) -> bool {
    let is_caller = |object: &N| snapshot.resolve_user(object.as_ref()) == caller;
    !is_unnamed(objects) && objects.iter().all(is_caller)
}

/// Whether the request is about one role, which the caller holds or everybody does.
fn is_own_role<N: AsRef<str>>(
    snapshot: &Snapshot,
    rules: Rules,
    caller: &str,
    objects: &[N],
) -> bool {
    let [role] = objects else {
        return false;
    };
    let role = role.as_ref();
    if rules.public_role && role == PUBLIC {
        return true;
    }
    snapshot.is_bound(caller, role) && (rules.ghost_roles || snapshot.role(role).is_some())
}

fn names_another(caller: &str, principals: &[String]) -> bool {
    principals.iter().any(|principal| !principal.is_empty() && principal != caller)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ADMIN, Change, Record, Role, RoleName, UserName};
    use crate::policy::find;

    const RULES: Rules = Rules::DOCUMENTED;

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
            claims: Claims::default(),
        };
        decide(state, rules, &request).is_allowed()
    }

    fn nobody(requirement: &'static Requirement) -> Request<'static> {
        let claims = Claims::default();
        Request { caller: None, requirement, database: "default", objects: &[], claims }
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
                let request = nobody(requirement);
                let allowed = decide(&state, Rules { open_health, ..RULES }, &request).is_allowed();
                assert_eq!(allowed, open_health && requirement.documented == Need::Health);
            }
        }
    }

    #[test]
    fn without_enforcement_everything_passes_but_what_nobody_may() {
        let rules = Rules { enforced: false, ..RULES };
        for requirement in crate::policy::all() {
            let request = nobody(requirement);
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
