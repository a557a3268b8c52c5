//! What the server grants by itself: the defaults of `public`, and roles of the configuration.

use milvus_rbac::config::{Compat, Environment, FixedEnvironment, Flags, StoreSetting, load};
use milvus_rbac::model::BuiltinGroups;
use milvus_rbac::proto::milvus as pb;

use super::client::*;
use crate::support::{ROOT, TestServer, settings};

const DEFAULTS: [&str; 3] =
    ["Collection *.* IndexDetail", "Global *.* DescribeCollection", "Global *.* ListAliases"];

#[tokio::test]
async fn public_has_its_defaults_in_milvus_and_gets_them_back_at_each_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(Compat::Milvus);
    settings.store = StoreSetting::Sled(directory.path().join("data"));
    let server = TestServer::with(settings.clone()).await;
    let root = server.grpc(ROOT).await;
    assert_eq!(grants_of(&root, "public").await, DEFAULTS);
    succeeded(&operate_v2(&root, "public", "ListAliases", ("*", "*"), 1).await);
    succeeded(&operate_v2(&root, "public", "Search", ("*", "*"), 0).await);
    server.stop().await;

    let revision = {
        let server = TestServer::with(settings.clone()).await;
        let root = server.grpc(ROOT).await;
        let mut expected = DEFAULTS.to_vec();
        expected.insert(1, "Collection *.* Search");
        assert_eq!(grants_of(&root, "public").await, expected);
        let revision = server.deployment.admin().snapshots().get().revision();
        server.stop().await;
        revision
    };
    // A start that finds everything writes nothing; switched off, nothing is taken away.
    settings.security.enable_public_privilege = false;
    let server = TestServer::with(settings).await;
    let state = server.deployment.admin().snapshots().get();
    assert_eq!(state.revision(), revision);
    assert_eq!(grants_of(&server.grpc(ROOT).await, "public").await.len(), 4);
}

#[tokio::test]
async fn public_is_a_reserved_name_by_default() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    for (r#type, done) in [(0, "granted to"), (1, "revoked from")] {
        let reason = format!(
            "the role[public] is a default role, which can't be {done}: privilege not permitted"
        );
        let status = operate(&root, entity("public", ("Global", "*"), "All"), r#type).await;
        refused(&status, 1401, 1, &reason);
        let status = operate_v2(&root, "public", "Search", ("*", "*"), r#type).await;
        refused(&status, 1401, 1, &reason);
    }
    let state = server.deployment.admin().snapshots().get();
    assert_eq!(state.grants().rows_with("PrivilegeAll").count(), 0);
}

fn with_roles(roles: &str) -> Result<milvus_rbac::config::Loaded, String> {
    let environment = FixedEnvironment::new([
        ("MILVUS_RBAC_BUILTINROLES_ENABLE", "true"),
        ("MILVUS_RBAC_BUILTINROLES_ROLES", roles),
    ]);
    let environment: &dyn Environment = &environment;
    load(&Flags::default(), environment).map_err(|errors| errors.to_string())
}

const ROLE: &str = r#"{"db_admin": [
    {"object_type":"Global","object_name":"x","privilege":"CreateCollection","db_name":"db1"},
    {"object_type":"Collection","object_name":"*","privilege":"*","db_name":"*"}
]}"#;

#[tokio::test]
async fn a_configured_role_is_made_with_its_grants_and_cannot_be_altered_or_dropped() {
    let mut settings = settings(Compat::Documented);
    settings.roles.configured = with_roles(ROLE).unwrap().settings.roles.configured;
    let server = TestServer::with(settings).await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.list_roles().await.unwrap(), ["admin", "db_admin"]);
    assert_eq!(
        grants_of(&root, "db_admin").await,
        ["Collection *.* *", "Global db1.* CreateCollection"]
    );
    let reason = "failed to check if drop role: the role[db_admin] is a builtin role, which can't \
                  be dropped: privilege not permitted";
    refused(&root.drop_role("db_admin").await.unwrap(), 1401, 36, reason);
    let request = pb::AlterRoleRequest {
        base: None,
        role_name: "db_admin".to_owned(),
        description: "x".to_owned(),
    };
    let reason = "failed to check if alter role: the role[db_admin] is a builtin role, which can't \
                  be altered: privilege not permitted";
    refused(root.rpc().alter_role(request).await.unwrap().get_ref(), 1401, 1, reason);
    succeeded(&root.operate_user_role("root", "db_admin", 0).await.unwrap());
}

#[test]
fn mistakes_in_configured_roles_are_mistakes_of_the_configuration() {
    let below = r#"{"r": {"privileges": [
        {"object_type":"Global","object_name":"*","privilege":"ClusterAdmin","db_name":"*"}]}}"#;
    assert_eq!(with_roles(below).unwrap().settings.roles.configured[0].grants.len(), 1);
    let grant = |object_type: &str, name: &str, privilege: &str, database: &str| {
        format!(
            r#"{{"r":[{{"object_type":"{object_type}","object_name":"{name}",
                "privilege":"{privilege}","db_name":"{database}"}}]}}"#
        )
    };
    for (roles, text) in [
        ("[]".to_owned(), "must map each role to a list of grants"),
        (r#"{"admin": []}"#.to_owned(), "`admin` is built in"),
        (r#"{"a-b": []}"#.to_owned(), "role name can only contain"),
        (grant("Nope", "*", "All", "*"), "`Nope` is none of"),
        (grant("Global", "*", "Nope", "*"), "`Nope` is no privilege on objects of type Global"),
        (grant("Global", "*", "Search", "*"), "`Search` is no privilege"),
        (grant("Collection", "c/1", "Search", "*"), "`c/1` is neither"),
        (grant("Collection", "c", "Search", "a.b"), "`a.b` is neither"),
    ] {
        let error = with_roles(&roles).unwrap_err();
        assert!(error.contains(text), "{error}");
    }
}

#[tokio::test]
async fn configured_lists_replace_the_built_in_groups() {
    let list = |variables: &[(&str, &str)]| {
        let environment = FixedEnvironment::new(variables.iter().copied());
        let environment: &dyn Environment = &environment;
        load(&Flags::default(), environment).map_err(|errors| errors.to_string())
    };
    let key = "MILVUS_RBAC_COMMON_SECURITY_RBAC_DATABASE_READONLY_PRIVILEGES";
    let switch = "MILVUS_RBAC_COMMON_SECURITY_RBAC_OVERRIDEBUILTINPRIVILEGEGROUPS_ENABLED";
    let mut settings = settings(Compat::Documented);
    let loaded = list(&[(key, "DescribeDatabase, PrivilegeAlterDatabase")]).unwrap();
    settings.privilege_lists = loaded.settings.privilege_lists;
    let server = TestServer::with(settings).await;
    let groups = list_groups(&server.grpc(ROOT).await).await;
    assert_eq!(groups[3].1, ["DescribeDatabase", "AlterDatabase"]);

    // An explicit refusal to override counts, as in a stock file that has lists beside it.
    let loaded = list(&[(key, "Unheard"), (switch, "false")]).unwrap();
    assert_eq!(loaded.settings.privilege_lists.groups, BuiltinGroups::default());
    assert!(loaded.notices.iter().any(|notice| notice.contains("is ignored")));
    for name in ["Unheard", "ClusterAdmin", "All"] {
        let error = list(&[(key, name)]).unwrap_err();
        assert!(error.contains(&format!("`{name}` is")), "{error}");
        let old = "MILVUS_RBAC_COMMON_SECURITY_READONLY_PRIVILEGES";
        assert!(list(&[(old, name), (switch, "false")]).is_err(), "{name}");
    }
}
