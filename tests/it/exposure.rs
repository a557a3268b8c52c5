//! What stands between a careless configuration and everybody being root.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use milvus_rbac::store::{SledOptions, SledStore, Store as _};

use crate::process::{in_memory, refused};
use crate::support::{Grpc, Process, ROOT, binary, serve};

const ROOT_PASSWORD: &str = "MILVUS_RBAC_COMMON_SECURITY_DEFAULTROOTPASSWORD";

/// `serve` on every interface with sled in a directory.
fn exposed(data: &Path) -> Command {
    let mut command = binary();
    command.arg("--store").arg(format!("sled:{}", data.display()));
    command.args(["--listen", "0.0.0.0:0"]);
    command
}

#[tokio::test]
async fn the_password_that_everybody_knows_stays_on_this_machine() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let text = refused(exposed(&data), 2);
    for part in
        ["root still has its built-in password", ROOT_PASSWORD, "--insecure-default-root-password"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!data.exists(), "nothing was created");
    // Nor is anything in a store that is there and empty, so a password may still be set.
    SledStore::open(&data, SledOptions::default()).unwrap().close().unwrap();
    assert_eq!(refused(exposed(&data), 2), text);
    let mut store = SledStore::open(&data, SledOptions::default()).unwrap();
    assert_eq!(store.load().unwrap().records, []);
    store.close().unwrap();
    let mut command = exposed(&data);
    command.env(ROOT_PASSWORD, "An-0ther");
    let process = Process::spawn(command).unwrap();
    let address = ([127, 0, 0, 1], process.address.port()).into();
    assert!(Grpc::connect(address, ("root", "An-0ther")).await.logs_in().await);
    assert!(!Grpc::connect(address, ROOT).await.logs_in().await);
    process.kill();
    // It is root's own now, whatever the setting says.
    let process = Process::spawn(exposed(&data)).unwrap();
    let address = ([127, 0, 0, 1], process.address.port()).into();
    assert!(Grpc::connect(address, ("root", "An-0ther")).await.logs_in().await);
}

#[test]
fn whoever_insists_may_expose_the_built_in_password() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let log = home.path().join("log");
    let mut command = exposed(&data);
    command.arg("--insecure-default-root-password");
    let mut process = Process::spawn_logging(command, &log).unwrap();
    process.terminate();
    assert!(process.wait().success());
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("root has its built-in password"), "{log}");
    assert!(log.contains("listening beyond loopback without TLS"), "{log}");
    // The stored password is judged, not the setting.
    let mut command = exposed(&data);
    command.env(ROOT_PASSWORD, "An-0ther");
    assert!(refused(command, 2).contains("root still has its built-in password"));
}

#[tokio::test]
async fn roots_first_password_may_stand_in_a_file() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("password");
    fs::write(&file, "An-0ther\n").unwrap();
    let mut command = in_memory(&[]);
    command.env(format!("{ROOT_PASSWORD}_FILE"), &file);
    let process = Process::spawn(command).unwrap();
    assert!(Grpc::connect(process.address, ("root", "An-0ther")).await.logs_in().await);
}

#[tokio::test]
async fn only_the_flag_switches_authorization_off() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("milvus.yaml");
    fs::write(&file, "common:\n  security:\n    authorizationEnabled: false\n").unwrap();
    let log = home.path().join("log");
    let flags = ["--config", file.to_str().unwrap()];
    let process = Process::spawn_logging(in_memory(&flags), &log).unwrap();
    let status = Grpc::anonymous(process.address).await.create_role("role_a").await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains("--insecure-no-authorization"), "the way is told: {text}");

    let process =
        Process::spawn_logging(in_memory(&["--insecure-no-authorization"]), &log).unwrap();
    let anybody = Grpc::anonymous(process.address).await;
    assert_eq!(anybody.create_role("role_a").await.unwrap().code, 0);
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains("authorization is off"), "{text}");
}

#[tokio::test]
async fn a_first_password_that_breaks_the_rule_starts_nothing_and_makes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let weak = "weak-frotz";
    let mut command = serve(&data);
    command.env(ROOT_PASSWORD, weak);
    let text = refused(command, 2);
    for part in [
        "the password configured for root may not be set: ",
        "three of upper-case letters, lower-case letters, digits and special",
        "change common.security.defaultRootPassword",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains(weak), "{text}");
    assert!(!data.exists(), "nothing was created");
    // Nor is anything in a directory that was made for it, or in a store that is there and empty.
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = serve(&data);
    command.env(ROOT_PASSWORD, weak);
    assert_eq!(refused(command, 2), text);
    assert_eq!(fs::read_dir(&data).unwrap().count(), 0);
    SledStore::open(&data, SledOptions::default()).unwrap().close().unwrap();
    let mut command = serve(&data);
    command.env(ROOT_PASSWORD, weak);
    assert_eq!(refused(command, 2), text);
    let mut store = SledStore::open(&data, SledOptions::default()).unwrap();
    assert_eq!(store.load().unwrap().records, []);
    store.close().unwrap();

    // The built-in one is exempt, also where somebody has written it down.
    let mut command = serve(&data);
    command.env(ROOT_PASSWORD, ROOT.1);
    let process = Process::spawn(command).unwrap();
    assert!(Grpc::connect(process.address, ROOT).await.logs_in().await);
    process.kill();
    // And once root is there, the setting is nobody's password.
    let mut command = serve(&data);
    command.env(ROOT_PASSWORD, weak);
    let process = Process::spawn(command).unwrap();
    assert!(Grpc::connect(process.address, ROOT).await.logs_in().await);
}

#[tokio::test]
async fn in_milvus_mode_six_bytes_will_do_for_root() {
    let mut command = in_memory(&["--compat", "milvus"]);
    command.env(ROOT_PASSWORD, "abcdef");
    let process = Process::spawn(command).unwrap();
    assert!(Grpc::connect(process.address, ("root", "abcdef")).await.logs_in().await);
    let mut command = in_memory(&["--compat", "milvus"]);
    command.env(ROOT_PASSWORD, "abcde");
    assert!(refused(command, 2).contains("the password configured for root may not be set: "));
}
