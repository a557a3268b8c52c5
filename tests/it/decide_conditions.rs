//! What a request says beside its names, and what a permit says of its ground.

use milvus_rbac::api::denial_text;
use milvus_rbac::policy::{Claims, Decision, Denial, Ground, Request, Rules, decide, find};
use milvus_rbac::snapshot::Snapshot;

use crate::support::state::State;

const RULES: Rules = Rules::DOCUMENTED;

/// What comes of a request of ann's: its ground, or the text of its denial.
fn outcome(state: &Snapshot, method: &str, object: &str, claims: Claims<'_>) -> String {
    said(state, RULES, "ann", method, &[object], claims)
}

fn said(
    state: &Snapshot,
    rules: Rules,
    caller: &str,
    method: &str,
    objects: &[&str],
    claims: Claims<'_>,
) -> String {
    let requirement = find(&format!("/milvus.proto.milvus.MilvusService/{method}")).unwrap();
    let objects: Vec<String> = objects.iter().map(ToString::to_string).collect();
    let request =
        Request { caller: Some(caller), requirement, database: "db", objects: &objects, claims };
    match decide(state, rules, &request) {
        Decision::Allow(permit) => match permit.ground() {
            Ground::Grant(grant) => {
                format!("{} by {} on {}", grant.row.role, grant.privilege, grant.row.object)
            }
            ground => format!("{ground:?}"),
        },
        Decision::Deny(denial) => denial_text(&denial, caller, "db"),
    }
}

/// ann holds `r` and has this on `c1` of `db`.
fn having(privileges: &[&str]) -> Snapshot {
    let mut state = State::default();
    state.role("r");
    state.role("admin");
    state.bind("ann", "r");
    state.bind("boss", "admin");
    for name in privileges {
        state.grant_v2("r", "db", "c1", name);
    }
    state.settled()
}

#[test]
fn skipping_row_security_needs_its_own_privilege() {
    let skip = Claims { skip_rls: true, ..Claims::default() };
    let search = having(&["Search"]);
    assert_eq!(
        outcome(&search, "Search", "c1", Claims::default()),
        "r by PrivilegeSearch on db.c1"
    );
    assert_eq!(
        outcome(&search, "Search", "c1", skip),
        "PrivilegeSkipRLS: permission deny to ann in the `db` database"
    );
    let both = having(&["Search", "SkipRLS"]);
    assert_eq!(outcome(&both, "Search", "c1", skip), "r by PrivilegeSearch on db.c1");
    assert_eq!(said(&search, RULES, "root", "Search", &["c1"], skip), "Root");
    assert_eq!(said(&search, RULES, "boss", "Search", &["c1"], skip), "Administrator");
}

#[test]
fn a_principal_other_than_the_caller_and_a_replicated_message_are_refused_for_everybody() {
    let state = having(&["Search"]);
    let named = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    for (names, allowed) in [
        (named(&["ann"]), true),
        (named(&[""]), true),
        (named(&["bob"]), false),
        (named(&["bob", "ann"]), false),
    ] {
        let claims = Claims { principals: &names, ..Claims::default() };
        let text = outcome(&state, "Search", "c1", claims);
        assert_eq!(text.contains("rls_principal"), !allowed, "{names:?} {text}");
        assert_eq!(text.starts_with("r by"), allowed, "{names:?} {text}");
    }
    let replicated = Claims { replicated: true, ..Claims::default() };
    for caller in ["ann", "boss", "root"] {
        let text = said(&state, RULES, caller, "Search", &["c1"], replicated);
        assert!(text.contains("base.replicateInfo is not accepted"), "{text}");
    }
}

#[test]
fn crossing_databases_is_checked_in_all_of_them() {
    let within = Claims { other_database: Some("db"), ..Claims::default() };
    let across = Claims { other_database: Some("db2"), ..Claims::default() };
    let state = having(&["RenameCollection", "RestoreSnapshot"]);
    assert_eq!(
        outcome(&state, "RenameCollection", "", within),
        "r by PrivilegeRenameCollection on db.c1"
    );
    assert_eq!(
        outcome(&state, "RenameCollection", "", across),
        "PrivilegeRenameCollection: permission deny to ann in the `*` database"
    );
    assert_eq!(
        outcome(&state, "RestoreSnapshot", "c1", across),
        "PrivilegeRestoreSnapshot: permission deny to ann in the `*` database"
    );
}

#[test]
fn properties_of_row_security_and_binlogs_need_privileges_of_their_own() {
    let rls = Claims { rls_properties: true, collection: "c1", ..Claims::default() };
    let altered =
        |state: &Snapshot, claims| said(state, RULES, "ann", "AlterCollection", &[], claims);
    let alter = having(&["CreateCollection"]);
    assert_eq!(
        altered(&alter, rls),
        "PrivilegeManageRLS: permission deny to ann in the `db` database"
    );
    let both = having(&["CreateCollection", "ManageRLS"]);
    assert!(altered(&both, rls).starts_with("r by"));
    let other = Claims { collection: "c2", ..rls };
    assert!(altered(&both, other).contains("ManageRLS"));

    let binlogs = Claims { binlogs: true, ..Claims::default() };
    assert_eq!(
        outcome(&having(&["Import"]), "Import", "c1", binlogs),
        "PrivilegeImportBinlog: permission deny to ann in the `*` database"
    );
}

#[test]
fn an_analyzer_is_open_until_a_collection_is_named() {
    let state = having(&["Search"]);
    let none = Claims::default();
    assert_eq!(outcome(&state, "RunAnalyzer", "", none), "Open");
    assert_eq!(outcome(&state, "RunAnalyzer", "c1", none), "r by PrivilegeSearch on db.c1");
    assert_eq!(
        outcome(&state, "RunAnalyzer", "c2", none),
        "PrivilegeSearch: permission deny to ann in the `db` database"
    );
}

#[test]
fn ones_own_roles_are_open_to_grant_queries_and_public_where_it_exists() {
    let state = having(&[]);
    let none = Claims::default();
    assert_eq!(outcome(&state, "SelectGrant", "r", none), "OwnRole");
    for other in ["s", "public", "R", ""] {
        assert!(outcome(&state, "SelectGrant", other, none).contains("deny"), "{other}");
    }
    assert!(outcome(&state, "SelectRole", "r", none).contains("deny"));
    let rules = Rules { public_role: true, ..RULES };
    assert_eq!(said(&state, rules, "ann", "SelectGrant", &["public"], none), "OwnRole");
}

#[test]
fn a_group_is_the_ground_by_its_own_name() {
    let state = having(&["CollectionReadOnly"]);
    assert_eq!(
        outcome(&state, "Query", "c1", Claims::default()),
        "r by PrivilegeGroupCollectionReadOnly on db.c1"
    );
}

#[test]
fn roles_that_are_gone_decide_only_where_the_rules_say_so() {
    let mut state = State::default();
    state.bind("ann", "gone");
    state.grant_v2("gone", "db", "c1", "Search");
    let state = state.settled();
    assert!(outcome(&state, "Search", "c1", Claims::default()).contains("deny"));
    let rules = Rules { ghost_roles: true, ..RULES };
    let text = said(&state, rules, "ann", "Search", &["c1"], Claims::default());
    assert_eq!(text, "gone by PrivilegeSearch on db.c1");
}

#[test]
fn a_list_is_allowed_by_one_role_or_not_at_all_and_an_empty_one_to_root_alone() {
    let mut state = State::default();
    for name in ["a", "b", "admin"] {
        state.role(name);
    }
    state.bind("ann", "a");
    state.bind("ann", "b");
    state.bind("boss", "admin");
    state.grant_v2("a", "db", "c1", "Flush");
    state.grant_v2("b", "db", "c2", "Flush");
    let state = state.settled();
    let flush = |caller: &str, names: &[&str]| {
        said(&state, RULES, caller, "Flush", names, Claims::default())
    };
    assert!(flush("ann", &["c1"]).starts_with("a by"));
    assert!(flush("ann", &["c1", "c2"]).contains("deny"));
    assert!(flush("boss", &["c1", "c2"]).contains("Administrator"));
    assert!(flush("boss", &[]).contains("deny"));
    assert_eq!(flush("root", &[]), "Root");
}

#[test]
fn an_id_is_of_no_database_so_a_right_in_one_database_is_not_enough_for_it() {
    let granted = |database: &str, collection: &str| {
        let mut state = State::default();
        state.role("r");
        state.bind("ann", "r");
        for name in ["DescribeCollection", "ShowPartitions", "GetLoadState", "Compaction"] {
            state.grant_v2("r", database, collection, name);
        }
        state.settled()
    };
    let (here, everywhere) = (granted("db", "*"), granted("*", "*"));
    let none = Claims::default();
    // By id the object comes without a name.
    for method in
        ["DescribeCollection", "ShowPartitions", "GetReplicas", "GetCompactionStateWithPlans"]
    {
        let text = outcome(&here, method, "", none);
        assert!(text.contains("permission deny to ann in the `*` database"), "{method}: {text}");
        assert!(outcome(&everywhere, method, "", none).starts_with("r by"), "{method}");
        assert_eq!(said(&here, RULES, "root", method, &[""], none), "Root", "{method}");
    }
    assert!(outcome(&here, "ShowPartitions", "c1", none).starts_with("r by"));
    assert!(said(&here, RULES, "ann", "DescribeCollection", &[], none).starts_with("r by"));
}

#[test]
fn a_denial_says_in_one_word_why() {
    let state = having(&[]);
    let requirement = find("/milvus.proto.milvus.MilvusService/Insert").unwrap();
    let claims = Claims { replicated: true, ..Claims::default() };
    let request = Request::<String> {
        caller: Some("ann"),
        requirement,
        database: "db",
        objects: &[],
        claims,
    };
    let Decision::Deny(denial) = decide(&state, RULES, &request) else { panic!() };
    assert_eq!(denial, Denial::Replicated(requirement));
    assert_eq!(denial.reason(), "marked as replicated");
}
