//! Every privilege against every kind of role, as a table that a person can read:
//! `tests/expected/policy_matrix.txt`. `UPDATE_EXPECTED=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use milvus_rbac::model::{ObjectType, Privilege, PrivilegeKind};
use milvus_rbac::policy::{Claims, Home, Need, ObjectSource, Request, Requirement, Rules, decide};
use milvus_rbac::snapshot::Snapshot;

use crate::support::state::State;

const RULES: Rules = Rules::DOCUMENTED;

const HEAD: &str = "\
# What each kind of role may do. Four signs for four requests that need the privilege:
# about `c1` of `default`, `c2` of `default`, `c1` of `db2`, and `*` of `default`;
# `+` is allowed, `.` is denied. Privileges of type Global are always asked for on `*`, those of
# level cluster always in database `*`.
#
#   none      a role without grants
#   one       the privilege itself on `c1` of `default`
#   database  the privilege itself on `*` of `default`
#   all-dbs   the privilege itself on `*` of `*`
#   cluster   ClusterAdmin on `*` of `*`
#   db-group  DatabaseAdmin on `*` of `default`
#   c-group   CollectionAdmin on `c1` of `default`
#   custom    a group of Insert, CreateCollection and UpdateUser on `c1` of `default`
#   ReadOnly, ReadWrite, Admin   the old groups on `c1` of `default`
#   All       All on `*` of `default`
#   All-*     All on `*` of `*`
#   c-star    privilege `*` of type Collection on `c1` of `default`
#   g-star    privilege `*` of type Global in `default`
#   admin     the role admin
#   root      the user root
";

type Grant = fn(&mut State, &str);

/// The kinds of roles, and what makes them; the privilege of the line comes along.
const KINDS: [(&str, Grant); 17] = [
    ("none", |_, _| {}),
    ("one", |state, name| state.grant_v2("r", "default", "c1", name)),
    ("database", |state, name| state.grant_v2("r", "default", "*", name)),
    ("all-dbs", |state, name| state.grant_v2("r", "*", "*", name)),
    ("cluster", |state, _| state.grant_v2("r", "*", "*", "ClusterAdmin")),
    ("db-group", |state, _| state.grant_v2("r", "default", "*", "DatabaseAdmin")),
    ("c-group", |state, _| state.grant_v2("r", "default", "c1", "CollectionAdmin")),
    ("custom", |state, _| {
        state.group("g", &["Insert", "CreateCollection", "UpdateUser"]);
        state.grant_v2("r", "default", "c1", "g");
    }),
    ("ReadOnly", |state, _| state.grant("r", "Collection", "default", "c1", "ReadOnly")),
    ("ReadWrite", |state, _| state.grant("r", "Collection", "default", "c1", "ReadWrite")),
    ("Admin", |state, _| state.grant("r", "Global", "default", "c1", "Admin")),
    ("All", |state, _| state.grant("r", "Global", "default", "*", "All")),
    ("All-*", |state, _| state.grant("r", "Global", "*", "*", "All")),
    ("c-star", |state, _| state.grant("r", "Collection", "default", "c1", "*")),
    ("g-star", |state, _| state.grant("r", "Global", "default", "*", "*")),
    ("admin", |state, _| state.bind("u", "admin")),
    ("root", |_, _| {}),
];

/// A row that needs the privilege, for privileges that no RPC needs as for all others.
fn row(privilege: Privilege) -> &'static Requirement {
    let need = Need::Privilege {
        object_type: privilege.object_type(),
        privilege,
        level: privilege.level(),
    };
    let global = privilege.object_type() == ObjectType::Global;
    Box::leak(Box::new(Requirement {
        service: "matrix",
        method: privilege.name(),
        path: "/matrix",
        documented: need,
        milvus: need,
        home: Home::Data,
        database: Some(2),
        object: if global { ObjectSource::Any } else { ObjectSource::Field(3) },
        streaming: false,
        many_requests: false,
        served: false,
        conditions: &[],
    }))
}

fn signs(state: &Snapshot, caller: &str, requirement: &'static Requirement) -> String {
    [("default", "c1"), ("default", "c2"), ("db2", "c1"), ("default", "*")]
        .map(|(database, object)| {
            let objects = [object.to_owned()];
            let claims = Claims::default();
            let request =
                Request { caller: Some(caller), requirement, database, objects: &objects, claims };
            if decide(state, RULES, &request).is_allowed() { '+' } else { '.' }
        })
        .iter()
        .collect()
}

fn table() -> String {
    let mut text = format!("{HEAD}\n{:28}", "");
    for (name, _) in KINDS {
        write!(text, " {name:<9}").unwrap();
    }
    for privilege in Privilege::all().filter(|one| one.kind() == PrivilegeKind::Single) {
        let requirement = row(privilege);
        write!(text, "\n{:28}", privilege.name()).unwrap();
        for (kind, grant) in KINDS {
            let mut state = State::default();
            state.role("r");
            state.role("admin");
            state.bind("u", "r");
            grant(&mut state, privilege.name());
            let caller = if kind == "root" { "root" } else { "u" };
            write!(text, " {:<9}", signs(&state.settled(), caller, requirement)).unwrap();
        }
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

#[test]
fn the_matrix_of_roles_and_privileges_is_as_expected() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/policy_matrix.txt");
    let table = table();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    for (number, (line, expected)) in table.lines().zip(expected.lines()).enumerate() {
        assert_eq!(line, expected, "line {}", number + 1);
    }
    assert_eq!(table.lines().count(), expected.lines().count());
}
