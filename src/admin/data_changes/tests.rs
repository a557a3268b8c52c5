//! Grants follow collections and databases: by example, and on random states against the rule
//! written down as plainly as possible.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::model::{PrivilegeGroup, Record, Revision, Role, RoleName};
use crate::snapshot::StoredGrant;

/// Role, type, database, name and privilege of a grant.
type Fact = (String, String, String, String, String);
/// Who made each grant; there are several where a privilege stands in several rows of one object.
type Facts = BTreeMap<Fact, BTreeSet<String>>;

fn place(database: &str, name: &str) -> Place {
    Place::new(database, name)
}

fn row(role: &str, object_type: &str, object: &str) -> ObjectRow {
    let role = RoleName::new(role).unwrap();
    ObjectRow { role, object_type: object_type.into(), object: object.into() }
}

fn held(id: &str, privilege: &str, by: &str) -> Record {
    Record::Privilege(GrantId(id.into()), privilege.into(), Grantor(by.into()))
}

/// A row of its own with these privileges.
fn granted(role: &str, object_type: &str, object: &str, privileges: &[&str]) -> Vec<Record> {
    let row = row(role, object_type, object);
    let id = row.grant_id();
    let mut records = vec![Record::Row(row, id.clone())];
    records.extend(privileges.iter().map(|privilege| held(&id.0, privilege, "ann")));
    records
}

fn state(records: impl IntoIterator<Item = Record>) -> Snapshot {
    Snapshot::from_records(Revision(1), records, Arc::default())
}

fn applied(state: &Snapshot, changes: &[Change]) -> Snapshot {
    let mut state = state.clone();
    for change in changes {
        state.apply(change);
    }
    state.settle();
    state
}

/// What is granted, read from the records: the first two parts of an object count.
fn facts(state: &Snapshot) -> Facts {
    let records: Vec<Record> = state.records().collect();
    let mut facts = Facts::new();
    for record in &records {
        let Record::Row(row, id) = record else { continue };
        let mut parts = row.object.split('.');
        let (first, second) = (parts.next().unwrap(), parts.next());
        let database = if second.is_none() || first.is_empty() { "default" } else { first };
        let name = second.unwrap_or(first);
        for record in &records {
            if let Record::Privilege(at, privilege, by) = record
                && at == id
            {
                let text = |text: &str| text.to_owned();
                let (role, object_type) = (row.role.to_string(), text(&row.object_type));
                let fact = (role, object_type, text(database), text(name), text(privilege));
                facts.entry(fact).or_default().insert(text(&by.0));
            }
        }
    }
    facts
}

fn follows(fact: &Fact, from: &Place) -> bool {
    let (_, object_type, database, name, privilege) = fact;
    let group = ["PrivilegeGroupg", "PrivilegeGroupCollectionReadOnly"].contains(&&**privilege);
    *database == from.database
        && *name == from.name
        && (object_type == "Collection" || (object_type == "Global" && group))
}

fn drop_of(state: &Snapshot, place: &Place) -> Snapshot {
    applied(state, &removal(state, place).changes)
}

fn names(state: &Snapshot) -> Vec<String> {
    let name = |(role, object_type, database, name, privilege): Fact| {
        format!("{role} {object_type} {database}.{name} {privilege}")
    };
    facts(state).into_keys().map(name).collect()
}

#[test]
fn a_dropped_collection_takes_the_grants_on_its_name_and_no_pattern() {
    let kept = [
        granted("r", "Collection", "default.*", &["PrivilegeSearch"]),
        granted("r", "Collection", "default.c*", &["PrivilegeSearch"]),
        granted("r", "Collection", "*.c", &["PrivilegeSearch"]),
        granted("r", "Collection", "db.c", &["PrivilegeSearch"]),
        granted("r", "Collection", "default.c1", &["PrivilegeSearch"]),
        granted("r", "Collection", "default.C", &["PrivilegeSearch"]),
        granted("r", "User", "default.c", &["PrivilegeUpdateUser"]),
        granted("r", "Global", "default.c", &["PrivilegeCreateCollection", "PrivilegeGroupAdmin"]),
    ]
    .concat();
    let gone = [
        granted("r", "Collection", "default.c", &["PrivilegeSearch", "*"]),
        granted("r", "Collection", "c", &["PrivilegeInsert"]),
        granted("r", "Collection", ".c", &["PrivilegeLoad"]),
        granted("r", "Collection", "default.c.x", &["PrivilegeLoad"]),
        granted("nobody", "Collection", "default.c", &["PrivilegeGroupReadOnly"]),
    ]
    .concat();
    let before = state([kept.clone(), gone].concat());
    let after = drop_of(&before, &place("", "c"));
    assert_eq!(names(&after), names(&state(kept.clone())));
    assert_eq!(after.records().count(), kept.len(), "nothing is left under an id");
    assert!(removal(&after, &place("default", "c")).changes.is_empty());
}

#[test]
fn groups_that_were_granted_on_the_collection_go_with_it_and_what_is_about_the_database_stays() {
    let privileges =
        ["PrivilegeGroupCollectionReadOnly", "PrivilegeGroupg", "PrivilegeCreateCollection"];
    let mixed = state(granted("r", "Global", "db.c", &privileges));
    let after = drop_of(&mixed, &place("db", "c"));
    assert_eq!(names(&after), ["r Global db.c PrivilegeCreateCollection"]);
    let groups = state(granted("r", "Global", "db.c", &privileges[..2]));
    assert_eq!(drop_of(&groups, &place("db", "c")).records().count(), 0);
}

#[test]
fn a_later_collection_of_the_same_name_starts_without_rights() {
    let search = |state: &Snapshot| -> Option<Arc<StoredGrant>> {
        let search = Privilege::from_name("Search").unwrap();
        state.policy_of("r").unwrap().find(search, "default", "c").cloned()
    };
    let group = PrivilegeGroup { name: "g".into(), privileges: vec!["Search".into()] };
    for spelling in ["c", ".c", "default.c", "default.c.x"] {
        for (object_type, privilege) in [
            ("Collection", "PrivilegeSearch"),
            ("Global", "PrivilegeGroupg"),
            ("Global", "PrivilegeGroupCollectionReadOnly"),
        ] {
            let mut records = granted("r", object_type, spelling, &[privilege]);
            records.push(Record::Role(RoleName::new("r").unwrap(), Role::default()));
            records.push(Record::Group(group.clone()));
            let before = state(records);
            assert!(search(&before).is_some(), "{spelling} {privilege}");
            assert!(search(&drop_of(&before, &place("default", "c"))).is_none(), "{spelling}");
        }
    }
}

#[test]
fn a_renamed_collection_takes_its_grants_along_and_joins_what_the_new_name_has() {
    let before = state(
        [
            granted("r", "Collection", "default.old", &["PrivilegeSearch", "PrivilegeInsert"]),
            granted("r", "Global", "default.old", &["PrivilegeGroupg"]),
            granted("s", "Collection", "old", &["PrivilegeLoad"]),
            vec![Record::Row(row("r", "Collection", "db.new"), GrantId("1".into()))],
            vec![held("1", "PrivilegeSearch", "first")],
        ]
        .concat(),
    );
    let (from, to) = (place("default", "old"), place("db", "new"));
    let after = applied(&before, &moving(&before, &from, &to));
    assert_eq!(
        names(&after),
        [
            "r Collection db.new PrivilegeInsert",
            "r Collection db.new PrivilegeSearch",
            "r Global db.new PrivilegeGroupg",
            "s Collection db.new PrivilegeLoad",
        ]
    );
    let by = |state: &Snapshot, privilege: &str| -> String {
        state.grants().grantor_of(&GrantId("1".into()), privilege).unwrap().0.to_string()
    };
    assert_eq!((by(&after, "PrivilegeSearch"), by(&after, "PrivilegeInsert")), {
        ("first".to_owned(), "ann".to_owned())
    });
    assert!(moving(&after, &from, &to).is_empty());
    assert!(moving(&after, &to, &to).is_empty());
    // Back again, to a name under which something was left.
    let back = applied(&after, &moving(&after, &to, &from));
    assert_eq!(names(&back).len(), 4);
}

#[test]
fn what_stood_under_the_new_name_in_earlier_times_does_not_come_back_with_it() {
    let id = row("r", "Collection", "default.new").grant_id();
    let mut records = granted("r", "Collection", "default.old", &["PrivilegeSearch"]);
    records.push(held(&id.0, "PrivilegeDropCollection", "ann"));
    let before = state(records);
    let changes = moving(&before, &place("", "old"), &place("", "new"));
    assert_eq!(names(&applied(&before, &changes)), ["r Collection default.new PrivilegeSearch"]);
}

#[test]
fn grants_do_not_move_to_a_name_that_would_be_read_as_more_than_the_collection() {
    let before = state(granted("r", "Collection", "default.old", &["PrivilegeSearch"]));
    for to in ["*", "n*", "n?", "[n]", "n\\", "a.b", "a/b", ""] {
        for to in [place("default", to), place(to, "new")] {
            let after = applied(&before, &moving(&before, &place("default", "old"), &to));
            // An empty database is `default`.
            let expected = usize::from(to == place("default", "new"));
            assert_eq!(names(&after).len(), expected, "{to:?}");
        }
    }
    // Nor does anything follow such a name.
    let patterns = state(
        ["default.*", "default.c*", "*.c", "default."]
            .map(|object| granted("r", "Collection", object, &["PrivilegeSearch"]))
            .concat(),
    );
    for from in [place("default", "*"), place("default", "c*"), place("*", "c"), place("", "")] {
        assert!(removal(&patterns, &from).changes.is_empty(), "{from:?}");
        assert!(moving(&patterns, &from, &place("db", "new")).is_empty(), "{from:?}");
    }
    assert!(patterns.grants().rows_in("*").is_empty());
}

#[test]
fn a_dropped_database_takes_all_grants_in_it_of_all_types() {
    let before = state(
        [
            granted("r", "Collection", "db.c", &["PrivilegeSearch"]),
            granted("r", "Global", "db.*", &["PrivilegeGroupDatabaseAdmin"]),
            granted("r", "User", "db.ann", &["PrivilegeUpdateUser"]),
            granted("s", "Odd", "db.c.x", &["PrivilegeSearch"]),
            granted("s", "Global", "*.*", &["PrivilegeAll"]),
            granted("s", "Collection", "db1.c", &["PrivilegeSearch"]),
            granted("s", "Collection", "d*.c", &["PrivilegeSearch"]),
            granted("s", "Collection", "db", &["PrivilegeSearch"]),
        ]
        .concat(),
    );
    let gone = |database: &str| {
        let grants = before.grants();
        applied(&before, &grants.removal_of_rows(&grants.rows_in(database)))
    };
    assert_eq!(
        names(&gone("db")),
        [
            "s Collection d*.c PrivilegeSearch",
            "s Collection db1.c PrivilegeSearch",
            "s Collection default.db PrivilegeSearch",
            "s Global *.* PrivilegeAll",
        ]
    );
    assert!(!names(&gone("default")).contains(&"s Collection default.db PrivilegeSearch".into()));
}

const OBJECTS: [&str; 15] = [
    "c",
    "d",
    ".c",
    "default.c",
    "default.c.x",
    "default.d",
    "db.c",
    "db.c.y",
    "db.d",
    "db.*",
    "*.c",
    "*.*",
    "default.c*",
    "c1",
    "c.",
];
const PRIVILEGES: [&str; 8] = [
    "PrivilegeSearch",
    "PrivilegeInsert",
    "PrivilegeCreateCollection",
    "PrivilegeAll",
    "PrivilegeGroupg",
    "PrivilegeGroupCollectionReadOnly",
    "PrivilegeGroupAdmin",
    "*",
];

/// A row with a random id: its own, that of another row, or one of a few that are shared.
fn any_row() -> impl Strategy<Value = Record> {
    let role = prop::sample::select(vec!["r1", "r2", "r3"]);
    let object_type =
        prop::sample::select(vec!["Collection", "Collection", "Global", "User", "Odd"]);
    let object = || prop::sample::select(OBJECTS.to_vec());
    (role, object_type, object(), object(), 0..6_u8).prop_map(|(role, of, object, other, id)| {
        let id = match id {
            0 | 1 => row(role, of, object).grant_id(),
            2 => row(role, of, other).grant_id(),
            shared => GrantId(shared.to_string().into()),
        };
        Record::Row(row(role, of, object), id)
    })
}

fn any_state() -> impl Strategy<Value = Snapshot> {
    let privilege = prop::sample::select(PRIVILEGES.to_vec());
    let held_by = (any::<prop::sample::Index>(), privilege, 0..3_u8, any::<bool>());
    let rows = prop::collection::vec(any_row(), 1..14);
    (rows, prop::collection::vec(held_by, 0..30)).prop_map(|(rows, privileges)| {
        let ids: Vec<GrantId> = rows
            .iter()
            .filter_map(
                |record| if let Record::Row(_, id) = record { Some(id.clone()) } else { None },
            )
            .collect();
        let privileges = privileges.into_iter().map(|(at, privilege, by, left)| {
            // Some were left under the id of a row that is not there.
            let left_over = row("r1", "Collection", OBJECTS[at.index(OBJECTS.len())]).grant_id();
            let id = if left { left_over } else { at.get(&ids).clone() };
            held(&id.0, privilege, &by.to_string())
        });
        state(rows.clone().into_iter().chain(privileges))
    })
}

fn any_place() -> impl Strategy<Value = Place> {
    let database = prop::sample::select(vec!["default", "db", "*"]);
    let name = prop::sample::select(vec!["c", "d", "c*", "c.x"]);
    (database, name).prop_map(|(database, name)| place(database, name))
}

fn is_name(place: &Place) -> bool {
    place.can_be_granted_on()
}

proptest! {
    #[test]
    fn a_drop_does_what_the_plain_rule_says(before in any_state(), from in any_place()) {
        let mut expected = facts(&before);
        if is_name(&from) {
            expected.retain(|fact, _| !follows(fact, &from));
        }
        let after = drop_of(&before, &from);
        prop_assert_eq!(facts(&after), expected);
        prop_assert!(removal(&after, &from).taken.is_empty());
    }

    #[test]
    fn a_rename_does_what_the_plain_rule_says(
        before in any_state(),
        from in any_place(),
        to in any_place(),
    ) {
        let mut expected = facts(&before);
        let moves = is_name(&from) && from != to;
        let leaving: Facts = facts(&before)
            .into_iter()
            .filter(|(fact, _)| moves && follows(fact, &from))
            .collect();
        expected.retain(|fact, _| !leaving.contains_key(fact));
        let mut arriving = Facts::new();
        for ((role, object_type, _, _, privilege), by) in leaving {
            let fact = (role, object_type, to.database.clone(), to.name.clone(), privilege);
            if is_name(&to) && !expected.contains_key(&fact) {
                arriving.insert(fact, by);
            }
        }
        let after = facts(&applied(&before, &moving(&before, &from, &to)));
        for (fact, by) in &after {
            match (expected.get(fact), arriving.get(fact)) {
                // Of odd spellings, such as `.c`, a grant is not aware, and makes another row.
                (Some(stays), _) => prop_assert!(stays.is_subset(by)),
                // Where two rows of one object were joined, one of their grantors stays.
                (None, Some(one_of)) => prop_assert!(by.len() == 1 && by.is_subset(one_of)),
                (None, None) => prop_assert!(false, "{:?} came from nowhere", fact),
            }
        }
        prop_assert_eq!(after.len(), expected.len() + arriving.len());
    }

    #[test]
    fn a_dropped_database_does_what_the_plain_rule_says(
        before in any_state(),
        database in prop::sample::select(vec!["default", "db", "*", "other"]),
    ) {
        let mut expected = facts(&before);
        expected.retain(|(_, _, of, _, _), _| of != database || database == "*");
        let grants = before.grants();
        let after = applied(&before, &grants.removal_of_rows(&grants.rows_in(database)));
        prop_assert_eq!(facts(&after), expected);
        prop_assert!(after.grants().rows_in(database).is_empty());
    }
}
