//! Has another process work in a directory, and sees by `strace` what it does to the files there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::trace::{self, Entry, Reader};
use crate::support::copy_directory;

/// Where the recorded process works.
const DATA: &str = "POWER_CUT_DATA";

/// Where a run was recorded.
pub(super) struct Home(PathBuf);

impl Home {
    pub(super) fn new(path: PathBuf) -> Self {
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// What the directory holds when the process begins, if that is anything.
    pub(super) fn before(&self) -> PathBuf {
        self.0.join("before")
    }

    /// The log of one of the ignored tests here in a process of its own, unless it was made before,
    /// and how many moments it has.
    pub(super) fn record(&self, test: &str) -> (Vec<Entry>, usize) {
        let (data, trace) = (self.0.join("data"), self.0.join("trace"));
        let has_before = self.before().exists();
        if !trace.exists() {
            if has_before {
                copy_directory(&self.before(), &data);
            }
            let mut command = Command::new("strace");
            command.args(["-f", "-y", "-xx", "-s", "4000000", "-e", "signal=none"]);
            command.args(["-e", trace::CALLS, "-o"]).arg(&trace);
            command.arg(std::env::current_exe().unwrap());
            command.args(["--exact", &format!("power_cut::{test}"), "--ignored"]).env(DATA, &data);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
        let acknowledged = notes_of(&data);
        let mut reader = Reader::new(&data, &acknowledged);
        if has_before {
            reader.begin_with(&self.before());
        }
        reader.read(&fs::read_to_string(&trace).unwrap())
    }
}

/// In the recorded process: where it works, and where it notes what has been acknowledged.
pub(super) fn places() -> (PathBuf, PathBuf) {
    let data: PathBuf = std::env::var_os(DATA).expect("nobody says where").into();
    let notes = notes_of(&data);
    (data, notes)
}

fn notes_of(data: &Path) -> PathBuf {
    data.with_extension("acknowledged")
}
