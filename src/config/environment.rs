//! Settings from environment variables: `MILVUS_RBAC_`, then the key in upper case, dots as
//! underscores. A secret may stand in a file instead, named by the variable with `_FILE` behind.
//!
//! The environment is handed in, so that tests need none; only [`ProcessEnvironment`] reads it.

use std::ffi::{OsStr, OsString};
use std::fmt::Debug;

use zeroize::Zeroizing;

use super::key::{self, Key, Kind};
use super::reader::{Given, Reader, Value};
use super::secret::Secret;
use super::source::{Mistake, Source};

/// Variables with names and values.
pub trait Environment: Debug {
    /// All variables, ours and others.
    fn variables(&self) -> Vec<(OsString, OsString)>;
}

/// The variables of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variables(&self) -> Vec<(OsString, OsString)> {
        // Not `vars`: it panics at a value that is not UTF-8, wherever it comes from.
        std::env::vars_os().collect()
    }
}

/// Variables that were handed over: for tests, and for embedders that want none.
#[derive(Clone, Default)]
pub struct FixedEnvironment(Vec<(OsString, OsString)>);

impl FixedEnvironment {
    /// An environment of these variables.
    pub fn new<N: Into<OsString>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Environment for FixedEnvironment {
    fn variables(&self) -> Vec<(OsString, OsString)> {
        self.0.clone()
    }
}

// Values may be secrets, so that only names are printed.
impl Debug for FixedEnvironment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// What `RUST_LOG` says; `None` if it is unset, blank or not UTF-8.
#[cfg(feature = "cli")]
pub(crate) fn log_filter(environment: &dyn Environment) -> Option<String> {
    let (_, value) = environment.variables().into_iter().find(|(name, _)| name == "RUST_LOG")?;
    value.into_string().ok().filter(|text| !text.trim().is_empty())
}

/// Puts the variables over what the reader was given so far.
pub(super) fn apply(reader: &mut Reader, environment: &dyn Environment) {
    let mut variables: Vec<_> = environment
        .variables()
        .into_iter()
        .filter(|(name, _)| name.as_encoded_bytes().starts_with(key::PREFIX.as_bytes()))
        .collect();
    variables.sort();
    let mut from_here: Vec<(&'static str, String)> = Vec::new();
    for (name, value) in variables {
        let name = name.to_string_lossy().into_owned();
        let Some((key, in_file)) = meaning(&name) else {
            reader.mistakes.push(unknown(name));
            continue;
        };
        if let Some((_, other)) = from_here.iter().find(|(earlier, _)| *earlier == key.name) {
            let text = format!("{other} is set, too; only one of them can be meant");
            reader.mistakes.push(Mistake { source: Some(Source::Environment(name)), text });
            continue;
        }
        from_here.push((key.name, name.clone()));
        let value = if in_file { read_secret(&value) } else { as_text(&value) };
        let source = Source::Environment(name);
        match value {
            Ok(text) => {
                let value = Value::Text(text);
                reader.given.insert(key.name, Given { value, source });
            }
            Err(text) => reader.mistakes.push(Mistake { source: Some(source), text }),
        }
    }
}

/// The key that a variable sets, and whether its value is in a file.
fn meaning(name: &str) -> Option<(&'static Key, bool)> {
    let find = |name: &str| key::ALL.iter().find(|key| key.variable() == name);
    if let Some(key) = find(name) {
        return Some((key, false));
    }
    let key = find(name.strip_suffix("_FILE")?)?;
    (key.kind == Kind::Secret).then_some((key, true))
}

fn unknown(name: String) -> Mistake {
    let text = match key::suggest_variable(&name) {
        Some(meant) => format!("there is no such setting; did you mean {meant}?"),
        None => "there is no such setting; `milvus-rbac config show` lists them".to_owned(),
    };
    Mistake { source: Some(Source::Environment(name)), text }
}

fn as_text(value: &OsStr) -> Result<Secret, String> {
    let text = value.to_str().ok_or("the value is not UTF-8")?;
    Ok(Secret::new(text.to_owned()))
}

/// Reads the file that a variable names, without the line end that editors put behind.
fn read_secret(path: &OsStr) -> Result<Secret, String> {
    let shown = path.to_string_lossy();
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
    let bytes = Zeroizing::new(bytes);
    let text = str::from_utf8(&bytes).map_err(|_| format!("`{shown}` is not UTF-8"))?;
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(Secret::new(text.to_owned()))
}
