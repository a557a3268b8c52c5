//! Where a value comes from, and what is wrong with it: the two things that go together in a
//! message about the configuration.

use std::fmt;
use std::sync::Arc;

use super::settings::Compat;

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Source {
    /// Nobody set it.
    Default,
    /// Nobody set it, and its default depends on `rbac.compat`.
    CompatDefault(Compat),
    /// A line of the file.
    File {
        /// The file, as it was named.
        path: Arc<str>,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable, by name.
    Environment(String),
    /// A flag, with its dashes.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::CompatDefault(compat) => write!(f, "default of compat: {compat}"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A key of the file that is not for us.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IgnoredKey {
    /// The key, from the top, dotted; everything below it is ignored as well.
    pub key: String,
    /// Where it is.
    pub source: Source,
}

/// One mistake. Neither the value of a secret nor text that might hold one is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Where it is. `None` if it is in no single place.
    pub(super) source: Option<Source>,
    /// What is wrong and what to do.
    pub(super) text: String,
}

/// Everything that is wrong with a configuration; at least one mistake, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub(super) Vec<Mistake>);

impl ConfigErrors {
    /// These mistakes and those of another configuration, each once.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for mistake in other.0 {
            if !self.0.contains(&mistake) {
                self.0.push(mistake);
            }
        }
        self
    }

    /// How many mistakes there are.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            let line = match &mistake.source {
                Some(source) => format!("{source}: {}", mistake.text),
                None => mistake.text.clone(),
            };
            f.write_str(&on_one_line(&line))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Escapes what would start a new line or steer a terminal.
pub(super) fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_debug());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_is_one_line_with_its_place() {
        let errors = ConfigErrors(vec![
            Mistake {
                source: Some(Source::File { path: "a.yaml".into(), line: 3 }),
                text: "x: `1\n2\u{1b}` is wrong".to_owned(),
            },
            Mistake { source: None, text: "and this".to_owned() },
        ]);
        assert_eq!(errors.to_string(), "a.yaml:3: x: `1\\n2\\u{1b}` is wrong\nand this");
        assert_eq!(errors.len(), 2);
    }
}
