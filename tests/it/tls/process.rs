//! TLS as the operator meets it: settings, the ready line, files that cannot be used.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::{client, good, list};
use crate::process::{in_memory, refused};
use crate::support::{Certificates, Process, binary, serve};

/// Names the files in the environment of a command.
fn configured(mut command: Command, found: &Certificates, mode: &str) -> Command {
    command
        .env("MILVUS_RBAC_COMMON_SECURITY_TLSMODE", mode)
        .env("MILVUS_RBAC_TLS_SERVERPEMPATH", &found.server)
        .env("MILVUS_RBAC_TLS_SERVERKEYPATH", &found.server_key)
        .env("MILVUS_RBAC_TLS_CAPEMPATH", &found.ca);
    command
}

#[tokio::test]
async fn the_ready_line_says_what_is_spoken_and_the_log_who_may_read_the_key() {
    let found = Certificates::make();
    let log = found.home().join("log");
    fs::set_permissions(&found.server_key, fs::Permissions::from_mode(0o640)).unwrap();
    for (mode, spoken) in [("0", " tls=off "), ("1", " tls=server "), ("2", " tls=mutual ")] {
        let mut command = configured(binary(), &found, mode);
        command.args(["--store", "memory:", "--listen", "0.0.0.0:0"]);
        command.arg("--insecure-default-root-password");
        let mut process = Process::spawn_logging(command, &log).unwrap();
        assert!(process.ready.contains(spoken), "{}", process.ready);
        if mode != "0" {
            let address = ([127, 0, 0, 1], process.address.port()).into();
            let answer = list(address, &client(&found, Some(&good(&found)))).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        }
        process.terminate();
        assert!(process.wait().success());
        let text = fs::read_to_string(&log).unwrap();
        assert_eq!(text.contains("without TLS"), mode == "0", "{text}");
        assert_eq!(text.contains("others than its owner may read"), mode != "0", "{text}");
    }
    fs::set_permissions(&found.server_key, fs::Permissions::from_mode(0o600)).unwrap();
    let command = configured(in_memory(&[]), &found, "1");
    let process = Process::spawn_logging(command, &log).unwrap();
    process.kill();
    let text = fs::read_to_string(&log).unwrap();
    assert!(!text.contains("others than its owner"), "{text}");
}

#[test]
fn files_that_cannot_be_used_stop_the_start_before_anything_is_made() {
    let found = Certificates::make();
    let data = found.home().join("data");
    let foreign = Certificates::make();
    let refuse = |setting: &str, path: &Path, says: &str| {
        let mut command = configured(serve(&data), &found, "2");
        command.env(format!("MILVUS_RBAC_{}", setting.to_uppercase().replace('.', "_")), path);
        let text = refused(command, 2);
        assert!(text.contains(&format!("{setting}: cannot use {}", path.display())), "{text}");
        assert!(text.contains(says), "{text}");
        assert!(!data.exists(), "nothing was created");
    };
    let (nothing, empty) = (found.home().join("nothing.pem"), found.home().join("empty.pem"));
    fs::write(&empty, "").unwrap();
    for setting in ["tls.serverPemPath", "tls.serverKeyPath", "tls.caPemPath"] {
        refuse(setting, &nothing, "No such file");
        refuse(setting, found.home(), "it is no regular file");
    }
    refuse("tls.serverPemPath", &empty, "there is no certificate in it");
    refuse("tls.caPemPath", &empty, "there is no certificate in it");
    refuse("tls.serverKeyPath", &empty, "there is no private key in it");
    refuse("tls.serverKeyPath", &foreign.server_key, "it is not the key of ");
    let text = refused(configured(serve(&data), &found, "3"), 2);
    assert!(text.contains("MILVUS_RBAC_COMMON_SECURITY_TLSMODE"), "{text}");
    let mut command = configured(serve(&data), &found, "2");
    command.env("MILVUS_RBAC_TLS_CAPEMPATH", "");
    assert!(refused(command, 2).contains("2 needs tls.caPemPath"));
}
