//! `decide` against the rules written down as plainly as possible, on random states and requests.
//!
//! `DECIDE_CASES` sets how many requests are decided; 100,000 if it is not set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use milvus_rbac::model::{
    BuiltinGroups, Change, Grantor, Level, ObjectType, Privilege, PrivilegeKind, Record, RecordKey,
    Role,
};
use milvus_rbac::policy::{
    Claims, Condition, Need, ObjectSource, Request, Requirement, Rules, all, decide, find,
};
use milvus_rbac::snapshot::Snapshot;

use crate::support::state::{State, role, row};

const REQUESTS_PER_STATE: usize = 50;
const ROLES: [&str; 5] = ["admin", "public", "r1", "r2", "r3"];
const DATABASES: [&str; 8] = ["default", "db", "d*", "*", "", "d?", "a/b", "[dx]b"];
const OBJECTS: [&str; 10] = ["c1", "c2", "c*", "*", "", "?1", "a/b", "[", "c1.x", "\\*"];
const GROUPS: [&str; 2] = ["g1", "g2"];

/// A generator that gives the same numbers for the same seed everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

/// A state as plain facts.
#[derive(Debug, Default)]
struct Facts {
    roles: BTreeSet<&'static str>,
    bound: BTreeSet<&'static str>,
    groups: BTreeMap<&'static str, Vec<&'static str>>,
    /// Role, stored type, stored object, stored privilege.
    grants: Vec<(&'static str, &'static str, String, String)>,
}

/// Privileges that a few rows ask for, so that grants and requests meet.
const PRIVILEGES: [&str; 12] = [
    "Insert",
    "Search",
    "Flush",
    "DescribeCollection",
    "CreateCollection",
    "CreateOwnership",
    "UpdateUser",
    "SelectUser",
    "All",
    "ReadOnly",
    "ReadWrite",
    "Admin",
];
const RPCS: [&str; 12] = [
    "Insert",
    "Search",
    "Flush",
    "DescribeCollection",
    "CreateCollection",
    "CreateRole",
    "UpdateCredential",
    "SelectUser",
    "SelectGrant",
    "GetMetrics",
    "Query",
    "CreateDatabase",
];

fn grant(dice: &mut Dice) -> (&'static str, &'static str, String, String) {
    let object = match dice.roll(8) {
        0 => dice.pick(&OBJECTS).to_owned(),
        _ => format!("{}.{}", dice.pick(&DATABASES), dice.pick(&OBJECTS)),
    };
    let text = match dice.roll(8) {
        0 => "*".to_owned(),
        1 => format!("PrivilegeGroup{}", dice.pick(&GROUPS)),
        2 => {
            let levels: Vec<_> =
                Privilege::all().filter(|one| one.kind() == PrivilegeKind::LevelGroup).collect();
            dice.pick(&levels).stored_name()
        }
        3 => dice.pick(&["Insert", "PrivilegeNope", "", "PrivilegeReadOnly"]).to_string(),
        _ => Privilege::from_name(dice.pick(&PRIVILEGES)).unwrap().stored_name(),
    };
    (dice.pick(&ROLES), dice.pick(&["Collection", "Global", "User", "Nope"]), object, text)
}

fn facts(dice: &mut Dice) -> Facts {
    let mut facts = Facts::default();
    for name in ROLES {
        // Mostly there and bound, so that something is decided.
        if dice.roll(4) > 0 {
            facts.roles.insert(name);
        }
        if dice.roll(if name == "admin" { 8 } else { 2 }) == 0 && name != "public" {
            facts.bound.insert(name);
        }
    }
    for name in GROUPS {
        if dice.roll(3) > 0 {
            let members = ["Insert", "CreateCollection", "g1", "CollectionReadOnly", "UpdateUser"];
            facts.groups.insert(name, (0..3).map(|_| dice.pick(&members)).collect());
        }
    }
    facts.grants = (0..dice.roll(8)).map(|_| grant(dice)).collect();
    facts
}

fn state(facts: &Facts) -> Snapshot {
    let mut state = State::default();
    state.user("ann");
    facts.roles.iter().for_each(|name| state.role(name));
    facts.bound.iter().for_each(|name| state.bind("ann", name));
    for (name, object_type, object, text) in &facts.grants {
        state.stored(name, object_type, object, text);
    }
    facts.groups.iter().for_each(|(name, members)| state.group(name, members));
    state.settled()
}

/// The rules of the specification, as slow as they read.
fn allowed(facts: &Facts, rules: Rules, request: &Request<'_>) -> bool {
    let need = rules.need(request.requirement);
    let Need::Privilege { object_type, privilege, level } = need else {
        return need != Need::RootOnly && need != Need::Refused;
    };
    let counts = |name: &&&str| facts.roles.contains(**name) || rules.ghost_roles;
    let own: Vec<&str> = facts.bound.iter().filter(counts).copied().collect();
    let public = rules.public_role.then_some("public").filter(|name| counts(&name));
    let names: Vec<&str> = match request.requirement.object {
        ObjectSource::Any | ObjectSource::Role(_) => vec!["*"],
        ObjectSource::Nested(_) if request.objects.is_empty() => vec!["*"],
        _ => request.objects.iter().map(String::as_str).collect(),
    };
    if object_type == ObjectType::User && request.objects == ["ann"] {
        return true;
    }
    if matches!(request.requirement.object, ObjectSource::Role(_))
        && request
            .objects
            .iter()
            .any(|role| own.contains(&role.as_str()) || (rules.public_role && role == "public"))
    {
        return true;
    }
    // An id is of no database. It is read as an object without a name.
    let by_id = has_id(request.requirement) && request.objects == [""];
    let cluster = level == Level::Cluster || by_id;
    let database = if cluster { "*" } else { request.database };
    let may = |name: &str, object: &str| {
        (name == "admin" && facts.bound.contains("admin") && facts.roles.contains("admin"))
            || facts.grants.iter().filter(|grant| grant.0 == name).any(|(_, kind, on, text)| {
                covers(facts, kind, on, text, privilege, database, object)
            })
    };
    let mut held = own.into_iter().chain(public);
    !names.is_empty() && held.any(|role| names.iter().all(|object| may(role, object)))
}

fn covers(
    facts: &Facts,
    kind: &str,
    on: &str,
    text: &str,
    privilege: Privilege,
    database: &str,
    object: &str,
) -> bool {
    static BUILTIN: LazyLock<BuiltinGroups> = LazyLock::new(BuiltinGroups::default);
    if ObjectType::from_name(kind).is_none() {
        return false;
    }
    let pieces: Vec<&str> = on.split('.').collect();
    let (in_database, name) = match pieces.as_slice() {
        [name] | ["", name, ..] => ("default", *name),
        [database, name, ..] => (*database, *name),
        [] => return false,
    };
    let builtin = &*BUILTIN;
    let group = text.strip_prefix("PrivilegeGroup");
    let members: Vec<Privilege> = match (group, group.and_then(Privilege::from_name)) {
        (Some("Admin"), Some(group)) => {
            return in_database == database && builtin.members(group).contains(&privilege);
        }
        (Some("ReadOnly" | "ReadWrite"), Some(group)) => {
            return in_database == database
                && builtin.members(group).contains(&privilege)
                && (name == object || name == "*" || object == "*");
        }
        (Some(_), Some(group)) => builtin.members(group).to_vec(),
        (Some(name), None) => facts
            .groups
            .get(name)
            .into_iter()
            .flatten()
            .filter_map(|name| Privilege::from_name(name))
            .filter(|member| !member.is_group())
            .collect(),
        (None, _) if text == "PrivilegeAll" => return in_database == database,
        (None, _) if text == "*" && kind == privilege.object_type().as_str() => vec![privilege],
        (None, _) => {
            let name = text.strip_prefix("Privilege").unwrap_or_default();
            Privilege::from_name(name).filter(|one| !one.is_group()).into_iter().collect()
        }
    };
    let name = if privilege.object_type() == ObjectType::Global { "*" } else { name };
    members.contains(&privilege)
        && glob(in_database.as_bytes(), database.as_bytes())
        && glob(name.as_bytes(), object.as_bytes())
}

/// The few pattern signs that the random names use.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', more @ ..], _) => {
            glob(more, text)
                || matches!(text, [first, rest @ ..] if *first != b'/' && glob(pattern, rest))
        }
        ([b'?', more @ ..], [first, rest @ ..]) => *first != b'/' && glob(more, rest),
        ([b'\\', sign, more @ ..], [first, rest @ ..]) => sign == first && glob(more, rest),
        ([b'[', a, b, b']', more @ ..], [first, rest @ ..]) => {
            (a == first || b == first) && glob(more, rest)
        }
        ([b'[' | b'\\', ..], _) => false,
        ([sign, more @ ..], [first, rest @ ..]) => sign == first && glob(more, rest),
        _ => false,
    }
}

fn row_of(method: &str) -> &'static Requirement {
    find(&format!("/milvus.proto.milvus.MilvusService/{method}")).unwrap()
}

fn has_id(requirement: &Requirement) -> bool {
    requirement.conditions.iter().any(|condition| matches!(condition, Condition::Id(_)))
}

/// A request: its row, database and objects.
fn ask(dice: &mut Dice) -> (&'static Requirement, &'static str, Vec<String>) {
    let requirement = match dice.roll(4) {
        0 => &all()[dice.roll(all().len())],
        _ => row_of(dice.pick(&RPCS)),
    };
    let names = ["c1", "c2", "cx", "*", "", "a/b", "c1.x", "ann", "bob", "r1", "public"];
    let count = match requirement.object {
        ObjectSource::Any if has_id(requirement) => dice.roll(2),
        ObjectSource::Any => 0,
        ObjectSource::Field(_) => 1,
        ObjectSource::Nested(_) | ObjectSource::Role(_) => dice.roll(2),
        ObjectSource::Repeated(_) => dice.roll(4),
    };
    let by_id = requirement.object == ObjectSource::Any;
    let name = |dice: &mut Dice| if by_id { "" } else { dice.pick(&names) };
    let objects = (0..count).map(|_| name(dice).to_owned()).collect();
    (requirement, dice.pick(&["default", "db", "dx", "*", "a/b", "xb", "other"]), objects)
}

fn rules(dice: &mut Dice) -> Rules {
    Rules {
        enforced: true,
        open_polling: dice.roll(2) == 0,
        root_needs_role: false,
        open_health: true,
        public_role: dice.roll(2) == 0,
        ghost_roles: dice.roll(2) == 0,
    }
}

fn cases() -> usize {
    std::env::var_os("DECIDE_CASES")
        .map_or(100_000, |value| value.to_str().unwrap().parse().unwrap())
}

fn request<'a>(
    requirement: &'static Requirement,
    database: &'a str,
    objects: &'a [String],
) -> Request<'a> {
    let claims = Claims::default();
    Request { caller: Some("ann"), requirement, database, objects, claims }
}

#[test]
fn what_is_decided_is_what_the_rules_say() {
    let mut dice = Dice(1);
    let (mut yes, mut no) = (0, 0);
    for _ in 0..cases().div_ceil(REQUESTS_PER_STATE) {
        let facts = facts(&mut dice);
        let state = state(&facts);
        for _ in 0..REQUESTS_PER_STATE {
            let rules = rules(&mut dice);
            let (requirement, database, objects) = ask(&mut dice);
            if requirement.conditions.contains(&Condition::IfNamed) {
                continue;
            }
            let request = request(requirement, database, &objects);
            let expected = allowed(&facts, rules, &request);
            let decided = decide(&state, rules, &request).is_allowed();
            let what = (requirement.method, database, &objects);
            assert_eq!(decided, expected, "{what:?} {rules:?} {facts:?}");
            *if decided { &mut yes } else { &mut no } += 1;
        }
    }
    // Neither answer may be the rare one, or little is tested.
    assert!(yes * 20 > no && no * 20 > yes, "{yes} allowed, {no} denied");
}

#[test]
fn a_grant_and_its_revoke_leave_every_decision_as_it_was() {
    let mut dice = Dice(2);
    for _ in 0..cases().div_ceil(REQUESTS_PER_STATE * 4) {
        let facts = facts(&mut dice);
        let before = state(&facts);
        let (name, object_type, object, text) = grant(&mut dice);
        let known = |(a, b, c, _): &&(&str, &str, String, String)| {
            (*a, *b, c) == (name, object_type, &object)
        };
        if facts.grants.iter().any(|one| known(&one)) {
            continue;
        }
        let (row, id) = row(name, object_type, &object);
        let mut after = before.clone();
        for record in [
            Record::Row(row.clone(), id.clone()),
            Record::Privilege(id.clone(), text.as_str().into(), Grantor("root".into())),
        ] {
            after.apply(&Change::Put(record));
        }
        after.settle();
        after.apply(&Change::Delete(RecordKey::Privilege(id, text.as_str().into())));
        if dice.roll(2) == 0 {
            after.apply(&Change::Delete(RecordKey::Row(row)));
        }
        after.settle();
        for _ in 0..REQUESTS_PER_STATE {
            let rules = rules(&mut dice);
            let (requirement, database, objects) = ask(&mut dice);
            let request = request(requirement, database, &objects);
            let [was, is] = [&before, &after].map(|state| decide(state, rules, &request));
            assert_eq!(was.is_allowed(), is.is_allowed(), "{text} on {object}: {facts:?}");
        }
    }
}

#[test]
fn a_grant_on_one_pair_of_names_is_a_grant_on_no_other_pair() {
    let mut dice = Dice(3);
    let signs = ["a", "b", "-", ":", "\0", "|", "é", " ", "default", "\u{1}", "/", "..", "."];
    let word = |dice: &mut Dice| (0..dice.roll(4)).map(|_| dice.pick(&signs)).collect::<String>();
    let rules = Rules { public_role: false, ghost_roles: false, ..rules(&mut dice) };
    let mut met = 0;
    for _ in 0..cases().div_ceil(10) {
        let (database, name) = (word(&mut dice), word(&mut dice));
        let mut state = State::default();
        state.put(Record::Role(role("r1"), Role::default()));
        state.bind("ann", "r1");
        let stored = format!("{database}.{name}");
        state.stored("r1", "Collection", &stored, "PrivilegeInsert");
        let state = state.settled();
        // What the stored text says, whatever the two names were that made it.
        let mut pieces = stored.split('.');
        let on = match (pieces.next().unwrap(), pieces.next().unwrap()) {
            ("", name) => ("default", name),
            pair => pair,
        };
        let joined = word(&mut dice);
        for (a, b) in [(on.0, on.1), (on.1, on.0), (&joined, on.1), (on.0, &joined), (&stored, "")]
        {
            let objects = [b.to_owned()];
            let request = request(row_of("Insert"), a, &objects);
            let decided = decide(&state, rules, &request).is_allowed();
            assert_eq!(decided, (a, b) == on, "{a:?} {b:?}, granted on {stored:?}");
            met += usize::from(decided);
        }
    }
    assert!(met > 0);
}
