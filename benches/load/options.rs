//! What can be said to a load bench behind `--`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::client::Shape;

/// How long and how often.
pub(crate) struct Options {
    /// Rounds that count (`--rounds`).
    pub(crate) rounds: usize,
    /// Length of each (`--seconds`).
    pub(crate) length: Duration,
    /// Only sections whose names begin so (`--only`).
    pub(crate) only: String,
    /// Only the load of this shape (`--shape CONNECTIONSxCALLS`).
    pub(crate) shape: String,
    /// The binary to be measured (`--binary`), if not the one that cargo has just built.
    pub(crate) binary: String,
    /// Where data is made, and found again by the next run (`--home`); a place that goes with this
    /// run, if none is named.
    home: Option<PathBuf>,
}

/// A directory, which may go with its handle.
pub(crate) enum Home {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Home {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(directory) => directory.path(),
        }
    }
}

impl Options {
    /// Reads the arguments. What cargo adds itself is passed over.
    pub(crate) fn read() -> Self {
        let mut options = Self {
            rounds: 7,
            length: Duration::from_secs(2),
            only: String::new(),
            shape: String::new(),
            binary: env!("CARGO_BIN_EXE_milvus-rbac").to_owned(),
            home: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_default();
            match argument.as_str() {
                "--rounds" => options.rounds = value().parse().expect("--rounds takes a number"),
                "--seconds" => {
                    let seconds = value().parse().expect("--seconds takes a number");
                    options.length = Duration::from_secs_f64(seconds);
                }
                "--only" => options.only = value(),
                "--shape" => options.shape = value(),
                "--binary" => options.binary = value(),
                "--home" => options.home = Some(value().into()),
                "--bench" => {}
                other => panic!("{other}: see benches/README.md for what there is"),
            }
        }
        options
    }

    /// Where data is made.
    pub(crate) fn home(&self) -> Home {
        match &self.home {
            Some(path) => {
                std::fs::create_dir_all(path).unwrap();
                Home::Kept(path.clone())
            }
            None => Home::Temporary(tempfile::tempdir().unwrap()),
        }
    }

    /// Whether this load is asked for.
    pub(crate) fn loads(&self, shape: Shape) -> bool {
        let name = format!("{}x{}", shape.connections, shape.in_flight);
        self.shape.is_empty() || self.shape == name
    }

    /// Whether this section is asked for.
    pub(crate) fn has(&self, section: &str) -> bool {
        section.starts_with(&self.only)
    }
}
