//! Why TLS cannot be set up.

use std::path::{Path, PathBuf};

/// Why TLS cannot be set up. Nothing of a file's content is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file is not there, or not what it should be.
    #[error("cannot use {path} for TLS: {detail}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// No CA file was named, and the machine trusts nobody.
    #[error(
        "this machine names no authorities to trust ({detail}); install its certificates (on \
         Debian the package ca-certificates), or name a CA file"
    )]
    NoSystemRoots {
        /// What reading them said.
        detail: String,
    },
    /// What is wanted cannot be done with this version of the program, whatever the files are.
    #[error("TLS cannot be set up: {detail}")]
    Unsupported {
        /// Why not.
        detail: String,
    },
}

impl TlsError {
    /// Wraps what was wrong with a file.
    pub(super) fn of<E: ToString>(path: &Path) -> impl Fn(E) -> Self {
        move |error| Self::File { path: path.to_owned(), detail: error.to_string() }
    }

    /// Wraps what is nobody's fault but the program's.
    pub(super) fn unsupported(error: &impl ToString) -> Self {
        Self::Unsupported { detail: error.to_string() }
    }

    /// The file that is to blame, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::NoSystemRoots { .. } | Self::Unsupported { .. } => None,
        }
    }
}
