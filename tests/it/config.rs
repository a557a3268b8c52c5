//! The configuration, as an operator meets it: who wins, what is refused, what is shown.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use milvus_rbac::config::{
    Browsers, Compat, ConfigErrors, FixedEnvironment, Flags, Loaded, LogFormat, Settings, Source,
    StoreSetting, TlsSettings, load,
};
use tempfile::TempDir;

/// A directory with one configuration file.
struct File {
    directory: TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let directory = TempDir::new().unwrap();
        std::fs::write(directory.path().join("rbac.yaml"), text).unwrap();
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("rbac.yaml")
    }

    fn flags(&self) -> Flags {
        Flags { config: Some(self.path()), ..Flags::default() }
    }
}

const NONE: [(&str, &str); 0] = [];

fn of_file(text: &str) -> Result<Loaded, ConfigErrors> {
    load(&File::new(text).flags(), &FixedEnvironment::new(NONE))
}

fn of_environment(variables: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    load(&Flags::default(), &FixedEnvironment::new(variables.iter().copied()))
}

fn of_store(store: &str) -> Flags {
    Flags { store: Some(store.to_owned()), ..Flags::default() }
}

fn of_flags(flags: &Flags) -> Result<Loaded, ConfigErrors> {
    load(flags, &FixedEnvironment::new(NONE))
}

/// The mistakes, one per line, without the directory of the file.
fn mistakes(result: Result<Loaded, ConfigErrors>) -> Vec<String> {
    let text = result.expect_err("the configuration is wrong").to_string();
    let line =
        |line: &str| line.rsplit_once("/rbac.yaml").map_or(line, |(_, rest)| rest).to_owned();
    text.lines().map(line).collect()
}

#[test]
fn nothing_configured_gives_the_safe_defaults() {
    let settings = of_environment(&[]).unwrap().settings;
    assert_eq!(settings.compat, Compat::Documented);
    let listen: Vec<_> = settings.listen.iter().map(|each| each.address.to_string()).collect();
    assert_eq!(listen, ["127.0.0.1:19530", "[::1]:19530"]);
    assert!(!settings.listens_beyond_loopback());
    assert_eq!(settings.store, StoreSetting::Sled("./milvus-rbac-data".into()));
    assert!(settings.security.authorization);
    assert!(!settings.security.insecure_default_root_password);
    assert!(!settings.security.root_password_configured);
    assert_eq!(settings.security.default_root_password.expose(), "Milvus");
    assert!(settings.security.super_users.is_empty());
    assert!(!settings.accept_data_loss);
    assert_eq!(settings.browsers, Browsers::Only(Vec::new()));
    assert_eq!(settings.log_format, LogFormat::Text);
}

#[test]
fn loading_nothing_agrees_with_the_defaults_in_both_modes() {
    for (text, compat) in [("documented", Compat::Documented), ("milvus", Compat::Milvus)] {
        let flags = Flags { compat: Some(text.to_owned()), ..Flags::default() };
        let loaded = of_flags(&flags).unwrap().settings;
        let expected = Settings::defaults(compat);
        assert_eq!(format!("{loaded:#?}"), format!("{expected:#?}"));
    }
}

#[test]
fn flags_win_over_the_environment_over_the_file_over_the_defaults() {
    let file = File::new("rbac:\n  store: sled:from-file\n  bcryptCost: 4\n  bcryptQueue: 7\n");
    let environment = FixedEnvironment::new([
        ("MILVUS_RBAC_RBAC_STORE", "sled:from-environment"),
        ("MILVUS_RBAC_RBAC_BCRYPTCOST", "5"),
        ("PATH", "/bin"),
    ]);
    let flags = Flags { store: Some("sled:from-flag".to_owned()), ..file.flags() };
    let loaded = load(&flags, &environment).unwrap();
    assert_eq!(loaded.settings.store, StoreSetting::Sled("from-flag".into()));
    assert_eq!(loaded.settings.passwords.bcrypt_cost, 5);
    assert_eq!(loaded.settings.passwords.bcrypt_queue, 7);
    assert_eq!(loaded.settings.transport.body_timeout, Duration::from_secs(30));

    assert_eq!(loaded.source("rbac.store"), Some(&Source::Flag("--store")));
    let variable = Source::Environment("MILVUS_RBAC_RBAC_BCRYPTCOST".to_owned());
    assert_eq!(loaded.source("rbac.bcryptCost"), Some(&variable));
    let line = loaded.source("rbac.bcryptQueue").unwrap().to_string();
    assert!(line.ends_with("rbac.yaml:4"), "{line}");
    assert_eq!(loaded.source("rbac.bodyTimeoutMs"), Some(&Source::Default));
    let mode = Source::CompatDefault(Compat::Documented);
    assert_eq!(loaded.source("rbac.publicRole"), Some(&mode));
    assert_eq!(loaded.source("rbac.nothing"), None);
}

#[test]
fn all_mistakes_are_reported_at_once_each_with_its_place() {
    let file = File::new(
        "\
common:
  security:
    tlsMode: 1
    superUser: a
proxy:
  maxUserNum: many
  maxFieldNum: 64
rbac:
  bcryptCost: 31
  store: [a, b]
  lsiten: localhost:1
",
    );
    let environment = FixedEnvironment::new([
        ("MILVUS_RBAC_RBAC_OPENHEALTH", "perhaps"),
        ("MILVUS_RBAC_STORE", "memory:"),
    ]);
    let flags = Flags {
        listen: vec![":19530".to_owned()],
        compat: Some("zilliz".to_owned()),
        ..file.flags()
    };
    let lines = mistakes(load(&flags, &environment));
    let starts = [
        ":3: common.security.tlsMode: 1 needs tls.serverPemPath, the path of a PEM file",
        ":3: common.security.tlsMode: 1 needs tls.serverKeyPath, the path of a PEM file",
        ":4: `common.security.superUser` is no setting; did you mean `common.security.superUsers`?",
        ":6: proxy.maxUserNum: `many` is not a whole number",
        ":9: rbac.bcryptCost: `31` is not a whole number from 4 to 14",
        ":10: rbac.store: takes one value, not a list",
        ":11: `rbac.lsiten` is no setting; did you mean `rbac.listen`?",
        "MILVUS_RBAC_RBAC_OPENHEALTH: rbac.openHealth: `perhaps`",
        "MILVUS_RBAC_STORE: there is no such setting; did you mean MILVUS_RBAC_RBAC_STORE?",
        "--compat: `zilliz` is neither `documented` nor `milvus`",
        "--listen: `:19530` names no host",
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}\n{start}");
    }
}

/// Written for this test, with the keys that a Milvus of today ships.
const STOCK: &str = "\
etcd:
  endpoints: localhost:2379
  rootPath: by-dev
  metaSubPath: meta
  kvSubPath: kv
  log:
    level: info
    path: stdout
  ssl:
    enabled: false
    tlsCert: /path/to/etcd-client.pem
    tlsKey: /path/to/etcd-client-key.pem
    tlsCACert: /path/to/ca.pem
    tlsMinVersion: 1.3
  requestTimeout: 10000
  use:
    embed: false
  data:
    dir: default.etcd
  auth:
    enabled: false
    userName:
    password: # nothing
minio:
  secretAccessKey: minioadmin
proxy:
  timeTickInterval: 200
  maxNameLength: 255
  maxUsernameLength: 32
  minPasswordLength: 6
  maxPasswordLength: 256
  maxFieldNum: 64
  maxUserNum: 100
  maxRoleNum: 10
  ip:
  port: 19531
  internalPort: 19529
  http:
    enabled: true
    debug_mode: false
    acceptTypeAllowInt64: true
  accessLog:
    enable: false
    formatters:
      base:
        format: '[$time_now] [ACCESS] <$user_name: $user_addr>'
        methods: ['Query', \"Search\"]
  nameValidation:
    allowedChars: $
  grpc:
    serverMaxSendSize: 268435456
    serverMaxRecvSize: 67108864
    clientMaxSendSize: 268435456
common:
  defaultPartitionName: _default
  security:
    authorizationEnabled: false
    superUsers:
    defaultRootPassword: \"Milvus\"
    rootShouldBindRole: false
    enablePublicPrivilege: true
    internaltlsEnabled: false
    exprEnabled: false
    rbac:
      overrideBuiltInPrivilegeGroups:
        enabled: false
      cluster:
        readonly:
          privileges: ListDatabases,SelectOwnership
        admin:
          privileges: ListDatabases
    tlsMode: 0
  session:
    ttl: 30
tls:
  serverPemPath: configs/cert/server.pem
  serverKeyPath: configs/cert/server.key
  caPemPath: configs/cert/ca.pem
internaltls:
  serverPemPath: configs/cert/server.pem
  sni: localhost
builtinRoles:
  enable: false
  roles: {}
";

#[test]
fn a_stock_milvus_file_is_accepted_and_authorization_stays_on() {
    let loaded = of_file(STOCK).unwrap();
    let settings = &loaded.settings;
    assert!(settings.security.authorization);
    assert!(settings.security.root_password_configured);
    assert_eq!(settings.security.default_root_password.expose(), "Milvus");
    assert_eq!(settings.listen[0].address.port(), 19531);
    assert_eq!(settings.passwords.rule.max, 72);
    assert_eq!(settings.limits.max_users, 100);
    assert_eq!(settings.transport.max_large_request_bytes, 67_108_864);
    assert_eq!(settings.transport.max_answer_bytes, 268_435_456);
    let lists = &settings.privilege_lists.lists;
    assert_eq!(lists["common.security.rbac.cluster.admin.privileges"], ["ListDatabases"]);
    assert_eq!(lists.len(), 2);

    let ignored: Vec<_> = loaded.ignored.iter().map(|each| each.key.as_str()).collect();
    for key in [
        "etcd.kvSubPath",
        "etcd.log",
        "etcd.use",
        "etcd.data",
        "minio",
        "proxy.accessLog",
        "common.session",
        "common.security.exprEnabled",
    ] {
        assert!(ignored.contains(&key), "{key} in {ignored:?}");
    }
    assert_eq!(settings.store, StoreSetting::default());
    assert!(settings.etcd.auth.is_none() && settings.etcd.ssl.is_none());
    assert_eq!(settings.tls, None, "files are named, but the mode is 0");
    let check = loaded.check();
    assert!(check.starts_with("configuration is valid\n"), "{check}");
    assert!(check.contains("--insecure-no-authorization"), "{check}");
    assert!(check.contains("maxPasswordLength: 256 stands for 72"), "{check}");
    assert!(check.contains("keys are not for this service"), "{check}");
}

#[test]
fn only_the_flag_turns_authorization_off() {
    let off = "common.security.authorizationEnabled: FALSE";
    assert!(of_file(off).unwrap().settings.security.authorization);
    let variable = [("MILVUS_RBAC_COMMON_SECURITY_AUTHORIZATIONENABLED", "false")];
    let loaded = of_environment(&variable).unwrap();
    assert!(loaded.settings.security.authorization);
    assert_eq!(loaded.notices.len(), 1);
    assert!(loaded.notices[0].contains(variable[0].0), "{:?}", loaded.notices);
    assert!(loaded.show().contains("common.security.authorizationEnabled: true  # default"));

    let flags = Flags { insecure_no_authorization: true, ..Flags::default() };
    let loaded = of_flags(&flags).unwrap();
    assert!(!loaded.settings.security.authorization);
    assert!(loaded.show().contains("authorizationEnabled: false  # --insecure-no-authorization"));
}

#[test]
fn each_tls_mode_needs_its_files_and_takes_no_others() {
    let file = |mode: &str, files: &str| {
        of_file(&format!("common: {{security: {{tlsMode: {mode}}}}}\ntls: {{{files}}}\n"))
    };
    let all = "serverPemPath: /s, serverKeyPath: /k, caPemPath: /c";
    let tls = |mode| file(mode, all).unwrap().settings.tls;
    let client_ca = |path: &str| Some(PathBuf::from(path));
    let whole = TlsSettings { certificate: "/s".into(), key: "/k".into(), client_ca: None };
    assert_eq!(tls("0"), None);
    assert_eq!(tls("1"), Some(whole.clone()));
    assert_eq!(tls("2"), Some(TlsSettings { client_ca: client_ca("/c"), ..whole.clone() }));

    for (mode, files, needs) in [
        ("1", "", &["tls.serverPemPath", "tls.serverKeyPath"][..]),
        ("1", "serverPemPath: /s, serverKeyPath: ''", &["tls.serverKeyPath"]),
        ("2", "serverPemPath: /s, serverKeyPath: /k", &["tls.caPemPath"]),
    ] {
        let lines = mistakes(file(mode, files));
        assert_eq!(lines.len(), needs.len(), "{lines:?}");
        for (line, key) in lines.iter().zip(needs) {
            assert!(line.contains(&format!(":1: common.security.tlsMode: {mode} needs {key}")));
        }
    }
    let lines = mistakes(file("1", "serverPemPath: /s, serverKeyPath: /k, caPemPaht: /c"));
    assert!(lines[0].contains("did you mean `tls.caPemPath`?"), "{lines:?}");
    let shown = file("2", all).unwrap().show();
    for line in ["common.security.tlsMode: 2", "tls.caPemPath: /c", "tls.serverKeyPath: /k"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let loaded = of_environment(&[
        ("MILVUS_RBAC_COMMON_SECURITY_TLSMODE", "1"),
        ("MILVUS_RBAC_TLS_SERVERPEMPATH", "/s"),
        ("MILVUS_RBAC_TLS_SERVERKEYPATH", "/k"),
    ]);
    assert_eq!(loaded.unwrap().settings.tls, Some(whole));
}

#[test]
fn values_that_nobody_could_have_meant_are_refused() {
    let lines = mistakes(of_file("common.security.tlsMode: 7"));
    assert!(lines[0].contains("none of 0, 1 and 2"), "{lines:?}");
    let lines = mistakes(of_file("proxy: {resolveAliasForPrivilege: maybe}"));
    assert!(lines[0].contains("resolveAliasForPrivilege: `maybe`"), "{lines:?}");
}

#[test]
fn a_user_in_the_address_of_a_store_is_refused_in_file_environment_and_flag() {
    let address = "etcd://root:hunter2@localhost:2379";
    for result in [
        of_file(&format!("rbac: {{store: \"{address}\"}}")),
        of_environment(&[("MILVUS_RBAC_RBAC_STORE", address)]),
        of_flags(&of_store(address)),
    ] {
        let lines = mistakes(result);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains("set etcd.auth.enabled, etcd.auth.userName"), "{lines:?}");
        assert!(!lines[0].contains("hunter2"), "{lines:?}");
    }
}

#[test]
fn scalars_are_taken_as_they_are_written() {
    for (written, meant) in [
        ("0123456", "0123456"),
        ("'~'", "~"),
        ("\"null\"", "null"),
        ("1e5", "1e5"),
        ("0x10", "0x10"),
        ("yes", "yes"),
        ("' padded '", " padded "),
        ("pass#word", "pass#word"),
    ] {
        let text = format!("common:\n  security:\n    defaultRootPassword: {written}\n");
        let loaded = of_file(&text).unwrap();
        assert_eq!(loaded.settings.security.default_root_password.expose(), meant);
    }
}

#[test]
fn a_value_left_out_in_the_file_is_not_given() {
    for nothing in ["", "~", "null", "# comment"] {
        let text = format!("common:\n  security:\n    defaultRootPassword: {nothing}\nrbac:\n");
        let loaded = of_file(&text).unwrap();
        assert!(!loaded.settings.security.root_password_configured, "{nothing}");
    }
    assert!(of_file("").is_ok());
    assert!(of_file("# nothing but a comment\n").is_ok());
}

#[test]
fn files_saved_on_windows_are_read() {
    let text = "\u{feff}rbac:\r\n  store: 'memory:'\r\n  bcryptCost: 31\r\n";
    let lines = mistakes(of_file(text));
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with(":3: rbac.bcryptCost"), "{lines:?}");
}

#[test]
fn keys_in_other_case_and_with_dots_are_the_same_keys() {
    let loaded = of_file("COMMON:\n  Security.SUPERUSERS: [a, 'b,c']\n").unwrap();
    assert_eq!(loaded.settings.security.super_users, ["a", "b", "c"]);
    let lines = mistakes(of_file("rbac:\n  store: 'memory:'\nRBAC.Store: 'memory:'\n"));
    assert_eq!(lines, [":3: rbac.store: is already in line 2"]);
    let lines = mistakes(of_file("etcd:\n  a: 1\n  a: 2\n"));
    assert_eq!(lines, [":3: `a` is already in line 2"]);
}

#[test]
fn files_that_are_no_settings_are_refused_with_the_line() {
    for (text, expected) in [
        ("- a\n", ":1: the file must be a mapping of settings"),
        ("just text", ":1: the file must be a mapping of settings"),
        ("a: &x 1\nb: *x\n", ":1: anchors are not supported"),
        ("rbac: !!map {}\n", "tags are not supported"),
        ("rbac:\n  store: 'memory:'\n---\nrbac:\n", ":3: a second document begins here"),
        ("rbac:\n  - store\n", ":1: rbac: settings must stand below it"),
        ("rbac: {store: {path: x}}\n", ":1: rbac.store: takes a value, not a mapping"),
        ("common: {security: {superUsers: [[a]]}}\n", "takes a list of plain values"),
        ("a: 1\n b: 2\n", ":2: not YAML: "),
    ] {
        let lines = mistakes(of_file(text));
        assert!(lines[0].contains(expected), "{lines:?}\n{expected}");
    }
    let flags = Flags { config: Some("/nonexistent/rbac.yaml".into()), ..Flags::default() };
    let error = of_flags(&flags).unwrap_err().to_string();
    assert!(error.starts_with("--config: cannot read `/nonexistent/rbac.yaml`: "), "{error}");
}

#[test]
fn each_line_that_differs_between_the_modes_can_be_set_by_itself() {
    let lines = [
        ("proxy.minPasswordLength", "10"),
        ("proxy.maxPasswordLength", "20"),
        ("rbac.passwordClasses", "2"),
        ("proxy.maxUserNum", "5"),
        ("proxy.maxRoleNum", "6"),
        ("proxy.roleNameValidation.allowedChars", "-"),
    ];
    // The switches are the opposite of the mode's default.
    let switches = [
        ("rbac.adminResetsPasswords", true),
        ("rbac.alwaysListDefaultDatabase", true),
        ("rbac.onlyAdminsBindAdmin", true),
        ("rbac.openPolling", false),
        ("rbac.publicRole", false),
        ("rbac.raiseHashCost", true),
        ("rbac.roleNameTrimmed", false),
        ("rbac.roleNameUnderscoreFirst", false),
        ("rbac.rootShowsAdmin", true),
        ("rbac.truncateLongPasswords", false),
        ("rbac.userNamePunctuation", false),
    ];
    for (mode, milvus) in [("documented", false), ("milvus", true)] {
        let plain = of_file(&format!("rbac.compat: {mode}")).unwrap();
        let mut text = format!("rbac.compat: {mode}\nrbac.allowedOrigins: https://a.example\n");
        for (key, value) in lines {
            writeln!(text, "{key}: '{value}'").unwrap();
        }
        for (key, documented) in switches {
            let default = documented != milvus;
            let shown = format!("{key}: {default}  # default of compat: {mode}\n");
            assert!(plain.show().contains(&shown), "{shown}");
            writeln!(text, "{key}: {}", !default).unwrap();
        }
        let loaded = of_file(&text).unwrap();
        let shown = loaded.show();
        assert!(!shown.contains("default of compat"), "{shown}");
        let settings = loaded.settings;
        assert_eq!(settings.passwords.rule.min, 10);
        assert_eq!(settings.passwords.rule.max, 20);
        assert_eq!(settings.passwords.rule.classes, 2);
        assert_eq!((settings.limits.max_users, settings.limits.max_roles), (5, 6));
        assert_eq!(settings.names.role_created.allowed, "-");
        assert_eq!(settings.names.role_looked_up.allowed, "-$");
        assert_eq!(settings.names.role_created.underscore_first, !milvus);
        assert_eq!(settings.names.role_created.trimmed, !milvus);
        assert_eq!(settings.names.user_created.punctuation, !milvus);
        assert_eq!(settings.roles.root_shows_admin, milvus);
        assert_eq!(settings.roles.public_role, !milvus);
        assert_eq!(settings.roles.always_list_default_database, milvus);
        assert_eq!(settings.roles.open_polling, !milvus);
        assert_eq!(settings.passwords.raise_hash_cost, milvus);
        assert_eq!(settings.passwords.truncate_long_passwords, !milvus);
        assert_eq!(settings.passwords.admin_resets_passwords, milvus);
        assert_eq!(settings.browsers, Browsers::Only(vec!["https://a.example".to_owned()]));
    }
}

#[test]
fn any_origin_is_allowed_only_where_milvus_allows_it() {
    let milvus = of_file("rbac: {compat: milvus, allowedOrigins: '*'}").unwrap();
    assert_eq!(milvus.settings.browsers, Browsers::AsMilvus);
    let lines = mistakes(of_file("rbac: {allowedOrigins: 'https://a.example,*'}"));
    assert!(lines[0].contains("`*` is not an origin"), "{lines:?}");
}

#[test]
fn limits_that_contradict_each_other_are_a_mistake() {
    let lines = mistakes(of_file("proxy:\n  minPasswordLength: 70\n"));
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with(":2: proxy.minPasswordLength: "), "{lines:?}");
    let lines = mistakes(of_file("proxy:\n  maxPasswordLength: 7\n"));
    assert!(lines[0].starts_with(":2: proxy.maxPasswordLength: "), "{lines:?}");
}

#[test]
fn secrets_may_stand_in_a_file_and_lose_one_line_end() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("root");
    let variable = "MILVUS_RBAC_COMMON_SECURITY_DEFAULTROOTPASSWORD_FILE";
    for (written, meant) in
        [("hunter2!\n", "hunter2!"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a ", "a ")]
    {
        std::fs::write(&path, written).unwrap();
        let loaded = of_environment(&[(variable, path.to_str().unwrap())]).unwrap();
        assert_eq!(loaded.settings.security.default_root_password.expose(), meant);
    }
    std::fs::write(&path, "\n").unwrap();
    let lines = mistakes(of_environment(&[(variable, path.to_str().unwrap())]));
    assert!(lines[0].contains("is empty"), "{lines:?}");
    let lines = mistakes(of_environment(&[(variable, "/nonexistent/root")]));
    assert!(lines[0].contains("cannot read `/nonexistent/root`"), "{lines:?}");
    let other = "MILVUS_RBAC_COMMON_SECURITY_DEFAULTROOTPASSWORD";
    let lines = mistakes(of_environment(&[(other, "x"), (variable, "y")]));
    assert_eq!(lines, [format!("{variable}: {other} is set, too; only one of them can be meant")]);
    // Only secrets have the second form.
    let lines = mistakes(of_environment(&[("MILVUS_RBAC_RBAC_STORE_FILE", "x")]));
    assert!(lines[0].contains("no such setting"), "{lines:?}");
}

#[test]
fn a_variable_that_is_not_utf8_is_named_without_its_value() {
    use std::os::unix::ffi::OsStringExt;
    let name = "MILVUS_RBAC_COMMON_SECURITY_DEFAULTROOTPASSWORD";
    let value = std::ffi::OsString::from_vec(b"hunter\xff".to_vec());
    let environment = FixedEnvironment::new([(name, value)]);
    let error = load(&Flags::default(), &environment).unwrap_err().to_string();
    assert_eq!(error, format!("{name}: the value is not UTF-8"));
}

#[test]
fn secrets_are_in_no_output_whatever_is_wrong_with_them() {
    let secret = "hunter2";
    let long = secret.repeat(11);
    let file = |value: &str| format!("common:\n  security:\n    defaultRootPassword: {value}\n");
    let mut outputs = Vec::new();
    let mut judge = |result: Result<Loaded, ConfigErrors>| match result {
        Ok(loaded) => {
            outputs.push(loaded.show());
            outputs.push(loaded.check());
            outputs.push(format!("{loaded:#?}"));
        }
        Err(errors) => {
            outputs.push(errors.to_string());
            outputs.push(format!("{errors:#?}"));
        }
    };
    judge(of_file(&file(secret)));
    judge(of_file(&file(&long)));
    judge(of_file(&file(&format!("[{secret}]"))));
    judge(of_file(&file(&format!("{{{secret}: {secret}}}"))));
    judge(of_file(&format!("common:\n  security:\n    defaultRootPassword:{secret}\n")));
    judge(of_file(&format!("common:\n  security: {{defaultRootPassword:{secret}}}\n")));
    judge(of_file(&format!("common:\n  security: {{tlsMode: 1, defaultRootPasword: {secret}}}\n")));
    judge(of_file(&file(&format!("\"{secret}"))));
    judge(of_environment(&[("MILVUS_RBAC_COMMON_SECURITY_DEFAULTROOTPASSWORD", secret)]));
    judge(of_environment(&[("MILVUS_RBAC_COMMON_SECURITY_DEFAULTROOTPASSWORD", &long)]));
    judge(of_environment(&[("MILVUS_RBAC_DEFAULTROOTPASSWORD", secret)]));
    judge(of_environment(&[("MILVUS_RBAC_RBAC_STORE", "rocks://root:hunter2@host")]));
    assert!(outputs.len() >= 24);
    for output in outputs {
        assert!(!output.contains(secret), "{output}");
    }
    let environment = FixedEnvironment::new([("A", secret)]);
    assert!(!format!("{environment:?}").contains(secret));
}

#[test]
fn what_is_shown_is_sorted_and_can_be_read_back_with_the_same_meaning() {
    for mode in ["documented", "milvus"] {
        let file = File::new(
            "common.security.superUsers: [ann, bob]\nproxy.maxUserNum: 0\nrbac.maxStaleness: 1m\n\
             proxy.nameValidation.allowedChars: \"$'#\"\nrbac.store: 'sled:/a b'\n",
        );
        let flags = Flags {
            compat: Some(mode.to_owned()),
            listen: vec!["localhost:0".to_owned(), "0.0.0.0:19530".to_owned()],
            ..file.flags()
        };
        let first = load(&flags, &FixedEnvironment::new(NONE)).unwrap();
        let shown = first.show();
        let keys: Vec<_> = shown
            .lines()
            .map(|line| line.trim_start_matches("# ").split_once(": ").unwrap().0)
            .collect();
        assert!(keys.is_sorted(), "{shown}");
        assert!(shown.contains("rbac.listen: localhost:0,0.0.0.0:19530  # --listen\n"), "{shown}");
        assert!(shown.contains("# common.security.defaultRootPassword: (default)  # default\n"));
        let second = of_file(&shown).unwrap();
        assert_eq!(format!("{:#?}", first.settings), format!("{:#?}", second.settings));
    }
}

#[test]
fn flags_that_stand_for_no_key_are_shown_as_well() {
    let flags =
        Flags { accept_data_loss: true, insecure_default_root_password: true, ..Flags::default() };
    let loaded = of_flags(&flags).unwrap();
    assert!(loaded.settings.accept_data_loss);
    assert!(loaded.settings.security.insecure_default_root_password);
    let shown = loaded.show();
    assert!(
        shown.ends_with("# --accept-data-loss\n# --insecure-default-root-password\n"),
        "{shown}"
    );
}

#[test]
fn listening_beyond_loopback_is_noticed_whatever_it_is_written_as() {
    for (address, beyond) in [
        ("localhost:1", false),
        ("127.0.0.2:1", false),
        ("[::ffff:127.0.0.1]:1", false),
        ("0.0.0.0:1", true),
        ("[::]:1", true),
        ("127.0.0.1:1,192.0.2.1:1", true),
        ("[::ffff:192.0.2.1]:1", true),
    ] {
        let flags = Flags { listen: vec![address.to_owned()], ..Flags::default() };
        let settings = of_flags(&flags).unwrap().settings;
        assert_eq!(settings.listens_beyond_loopback(), beyond, "{address}");
    }
    let same = Flags { listen: vec!["127.0.0.1:1,localhost:1".to_owned()], ..Flags::default() };
    assert_eq!(of_flags(&same).unwrap().settings.listen.len(), 2);
    let none = mistakes(of_environment(&[("MILVUS_RBAC_RBAC_LISTEN", "")]));
    assert!(none[0].contains("names no address"), "{none:?}");
}

#[test]
fn the_older_name_of_public_privileges_turns_them_off_as_well() {
    for text in
        ["proxy.enablePublicPrivilege: false", "common.security.enablePublicPrivilege: false"]
    {
        assert!(!of_file(text).unwrap().settings.security.enable_public_privilege, "{text}");
    }
}

#[test]
fn configured_roles_may_be_written_as_yaml_or_as_json() {
    let yaml = "
builtinRoles:
  enable: true
  roles:
    db_admin:
      - {object_type: Global, object_name: '*', privilege: CreateCollection, db_name: db1}
    reader:
      privileges:
        - object_type: Collection
          object_name: c1
          privilege: Search
";
    let json = r#"builtinRoles: {enable: true, roles: '{"db_admin":
        [{"object_type":"Global","object_name":"*","privilege":"CreateCollection","db_name":"db1"}],
        "reader":[{"object_type":"Collection","object_name":"c1","privilege":"Search"}]}'}"#;
    let of_yaml = of_file(yaml).unwrap();
    let roles = of_yaml.settings.roles.configured.clone();
    assert_eq!(roles, of_file(json).unwrap().settings.roles.configured);
    assert_eq!(roles[1].grants[0].database, "default");
    assert!(of_yaml.show().contains("builtinRoles.roles: db_admin,reader  # "));
    assert!(of_file(&yaml.replace("true", "false")).unwrap().settings.roles.configured.is_empty());
    let lines = mistakes(of_file(&yaml.replace("Search", "Serach")));
    assert!(lines[0].contains("role `reader`: `Serach` is no privilege"), "{lines:?}");
}
