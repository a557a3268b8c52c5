//! The requirement table, held against what Milvus's own definitions say of each RPC.

use std::collections::{BTreeMap, BTreeSet};

use milvus_rbac::model::{Level, ObjectType};
use milvus_rbac::policy::{Home, Need, ObjectSource, Requirement, all, find};
use serde_json::Value;

/// RPCs without an annotation and what they need here: in `documented`, then in `milvus` where
/// it differs. Privileges are written `TYPE:NAME:LEVEL`.
const DECIDED: [(&str, &str, &str); 36] = [
    ("AllocTimestamp", "any", "="),
    ("CalcDistance", "refused", "="),
    ("CheckHealth", "any", "="),
    ("ClientHeartbeat", "any", "="),
    ("ComputePhraseMatchSlop", "any", "="),
    ("Connect", "any", "="),
    ("CreateReplicateStream", "Global:UpdateReplicateConfiguration:Cluster", "="),
    ("DeleteClientCommand", "root", "="),
    ("DescribePrewarmTask", "Collection:Load:Collection", "any"),
    ("DescribeSegmentIndexData", "Collection:GetStatistics:Collection", "="),
    ("Dummy", "refused", "="),
    ("DumpMessages", "Global:ManageOwnership:Cluster", "="),
    ("GetClientTelemetry", "root", "="),
    ("GetCompactionState", "Collection:Compaction:Collection", "any"),
    ("GetCompactionStateWithPlans", "Collection:Compaction:Collection", "any"),
    ("GetComponentStates", "any", "="),
    ("GetFlushAllState", "Global:FlushAll:Cluster", "any"),
    ("GetImportState", "Collection:Import:Collection", "any"),
    ("GetMetrics", "Global:SelectOwnership:Cluster", "any"),
    ("GetPersistentSegmentInfo", "Collection:GetStatistics:Collection", "="),
    ("GetQuerySegmentInfo", "Collection:GetStatistics:Collection", "="),
    (
        "GetRefreshExternalCollectionProgress",
        "Collection:RefreshExternalCollection:Collection",
        "any",
    ),
    ("GetReplicas", "Collection:GetLoadState:Collection", "="),
    ("GetReplicateInfo", "Global:GetReplicateConfiguration:Cluster", "="),
    ("GetRestoreSnapshotState", "Collection:RestoreSnapshot:Collection", "any"),
    ("GetVersion", "any", "="),
    ("HasCollection", "Global:DescribeCollection:Collection", "="),
    ("ListDatabases", "filtered", "="),
    ("ListImportTasks", "Collection:ListImport:Collection", "="),
    ("ListIndexedSegment", "Collection:GetStatistics:Collection", "="),
    ("ListRefreshExternalCollectionJobs", "Collection:RefreshExternalCollection:Collection", "any"),
    ("PushClientCommand", "root", "="),
    ("RegisterLink", "refused", "="),
    ("ReplicateMessage", "Global:UpdateReplicateConfiguration:Cluster", "="),
    ("RunAnalyzer", "Collection:Search:Collection", "="),
    ("ShowCollections", "filtered", "="),
];

/// Requests that poll work which may span collections: they are checked on all of them (`*`),
/// even where they name one.
const CHECKED_ON_ALL: [&str; 1] = ["ListRefreshExternalCollectionJobs"];

/// Requests that have learnt to name a database (field) and a collection (field) since.
const NAMES_SINCE: [(&str, u32, u32); 1] = [("GetCompactionStateWithPlans", 2, 3)];

fn names_since(method: &str) -> Option<(u32, u32)> {
    NAMES_SINCE.iter().find(|since| since.0 == method).map(|since| (since.1, since.2))
}

/// What is neither Milvus's service nor its telemetry.
const OTHERS: [(&str, bool, Need); 5] = [
    ("/grpc.health.v1.Health/Check", false, Need::Health),
    ("/grpc.health.v1.Health/List", false, Need::AnyUser),
    ("/grpc.health.v1.Health/Watch", true, Need::Health),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", true, Need::AnyUser),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", true, Need::AnyUser),
];

fn facts() -> Vec<Value> {
    let text = include_str!("../data/privileges.json");
    let facts: Value = serde_json::from_str(text).unwrap();
    facts["rpcs"].as_array().unwrap().clone()
}

fn path(fact: &Value) -> String {
    let (service, rpc) = (fact["service"].as_str().unwrap(), fact["rpc"].as_str().unwrap());
    format!("/milvus.proto.milvus.{service}/{rpc}")
}

fn number(value: &Value) -> Option<u32> {
    value.as_i64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
}

fn level(name: &str) -> Level {
    match name {
        "Cluster" => Level::Cluster,
        "Database" => Level::Database,
        "Collection" => Level::Collection,
        other => panic!("no level: {other}"),
    }
}

fn object_type(name: &str) -> ObjectType {
    ObjectType::from_name(name).unwrap()
}

/// The object that Milvus's annotation names.
fn annotated_object(fact: &Value) -> ObjectSource {
    let nested = fact["object_name_field_type"].as_str().is_some_and(|t| t.starts_with("message"));
    match (number(&fact["object_name_index"]), number(&fact["object_name_indexs"])) {
        (Some(field), None) if nested => ObjectSource::Nested(field),
        (Some(field), None) => ObjectSource::Field(field),
        (None, Some(field)) => ObjectSource::Repeated(field),
        (None, None) => ObjectSource::Any,
        both => panic!("{fact}: {both:?}"),
    }
}

#[test]
fn every_rpc_of_milvus_has_one_row_and_there_are_no_other_rows() {
    let facts: BTreeSet<String> = facts().iter().map(path).collect();
    assert_eq!(facts.len(), 153);
    let others = OTHERS.iter().map(|(path, ..)| (*path).to_owned());
    let expected: Vec<String> =
        facts.into_iter().chain(others).collect::<BTreeSet<_>>().into_iter().collect();
    let rows: Vec<String> = all().iter().map(|row| row.path.to_owned()).collect();
    assert_eq!(rows, expected);
    for row in all() {
        assert_eq!(row.path, format!("/{}/{}", row.service, row.method));
    }
}

#[test]
fn an_annotated_rpc_needs_what_its_annotation_says_in_both_modes() {
    let mut seen = 0;
    for fact in facts() {
        let Some(privilege) = fact["privilege"].as_str() else { continue };
        seen += 1;
        let row = find(&path(&fact)).unwrap();
        let Need::Privilege { object_type: kind, privilege: needed, level: reach } = row.documented
        else {
            panic!("{}: {:?}", row.method, row.documented);
        };
        assert_eq!(needed.name(), privilege, "{}", row.method);
        assert_eq!(kind, object_type(fact["object_type"].as_str().unwrap()), "{}", row.method);
        let expected = fact["privilege_level"].as_str().map_or(Level::None, level);
        assert_eq!(reach, expected, "{}", row.method);
        let everywhere = fact["checked_database"] == "*";
        assert_eq!(reach == Level::Cluster, everywhere, "{}", row.method);
        assert_eq!(row.milvus, row.documented, "{}", row.method);
        // Not annotated, but asked: a caller may look at the roles that they hold.
        let role = (row.method == "SelectGrant").then_some(ObjectSource::Role(2));
        let object = role.unwrap_or_else(|| annotated_object(&fact));
        assert_eq!(row.object, object, "{}", row.method);
    }
    assert_eq!(seen, 117);
}

#[test]
fn every_row_knows_where_its_database_stands_and_whether_it_streams() {
    for fact in facts() {
        let row = find(&path(&fact)).unwrap();
        let since = names_since(row.method).map(|(database, _)| database);
        assert_eq!(row.database, number(&fact["db_name_field"]).or(since), "{}", row.method);
        let streaming = fact["client_streaming"] == true || fact["server_streaming"] == true;
        assert_eq!(row.streaming, streaming, "{}", row.method);
    }
}

fn written(need: Need) -> String {
    match need {
        Need::AnyUser => "any".to_owned(),
        Need::Filtered => "filtered".to_owned(),
        Need::RootOnly => "root".to_owned(),
        Need::Refused => "refused".to_owned(),
        Need::Health => "health".to_owned(),
        Need::Privilege { object_type, privilege, level } => {
            format!("{object_type:?}:{}:{level:?}", privilege.name())
        }
    }
}

#[test]
fn an_rpc_without_annotation_needs_what_was_decided_for_it() {
    let decided: BTreeMap<_, _> = DECIDED.iter().map(|(rpc, a, b)| (*rpc, (*a, *b))).collect();
    let mut bare = BTreeSet::new();
    for fact in facts().iter().filter(|fact| fact["privilege"].is_null()) {
        let row: &Requirement = find(&path(fact)).unwrap();
        bare.insert(row.method);
        let (documented, milvus) = decided[row.method];
        assert_eq!(written(row.documented), documented, "{}", row.method);
        let milvus = if milvus == "=" { documented } else { milvus };
        assert_eq!(written(row.milvus), milvus, "{}", row.method);

        let on_collection = documented.starts_with("Collection:");
        let since = names_since(row.method).map(|(_, collection)| collection);
        let named = number(&fact["collection_name_field"]).or(since);
        let object = match named {
            Some(field) if on_collection && !CHECKED_ON_ALL.contains(&row.method) => {
                ObjectSource::Field(field)
            }
            _ => ObjectSource::Any,
        };
        assert_eq!(row.object, object, "{}", row.method);
    }
    assert_eq!(bare, decided.keys().copied().collect());
}

#[test]
fn health_is_open_to_all_and_reflection_to_every_user() {
    for (path, streaming, need) in OTHERS {
        let row = find(path).unwrap();
        assert_eq!((row.streaming, row.documented, row.milvus), (streaming, need, need), "{path}");
        assert_eq!((row.database, row.object), (None, ObjectSource::Any), "{path}");
    }
}

/// Privileges that only calls about users, roles and grants need. `Ownership` is Milvus's word for
/// them; two calls that are not about them borrow such a privilege and have no annotation.
fn is_about_users(privilege: &str) -> bool {
    ["Ownership", "User", "PrivilegeGroup", "PrivilegeGroups", "RBAC"]
        .iter()
        .any(|word| privilege.ends_with(word))
}

#[test]
fn what_is_about_users_roles_and_grants_is_never_an_upstreams_and_all_else_is() {
    let mut here = 0;
    for fact in facts() {
        let row = find(&path(&fact)).unwrap();
        let about_users = fact["privilege"].as_str().is_some_and(is_about_users);
        here += usize::from(about_users);
        let home = if about_users { Home::Here } else { Home::Data };
        assert_eq!(row.home, home, "{}", row.method);
    }
    // Four about credentials, six about roles, three about grants, four about groups, two about
    // backups, four about tags.
    assert_eq!(here, 4 + 6 + 3 + 4 + 2 + 4);
    for (path, ..) in OTHERS {
        assert_eq!(find(path).unwrap().home, Home::Here, "{path}");
    }
}

#[test]
fn what_this_package_answers_is_its_own_but_for_what_any_server_says_of_itself() {
    let served = all().iter().filter(|row| row.served && row.home == Home::Data);
    let served: Vec<&str> = served.map(|row| row.method).collect();
    let expected = [
        "AllocTimestamp",
        "CheckHealth",
        "Connect",
        "DescribeDatabase",
        "GetComponentStates",
        "GetVersion",
        "ListDatabases",
    ];
    assert_eq!(served, expected);
    // Nothing that changes users or roles is left to be refused as unknown by mistake.
    let unserved = all().iter().filter(|row| !row.served && row.home == Home::Here);
    let unserved: Vec<&str> = unserved.map(|row| row.method).collect();
    assert_eq!(
        unserved,
        ["List", "AddUserTags", "DeleteUserTags", "GetUserTags", "ListUsersWithTag"]
    );
}

#[test]
fn every_request_that_names_a_user_or_role_stays_here() {
    let lines = include_str!("../data/request_fields.txt").lines();
    let mut named = 0;
    for line in lines.filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split_whitespace().collect();
        if let [method, _, _, "user" | "role"] = columns[..] {
            let row = find(&format!("/milvus.proto.milvus.MilvusService/{method}")).unwrap();
            assert_eq!(row.home, Home::Here, "{method}");
            named += 1;
        }
    }
    assert!(named > 8, "{named}");
}
