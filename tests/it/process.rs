//! The binary as its operator meets it: what it prints, where it listens, how it refuses to start,
//! and what it leaves in the data directory.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Ended, Grpc, Process, ROOT, binary, run, serve, serve_on};

/// A command in memory on port 0 with these arguments.
pub(crate) fn in_memory(arguments: &[&str]) -> Command {
    let mut command = serve_on("memory:");
    command.args(arguments);
    command
}

/// What a command that fails with this code says on standard error.
#[track_caller]
pub(crate) fn refused(command: Command, code: i32) -> String {
    let Ended { code: found, stdout, stderr } = run(command, "");
    assert_eq!((found, stdout.as_str()), (Some(code), ""), "{stderr}");
    stderr
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_output_is_the_ready_line_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let (data, log) = (home.path().join("data"), home.path().join("log"));
    let mut process = Process::spawn_logging(serve(&data), &log).unwrap();
    assert_eq!(
        process.ready,
        format!(
            "milvus-rbac ready listen={} tls=off store=sled:{} compat=documented users=1 roles=1 \
             revision=1",
            process.address,
            data.display()
        )
    );
    let root = Grpc::connect(process.address, ROOT).await;
    assert_eq!(root.create_role("role_a").await.unwrap().code, 0);
    process.terminate();
    assert_eq!(process.wait().code(), Some(0));
    assert_eq!(process.rest_of_output(), [""; 0]);
    let log = fs::read_to_string(log).unwrap();
    for part in ["milvus-rbac ready listen=", "create role", "role_a", "SIGTERM", "stopped"] {
        assert!(log.contains(part), "{part} is not in {log}");
    }
    assert!(!log.contains('\x1b'), "no colours in a file: {log}");
}

#[test]
fn localhost_is_both_loopbacks() {
    let mut command = binary();
    command.args(["--store", "memory:", "--listen", "localhost:0"]);
    let process = Process::spawn(command).unwrap();
    let listen = process.ready.split_whitespace().find_map(|word| word.strip_prefix("listen="));
    let addresses: Vec<&str> = listen.unwrap().split(',').collect();
    assert!(addresses[0].starts_with("127.0.0.1:"), "{addresses:?}");
    // A machine may be without IPv6.
    assert!(addresses.len() <= 2, "{addresses:?}");
    for second in &addresses[1..] {
        assert!(second.starts_with("[::1]:"), "{addresses:?}");
    }
}

#[test]
fn the_directory_and_everything_in_it_is_for_its_owner_alone() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let mut command = Command::new("sh");
    let server = serve(&data);
    // However careless the shell is.
    command.args(["-c", r#"umask 000 && exec "$0" "$@""#]).arg(server.get_program());
    command.args(server.get_args());
    let mut process = Process::spawn(command).unwrap();
    let mut seen = 0;
    let mut look = |path: &Path| {
        let data = fs::metadata(path).unwrap();
        let wanted = if data.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(data.permissions().mode() & 0o777, wanted, "{}", path.display());
        seen += 1;
    };
    look(&data);
    for entry in fs::read_dir(&data).unwrap() {
        look(&entry.unwrap().path());
    }
    process.terminate();
    assert!(process.wait().success());
    for entry in fs::read_dir(&data).unwrap() {
        look(&entry.unwrap().path());
    }
    assert!(seen > 6, "{seen}");
}

#[test]
fn a_data_directory_has_one_process() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let first = Process::start(&data);
    let begun = std::time::Instant::now();
    let text = refused(serve(&data), 1);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "refused at once");
    let wanted = format!("the data directory {} is in use by another process", data.display());
    assert!(text.contains(&wanted), "{text}");
    first.kill();
    Process::start(&data);
}

#[test]
fn a_port_in_use_is_named_and_nothing_hangs() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = binary();
    command.args(["--store", "memory:", "--listen", &address]);
    let text = refused(command, 1);
    assert!(text.contains(&format!("cannot listen on {address}")), "{text}");
    assert_eq!(text.matches("Address already in use").count(), 1, "the reason once: {text}");
    let last = format!("milvus-rbac: cannot listen on {address}: Address already in use");
    assert!(text.lines().last().unwrap().starts_with(&last), "{text}");
}

#[test]
fn every_mistake_in_the_configuration_is_told_at_once() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("c.yaml");
    let text = "rbac:\n  compat: loose\n  bcryptCost: 3\n  nonsense: 1\n\
                common:\n  security:\n    authorizationEnabled: maybe\n";
    fs::write(&file, text).unwrap();
    for command in [&["serve"][..], &["config", "check"], &["config", "show"]] {
        let mut wrong = binary();
        wrong.env_remove("MILVUS_RBAC_RBAC_BCRYPTCOST");
        wrong.args(command).arg("--config").arg(&file).args(["--store", "etcd://root:pw@h:1"]);
        let text = refused(wrong, 2);
        for part in [
            "c.yaml:2: rbac.compat: `loose` is neither `documented` nor `milvus`",
            "c.yaml:3: rbac.bcryptCost",
            "c.yaml:4:",
            "nonsense",
            "c.yaml:7: common.security.authorizationEnabled",
            "--store: an address holds no user and no password; set etcd.auth.enabled",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains("root:pw"), "{text}");
    }
    for flags in [&["--nonsense"][..], &["--listen"], &["--listen", "here"], &["config"]] {
        let mut wrong = binary();
        wrong.args(flags);
        assert!(!refused(wrong, 2).is_empty());
    }
    let mut wrong = in_memory(&[]);
    wrong.env("MILVUS_RBAC_NONSENSE", "1");
    assert!(refused(wrong, 2).contains("MILVUS_RBAC_NONSENSE"));
    let mut wrong = in_memory(&[]);
    wrong.env("RUST_LOG", "milvus_rbac=loud");
    assert!(refused(wrong, 2).contains("RUST_LOG is `milvus_rbac=loud`"));
}

#[test]
fn config_show_tells_values_and_sources_and_no_secret() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("c.yaml");
    let secret = "S3cret-of-the-file";
    let yaml = format!("common:\n  security:\n    defaultRootPassword: {secret}\n");
    fs::write(&file, yaml).unwrap();
    let mut command = binary();
    command.args(["config", "show", "--compat", "milvus", "--config"]).arg(&file);
    let shown = run(command, "");
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""));
    assert!(!shown.stdout.contains(secret), "{}", shown.stdout);
    for line in [
        "rbac.compat: milvus  # --compat",
        "rbac.bcryptCost: 4  # MILVUS_RBAC_RBAC_BCRYPTCOST",
        "rbac.store: sled:./milvus-rbac-data  # default",
        "proxy.maxUserNum: 100  # default of compat: milvus",
        &format!("# common.security.defaultRootPassword: (set)  # {}:3", file.display()),
    ] {
        assert!(shown.stdout.lines().any(|shown| shown == line), "{line}: {}", shown.stdout);
    }
    let mut command = binary();
    command.args(["config", "check", "--config"]).arg(&file);
    let checked = run(command, "");
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(0), "configuration is valid\n"));
}

#[test]
fn help_teaches() {
    for (arguments, parts) in [
        (&["--help"][..], &["Examples:", "--store memory:", "RUST_LOG", "Exit codes:"][..]),
        (&["serve", "--help"], &["--listen", "[default: localhost:19530]", "Examples:"]),
        (&["copy", "--help"], &["--merge", "Examples:"]),
        (&["reset-password", "--help"], &["has to be down", "in etcd", "standard input"]),
    ] {
        let mut command = binary();
        command.args(arguments);
        let help = run(command, "");
        assert_eq!(help.code, Some(0));
        for part in parts {
            assert!(help.stdout.contains(part), "{part}: {}", help.stdout);
        }
    }
}

#[test]
fn json_logs_are_one_object_a_line() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log");
    let mut process = Process::spawn_logging(in_memory(&["--log-format", "json"]), &log).unwrap();
    process.terminate();
    assert!(process.wait().success());
    let log = fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
    assert!(lines.iter().any(|line| line["signal"] == "SIGTERM"), "{log}");
}

#[test]
fn a_start_says_that_nobody_has_the_grants_of_a_milvus_public() {
    let home = tempfile::tempdir().unwrap();
    let (data, log) = (home.path().join("data"), home.path().join("log"));
    let text = "the store holds the role public";
    for (compat, told) in
        [("documented", false), ("milvus", false), ("documented", true), ("milvus", false)]
    {
        let mut command = serve(&data);
        command.args(["--compat", compat]);
        Process::spawn_logging(command, &log).unwrap().kill();
        let written = fs::read_to_string(&log).unwrap();
        assert_eq!(written.matches(text).count(), usize::from(told), "{compat}: {written}");
        assert_eq!(written.contains("`--compat milvus` serves"), told, "{written}");
    }
}
