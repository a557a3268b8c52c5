//! The decision vectors of `tests/data/decisions.json`, through `decide`, as in `compat: milvus`.

use milvus_rbac::api::denial_text;
use milvus_rbac::policy::{
    Claims, Decision, ObjectSource, Request, Requirement, Rules, decide, find,
};
use milvus_rbac::snapshot::Snapshot;
use serde_json::Value;

use crate::support::state::State;

/// Vectors that need the targets of aliases, which nobody can tell us yet.
const ALIASES: [&str; 1] = ["alias-resolved-when-enabled"];

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn setting(vector: &Value, name: &str, default: bool) -> bool {
    vector["config"][name].as_bool().unwrap_or(default)
}

fn rules(vector: &Value) -> Rules {
    Rules {
        enforced: setting(vector, "authorization_enabled", true),
        open_polling: true,
        root_needs_role: setting(vector, "root_should_bind_role", false),
        open_health: true,
        public_role: true,
        ghost_roles: true,
    }
}

fn state(vector: &Value) -> Snapshot {
    let mut state = State::default();
    for name in ["admin", "public"] {
        state.role(name);
    }
    if setting(vector, "enable_public_privilege", true) {
        state.grant("public", "Global", "*", "*", "DescribeCollection");
        state.grant("public", "Global", "*", "*", "ListAliases");
        state.grant("public", "Collection", "*", "*", "IndexDetail");
    }
    for (name, roles) in vector["users"].as_object().unwrap() {
        state.user(name);
        for role in roles.as_array().unwrap() {
            state.role(role.as_str().unwrap());
            state.bind(name, role.as_str().unwrap());
        }
    }
    for (name, members) in vector["privilege_groups"].as_object().unwrap() {
        let members: Vec<_> =
            members.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        state.group(name, &members);
    }
    for grant in vector["grants"].as_array().unwrap() {
        let [role, database, privilege] = ["role", "db", "privilege"].map(|key| text(grant, key));
        state.role(role);
        if grant.get("collection").is_some() {
            state.grant_v2(role, database, text(grant, "collection"), privilege);
        } else {
            let [object_type, object] = ["object_type", "object"].map(|key| text(grant, key));
            state.grant(role, object_type, database, object, privilege);
        }
    }
    state.settled()
}

/// What the name scanner would read from the request of a check.
fn objects(check: &Value, requirement: &Requirement) -> Vec<String> {
    let names = check["objects"].as_array().unwrap().iter();
    let names: Vec<String> = names.map(|name| name.as_str().unwrap().to_owned()).collect();
    match requirement.object {
        ObjectSource::Any => Vec::new(),
        ObjectSource::Field(_) => vec![names.first().cloned().unwrap_or_default()],
        _ => names,
    }
}

#[test]
fn every_vector_is_decided_as_it_says() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../data/decisions.json")).unwrap();
    let mut checked = 0;
    for vector in &vectors {
        let name = text(vector, "name");
        if ALIASES.contains(&name) {
            continue;
        }
        let check = &vector["check"];
        let path = format!("/milvus.proto.milvus.MilvusService/{}", text(check, "rpc"));
        let requirement = find(&path).unwrap();
        let connection = text(check, "connection_db");
        let or_default =
            |name| *[name, connection, "default"].iter().find(|n| !n.is_empty()).unwrap();
        let in_request = if requirement.database.is_some() { text(check, "db") } else { "" };
        let database = or_default(in_request);
        let target = check.get("new_db").or(check.get("target_db")).and_then(Value::as_str);
        let objects = objects(check, requirement);
        let caller = text(check, "user");
        let request = Request {
            caller: Some(caller),
            requirement,
            database,
            objects: &objects,
            claims: Claims { other_database: target.map(or_default), ..Claims::default() },
        };
        let expected = vector.get("recommended").unwrap_or(&vector["allow"]).as_bool().unwrap();
        match decide(&state(vector), rules(vector), &request) {
            Decision::Allow(permit) => assert!(expected, "{name}: {:?}", permit.ground()),
            Decision::Deny(denial) => {
                assert!(!expected, "{name}: {denial:?}");
                let message = denial_text(&denial, caller, database);
                assert_eq!(message, text(vector, "deny_message"), "{name}");
            }
        }
        checked += 1;
    }
    assert_eq!(checked, 116);
}
