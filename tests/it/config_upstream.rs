//! `rbac.upstream`, as an operator meets it.

use std::time::Duration;

use milvus_rbac::config::{ConfigErrors, FixedEnvironment, Flags, Loaded, UpstreamSettings, load};

use crate::support::{binary, run};

const NONE: [(&str, &str); 0] = [];

/// Loads a file with these lines below `rbac.upstream`.
fn of_lines(lines: &[&str]) -> Result<Loaded, ConfigErrors> {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("rbac.yaml");
    let lines = lines.join("\n    ");
    std::fs::write(&path, format!("rbac:\n  upstream:\n    {lines}\n")).unwrap();
    load(&Flags { config: Some(path), ..Flags::default() }, &FixedEnvironment::new(NONE))
}

fn upstream(lines: &[&str]) -> UpstreamSettings {
    of_lines(lines).unwrap().settings.upstream.unwrap()
}

#[track_caller]
fn mistake(lines: &[&str], says: &[&str]) {
    let text = of_lines(lines).expect_err("it is wrong").to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in says {
        assert!(text.contains(part), "{part}: {text}");
    }
    for secret in ["hunter2", "s3cret"] {
        assert!(!text.contains(secret), "{text}");
    }
}

const HTTP: &str = "address: http://lite:19531";
const HTTPS: &str = "address: https://milvus.example";

#[test]
fn without_an_address_there_is_no_upstream() {
    let loaded = load(&Flags::default(), &FixedEnvironment::new(NONE)).unwrap();
    assert!(loaded.settings.upstream.is_none());
}

#[test]
fn an_address_alone_gives_the_defaults() {
    let found = upstream(&[HTTP]);
    assert_eq!(found.address.to_string(), "http://lite:19531");
    assert!(found.token.is_none() && found.ca_pem.is_none() && found.client.is_none());
    assert_eq!((found.connections, found.connect_timeout), (4, Duration::from_secs(5)));
    let flags = Flags { upstream: Some("http://[::1]:7".to_owned()), ..Flags::default() };
    let found = load(&flags, &FixedEnvironment::new(NONE)).unwrap().settings.upstream.unwrap();
    assert_eq!(found.address.to_string(), "http://[::1]:7");
}

#[test]
fn an_address_that_is_none_is_refused_with_what_it_has_to_be() {
    for address in ["lite:19530", "tcp://lite:1", "http://lite:70000", "http://lite/v2", "http://"]
    {
        mistake(
            &[&format!("address: {address}")],
            &[address, "it has to be http://host:port or https://host:port"],
        );
    }
}

#[test]
fn a_password_in_an_address_is_refused_and_not_repeated() {
    mistake(&["address: http://root:hunter2@lite:1"], &["rbac.upstream.password"]);
}

#[test]
fn a_login_is_a_token_or_a_user_and_a_password() {
    let of = |lines: &[&str]| upstream(lines).token.unwrap().expose().to_owned();
    assert_eq!(of(&[HTTP, "token: key-hunter2"]), "key-hunter2");
    assert_eq!(of(&[HTTP, "username: gw", "password: hun:ter2"]), "gw:hun:ter2");
    mistake(&[HTTP, "token: hunter2", "username: gw", "password: s3cret"], &["not both"]);
    mistake(&[HTTP, "username: gw"], &["needs rbac.upstream.password"]);
    mistake(&[HTTP, "password: hunter2"], &["needs rbac.upstream.username"]);
    mistake(&[HTTP, "username: g:w", "password: hunter2"], &["has a colon"]);
}

#[test]
fn files_for_tls_need_an_address_with_tls() {
    let found = upstream(&[HTTPS, "caPemPath: ca.pem", "clientPemPath: c", "clientKeyPath: k"]);
    assert_eq!(found.ca_pem.unwrap().to_str(), Some("ca.pem"));
    assert!(found.client.is_some());
    mistake(&[HTTP, "caPemPath: ca.pem"], &["http://lite:19531, which is not https"]);
    mistake(&[HTTPS, "clientPemPath: c"], &["need each other"]);
    mistake(&[HTTPS, "clientKeyPath: k"], &["need each other"]);
}

#[test]
fn what_has_no_effect_without_an_address_is_refused() {
    for line in ["token: hunter2", "caPemPath: ca.pem"] {
        mistake(&[line], &["has no effect without rbac.upstream.address"]);
    }
}

#[test]
fn numbers_have_bounds_and_unknown_keys_are_refused() {
    mistake(&[HTTP, "connections: 0"], &["rbac.upstream.connections"]);
    mistake(&[HTTP, "connections: 65"], &["rbac.upstream.connections"]);
    mistake(&[HTTP, "connectTimeoutMs: 60001"], &["rbac.upstream.connectTimeoutMs"]);
    mistake(&[HTTP, "adress: http://lite"], &["adress"]);
}

#[test]
fn what_is_shown_and_printed_holds_no_secret() {
    let lines = [HTTP, "username: gw", "password: hunter2"];
    let loaded = of_lines(&lines).unwrap();
    assert!(!format!("{:?}", loaded.settings).contains("hunter2"));
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("rbac.yaml");
    std::fs::write(&path, "rbac:\n  upstream:\n    address: http://lite:1\n    token: hunter2\n")
        .unwrap();
    let mut command = binary();
    command.args(["config", "show", "--config"]).arg(&path);
    let shown = run(command, "");
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(shown.stdout.contains("http://lite:1"), "{}", shown.stdout);
    assert!(!shown.stdout.contains("hunter2") && !shown.stderr.contains("hunter2"));
}
