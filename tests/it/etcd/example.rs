//! `examples/fleet` does what it says, and leaves nothing behind.

use std::fs;

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
