//! Every field of a request that names a user, role, database, collection or alias, or that waives
//! a check, has a rule in the requirement table, or stands in the data file with the reason why it
//! needs none.

use std::collections::{BTreeMap, BTreeSet};

use milvus_rbac::model::Level;
use milvus_rbac::policy::{Condition, Home, Need, ObjectSource, Requirement, all, find};

const FIELDS: &str = include_str!("../data/request_fields.txt");
const PUBLISHED: &str = include_str!("../data/request_fields.json");
const SERVICE: &str = "milvus.proto.milvus.MilvusService";

/// A line of the data file.
struct Field {
    method: &'static str,
    number: u32,
    name: &'static str,
    kind: &'static str,
    /// Why it has no rule.
    reason: &'static str,
}

fn fields() -> Vec<Field> {
    let lines = FIELDS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (columns, reason) = line.split_once(';').unwrap_or((line, ""));
            let columns: Vec<&str> = columns.split_whitespace().collect();
            let [method, number, name, kind] = columns[..] else { panic!("{line}") };
            Field { method, number: number.parse().unwrap(), name, kind, reason: reason.trim() }
        })
        .collect()
}

fn row(method: &str) -> &'static Requirement {
    find(&format!("/{SERVICE}/{method}")).unwrap_or_else(|| panic!("no row for {method}"))
}

/// Whether the table has a rule for the field.
fn has_rule(field: &Field) -> bool {
    let row = row(field.method);
    let by_condition = row.conditions.iter().any(|condition| match *condition {
        Condition::Base => field.number == 1,
        Condition::RowSecurity(one, other) => field.number == one || field.number == other,
        Condition::Crossing(number) | Condition::ImportOptions(number) | Condition::Id(number) => {
            field.number == number
        }
        Condition::RowSecurityProperties { properties, removed, collection } => {
            [properties, removed, collection].contains(&field.number)
        }
        Condition::IfNamed => false,
    });
    if by_condition || matches!(row.documented, Need::RootOnly | Need::Refused) {
        return true;
    }
    match field.kind {
        "database" => {
            // In the database `*` every name is covered.
            let cluster = matches!(row.documented, Need::Privilege { level: Level::Cluster, .. });
            row.database == Some(field.number) || cluster
        }
        "waiver" => false,
        _ => match row.object {
            // A privilege on `*` is one on whatever the field names.
            ObjectSource::Any => matches!(row.documented, Need::Privilege { .. }),
            ObjectSource::Field(number)
            | ObjectSource::Nested(number)
            | ObjectSource::Repeated(number)
            | ObjectSource::Role(number) => field.number == number,
        },
    }
}

#[test]
fn every_field_that_names_something_or_waives_a_check_has_a_rule_or_a_reason() {
    for field in fields() {
        let (has_rule, reason) = (has_rule(&field), field.reason);
        let Field { method, number, name, .. } = field;
        assert!(has_rule || !reason.is_empty(), "{method} {number} {name} has no rule");
        assert!(!has_rule || reason.is_empty(), "{method} {number} {name} has a rule after all");
    }
}

#[test]
fn every_field_that_the_table_reads_stands_in_the_list() {
    let listed: BTreeSet<(&str, u32)> =
        fields().iter().map(|field| (field.method, field.number)).collect();
    for row in all().iter().filter(|row| row.service == SERVICE) {
        let object = match row.object {
            ObjectSource::Any => None,
            ObjectSource::Field(number)
            | ObjectSource::Nested(number)
            | ObjectSource::Repeated(number)
            | ObjectSource::Role(number) => Some(number),
        };
        let mut read: Vec<u32> = row.database.into_iter().chain(object).collect();
        for condition in row.conditions {
            match *condition {
                Condition::Base => read.push(1),
                Condition::RowSecurity(one, other) => read.extend([one, other]),
                Condition::Crossing(number)
                | Condition::ImportOptions(number)
                | Condition::Id(number) => {
                    read.push(number);
                }
                Condition::RowSecurityProperties { properties, removed, collection } => {
                    read.extend([properties, removed, collection]);
                }
                Condition::IfNamed => {}
            }
        }
        for number in read {
            assert!(listed.contains(&(row.method, number)), "{} {number}", row.method);
        }
    }
}

/// RPCs that no published interface has yet.
const UNPUBLISHED: [&str; 5] = [
    "DeleteRLSPrincipalTags",
    "GetRLSPrincipalTags",
    "ListRLSPrincipals",
    "SetRLSPrincipalTags",
    "UpdateRowPolicy",
];

/// Words in the names of fields that name something that is decided on.
const NAMING: [&str; 8] =
    ["db", "database", "collection", "alias", "user", "role", "principal", "rls"];

/// Name and type of each field of a message, by its number.
type Published = BTreeMap<u32, (String, String)>;

/// The requests of the published interface by RPC, and the messages in them by name.
#[derive(serde::Deserialize)]
struct Interface {
    requests: BTreeMap<String, Published>,
    messages: BTreeMap<String, Published>,
}

fn interface() -> Interface {
    serde_json::from_str(PUBLISHED).unwrap()
}

fn rows() -> impl Iterator<Item = &'static Requirement> {
    all().iter().filter(|row| row.service == SERVICE)
}

/// The fields that a row reads: number, what may stand in its name, and its type.
fn read_by(row: &'static Requirement) -> Vec<(u32, &'static [&'static str], &'static str)> {
    let mut read: Vec<(u32, &[&str], &str)> = Vec::new();
    read.extend(row.database.map(|number| (number, &["db_name", "dbName"][..], "string")));
    match row.object {
        ObjectSource::Any => {}
        ObjectSource::Field(number) => read.push((number, &["ollection", "user"], "string")),
        ObjectSource::Repeated(number) => read.push((number, &["collection"], "repeated string")),
        ObjectSource::Nested(number) => read.push((number, &["user"], "UserEntity")),
        ObjectSource::Role(number) => read.push((number, &["entity"], "GrantEntity")),
    }
    for condition in row.conditions {
        match *condition {
            Condition::Base => read.push((1, &["base"], "MsgBase")),
            Condition::Crossing(number) => read.push((number, &["newDBName", "db_name"], "string")),
            Condition::Id(number) => read.push((number, &["ID", "_id"], "int64")),
            Condition::ImportOptions(number) => {
                read.push((number, &["options"], "repeated KeyValuePair"));
            }
            Condition::RowSecurityProperties { properties, removed, collection } => read.extend([
                (properties, &["properties"][..], "repeated KeyValuePair"),
                (removed, &["delete_keys"], "repeated string"),
                (collection, &["collection_name"], "string"),
            ]),
            Condition::RowSecurity(..) | Condition::IfNamed => {}
        }
    }
    read
}

#[test]
fn every_number_in_the_table_is_that_of_the_published_interface() {
    let interface = interface();
    let mut checked = 0;
    for row in rows() {
        let Some(request) = interface.requests.get(row.method) else { continue };
        for (number, words, kind) in read_by(row) {
            let (name, published) = &request[&number];
            assert_eq!(published, kind, "{} {number} {name}", row.method);
            let named = words.iter().any(|word| name.contains(word));
            assert!(named, "{} {number} {name} is none of {words:?}", row.method);
            checked += 1;
        }
    }
    assert!(checked > 280, "{checked}");
}

#[test]
fn what_no_published_interface_has_is_known_to_be_a_guess() {
    let interface = interface();
    let missing: Vec<&str> = rows()
        .map(|row| row.method)
        .filter(|method| !interface.requests.contains_key(*method))
        .collect();
    assert_eq!(missing, UNPUBLISHED);
    for row in rows() {
        for condition in row.conditions {
            if let Condition::RowSecurity(one, other) = *condition {
                let last = *interface.requests[row.method].keys().next_back().unwrap();
                let guess = [one, other].map(|number| number > last);
                assert_eq!(guess, [true, true], "{}: they can be verified now", row.method);
                assert_eq!((one, other), (last + 1, last + 2), "{}", row.method);
            }
        }
    }
}

#[test]
fn the_list_has_the_names_of_the_published_interface() {
    let interface = interface();
    for field in fields().iter().filter(|field| !UNPUBLISHED.contains(&field.method)) {
        if ["rls_principal", "skip_rls"].contains(&field.name) {
            continue;
        }
        let outer = field.name.split('.').next().unwrap();
        let published = interface.requests[field.method].get(&field.number);
        let name = published.map(|(name, _)| name.as_str());
        assert_eq!(name, Some(outer), "{} {}", field.method, field.number);
    }
}

#[test]
fn whatever_a_request_to_an_upstream_can_name_stands_in_the_list() {
    let interface = interface();
    let listed: BTreeSet<(&str, u32)> =
        fields().iter().map(|field| (field.method, field.number)).collect();
    let names = |name: &str| NAMING.iter().any(|word| name.to_lowercase().contains(word));
    for row in rows().filter(|row| row.home == Home::Data) {
        let request = interface.requests.get(row.method).into_iter().flatten();
        for (number, (name, kind)) in request {
            let inner = interface.messages.get(kind.trim_start_matches("repeated "));
            let within = inner.is_some_and(|fields| fields.values().any(|(name, _)| names(name)));
            let base = kind == "MsgBase";
            if names(name) || within || base {
                assert!(listed.contains(&(row.method, *number)), "{} {number} {name}", row.method);
            }
        }
    }
}
