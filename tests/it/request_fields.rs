//! Every field of a request that names a user, role, database, collection or alias, or that waives
//! a check, has a rule in the requirement table, or stands in the data file with the reason why it
//! needs none.

use std::collections::BTreeSet;

use milvus_rbac::model::Level;
use milvus_rbac::policy::{Condition, Need, ObjectSource, Requirement, all, find};

const FIELDS: &str = include_str!("../data/request_fields.txt");
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
        Condition::Crossing(number) | Condition::Binlogs(number) | Condition::Id(number) => {
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
                | Condition::Binlogs(number)
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
