//! The examples of a fleet do what they say, and leave nothing behind.

use std::fs;

use crate::support::etcd::Cluster;
use crate::support::{Ended, run, unconfigured};

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn the_example_of_a_fleet_runs_to_its_end() {
    let home = tempfile::tempdir().unwrap();
    let mut command = unconfigured(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/fleet/run"));
    command.arg("--once").env("TMPDIR", home.path());
    command.env("MILVUS_RBAC_BINARY", env!("CARGO_BIN_EXE_milvus-rbac"));
    let Ended { code, stdout, stderr } = run(command, "");
    assert_eq!(code, Some(0), "{stdout}\n{stderr}");
    for line in [
        r#"replica 2, ann: users/list → {"code":0,"data":["ann","root"]}"#,
        r#"replica 3, ann: users/list → {"code":65535,"message""#,
        r#"replica 2, root: users/list → {"code":0,"data":["root"]}"#,
    ] {
        assert!(stdout.contains(line), "{line} is not in {stdout}");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "all is gone");
}

/// Runs `examples/embed_fleet.rs` on these endpoints.
fn embed_fleet(endpoints: &str) -> Ended {
    let mut command = unconfigured(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["run", "--quiet", "--example", "embed_fleet", "--", endpoints]);
    run(command, "")
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn three_proxies_in_one_program_see_a_revoke_by_one_of_them() {
    let cluster = Cluster::start(1);
    let Ended { code, stdout, stderr } = embed_fleet(&cluster.endpoints().join(","));
    assert_eq!(code, Some(0), "{stdout}\n{stderr}");
    for number in 1..=3 {
        for outcome in ["allowed", "denied"] {
            let line = format!("proxy {number}: {outcome}, after");
            assert!(stdout.contains(&line), "{line} is not in {stdout}");
        }
    }
    let left = cluster.dump("milvus-rbac-embed-fleet/");
    let users = |key: &[u8]| key.windows(4).any(|part| part == b"/ann");
    assert!(!left.iter().any(|(key, _)| users(key)), "ann is gone");

    cluster.kill(0);
    let Ended { code, stdout, .. } = embed_fleet(&cluster.endpoints().join(","));
    assert_eq!(code, Some(1), "without etcd it says so: {stdout}");
}
