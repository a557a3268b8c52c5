//! The settings of a store in etcd: what chooses it, what fills it in, and what is refused.

use std::path::Path;
use std::time::Duration;

use milvus_rbac::config::{ConfigErrors, FixedEnvironment, Flags, Loaded, StoreSetting, load};
use tempfile::TempDir;

const NONE: [(&str, &str); 0] = [];

/// The configuration of a file and `--store`.
fn of(text: &str, store: Option<&str>) -> Result<Loaded, ConfigErrors> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("milvus.yaml");
    std::fs::write(&path, text).unwrap();
    let flags =
        Flags { config: Some(path), store: store.map(ToOwned::to_owned), ..Flags::default() };
    load(&flags, &FixedEnvironment::new(NONE))
}

/// Of a store in etcd that takes everything from the file.
fn in_etcd(text: &str) -> Result<Loaded, ConfigErrors> {
    of(text, Some("etcd://"))
}

/// The one mistake, without the directory of the file.
fn mistake(result: Result<Loaded, ConfigErrors>) -> String {
    let text = result.expect_err("the configuration is wrong").to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    text.rsplit_once("/milvus.yaml").map_or(text.as_str(), |(_, rest)| rest).to_owned()
}

#[test]
fn what_the_address_leaves_out_is_taken_from_the_file() {
    let file = "etcd: {endpoints: 'a:1,http://b:2,a:1', rootPath: prod, metaSubPath: m}\n";
    for (store, text, expected) in [
        ("etcd://", "", "etcd://localhost:2379/by-dev/meta"),
        ("etcd://", file, "etcd://a:1,b:2/prod/m"),
        ("etcd://c:3", file, "etcd://c:3/prod/m"),
        ("etcd:///x", file, "etcd://a:1,b:2/x"),
        ("etcd://[::1]:2379/x", file, "etcd://[::1]:2379/x"),
        ("etcd://", "etcd: {endpoints: [a:1, 'b:2']}", "etcd://a:1,b:2/by-dev/meta"),
        ("etcd://", "etcd: {rootPath: a/b}", "etcd://localhost:2379/a/b/meta"),
    ] {
        let loaded = of(text, Some(store)).unwrap();
        assert_eq!(loaded.settings.store.to_string(), expected);
        assert_eq!(expected.parse(), Ok(loaded.settings.store.clone()));
        let shown = loaded.show();
        let line = shown.lines().find(|line| line.starts_with("rbac.store: ")).unwrap();
        assert!(line.ends_with("  # --store") && line.contains(expected), "{line}");
        let again = of(&shown, None).unwrap().settings;
        assert_eq!(format!("{:?}", again.store), format!("{:?}", loaded.settings.store));
    }
}

#[test]
fn settings_of_etcd_do_not_choose_it_and_need_not_make_sense_without_it() {
    let file = "etcd: {endpoints: 'https://a', rootPath: /, auth: {enabled: true}, \
                ssl: {enabled: true, tlsCert: x}}\n";
    for store in [None, Some("memory:"), Some("sled:x")] {
        let loaded = of(file, store).unwrap();
        assert!(!matches!(loaded.settings.store, StoreSetting::Etcd { .. }));
    }
    let text = in_etcd(file).unwrap_err().to_string();
    for part in [
        "etcd.endpoints: endpoint 1 names no port",
        "etcd.rootPath: the root path has one slash between its parts",
        "etcd.auth.enabled: true needs etcd.auth.userName",
        "etcd.auth.enabled: true needs etcd.auth.password",
        "etcd.ssl.enabled: true needs etcd.ssl.tlsCACert",
        "etcd.ssl.enabled: true needs etcd.ssl.tlsCert and etcd.ssl.tlsKey",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    // What the address says wins, so what it replaces is not judged.
    let whole = of("etcd: {endpoints: 'https://a', rootPath: /}", Some("etcd://a:1/x")).unwrap();
    assert_eq!(whole.settings.store.to_string(), "etcd://a:1/x");
    let lines = of(file, Some("etcd://root:hunter2@a:1")).unwrap_err().to_string();
    assert!(lines.contains("--store: an address holds no user"), "{lines}");
    assert!(lines.contains("needs etcd.auth.password"), "all in one run: {lines}");
}

#[test]
fn a_single_value_that_is_none_is_a_mistake_with_any_store() {
    for (text, problem) in [
        ("etcd: {auth: {enabled: maybe}}", ":1: etcd.auth.enabled: `maybe` is neither"),
        ("etcd: {ssl: {enabled: 1}}", ":1: etcd.ssl.enabled: `1` is neither"),
        ("etcd: {ssl: {tlsMinVersion: 1.4}}", ":1: etcd.ssl.tlsMinVersion: `1.4` is none of"),
        ("etcd: {requestTimeout: 0}", ":1: etcd.requestTimeout: `0` is not a whole number"),
        ("etcd: {rootPath: [a]}", ":1: etcd.rootPath: takes one value"),
        ("etcd: {auth: {enable: true}}", ":1: `etcd.auth.enable` is no setting; did you mean"),
    ] {
        for store in ["memory:", "etcd://"] {
            let line = mistake(of(text, Some(store)));
            assert!(line.starts_with(problem), "{line}");
        }
    }
}

#[test]
fn https_needs_tls_and_tls_needs_its_files() {
    let line = mistake(in_etcd("etcd: {endpoints: 'https://a:1'}"));
    assert_eq!(line, ":1: etcd.endpoints: `https://` needs etcd.ssl.enabled: true");
    let file = |more: &str| {
        format!("etcd: {{endpoints: 'https://a:1', ssl: {{enabled: true, tlsCACert: /ca{more}}}}}")
    };
    let ssl = |more: &str| in_etcd(&file(more)).unwrap().settings.etcd.ssl.unwrap();
    assert_eq!(ssl("").ca_cert, Path::new("/ca"));
    assert_eq!(ssl("").client, None);
    assert_eq!(
        ssl(", tlsCert: /c, tlsKey: /k").client,
        Some(("/c".into(), "/k".into())),
        "they go together"
    );
    assert!(mistake(in_etcd(&file(", tlsKey: /k"))).contains("or neither"));
    for (version, only_tls13) in [("1.0", false), ("1.1", false), ("1.2", false), ("1.3", true)] {
        assert_eq!(ssl(&format!(", tlsMinVersion: {version}")).only_tls13, only_tls13);
    }
    assert!(ssl("").only_tls13, "as in Milvus");
}

#[test]
fn the_password_of_etcd_comes_from_everywhere_a_secret_may_and_is_shown_nowhere() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("password");
    std::fs::write(&path, "hunter2\n").unwrap();
    let (user, enabled) =
        (("MILVUS_RBAC_ETCD_AUTH_USERNAME", "milvus"), ("MILVUS_RBAC_ETCD_AUTH_ENABLED", "true"));
    let store = ("MILVUS_RBAC_RBAC_STORE", "etcd://");
    let by_file = ("MILVUS_RBAC_ETCD_AUTH_PASSWORD_FILE", path.to_str().unwrap());
    let by_text = ("MILVUS_RBAC_ETCD_AUTH_PASSWORD", "hunter2");
    for password in [by_file, by_text] {
        let environment = FixedEnvironment::new([user, enabled, store, password]);
        let loaded = load(&Flags::default(), &environment).unwrap();
        let auth = loaded.settings.etcd.auth.clone().unwrap();
        assert_eq!((auth.user_name.as_str(), auth.password.expose()), ("milvus", "hunter2"));
        let shown = loaded.show();
        assert!(shown.contains("# etcd.auth.password: (set)  # MILVUS_RBAC_ETCD"), "{shown}");
        for output in [shown, loaded.check(), format!("{loaded:#?}")] {
            assert!(!output.contains("hunter2"), "{output}");
        }
    }
    let loaded = in_etcd("etcd: {auth: {enabled: false, password: hunter2}}").unwrap();
    assert!(loaded.settings.etcd.auth.is_none());
    let error = in_etcd("etcd: {auth: {enabled: true, password: [hunter2]}}").unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn staleness_has_an_effect_only_where_others_may_write() {
    let text = "rbac.maxStaleness: 300ms\n";
    let alone = of(text, Some("memory:")).unwrap();
    assert!(alone.notices[0].contains("has no effect"), "{:?}", alone.notices);
    let shared = in_etcd(text).unwrap();
    assert_eq!(shared.notices, [""; 0]);
    assert_eq!(shared.settings.transport.max_staleness, Duration::from_millis(300));
    for wrong in ["299ms", "61m", "1"] {
        let line = mistake(in_etcd(&format!("rbac.maxStaleness: {wrong}\n")));
        assert!(line.contains("is not a time from 300ms to 60m"), "{line}");
    }
}
