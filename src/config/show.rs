//! What `config show` and `config check` print. Secrets are left blank.

use std::fmt::Write as _;

use super::Loaded;
use super::source::{Source, on_one_line};

impl Loaded {
    /// Every setting with its value and where that comes from, sorted by key. The text is itself
    /// a valid file with the same meaning, but for the secrets, which are left out as comments.
    pub fn show(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            let line = if let Some(value) = &entry.value {
                format!("{}: {}  # {}", entry.key, quoted(value), entry.source)
            } else {
                let given = if entry.source == Source::Default { "default" } else { "set" };
                format!("# {}: ({given})  # {}", entry.key, entry.source)
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", on_one_line(&line));
        }
        for flag in &self.switches {
            let _ = writeln!(text, "# {flag}");
        }
        text
    }

    /// That the configuration is valid, and what else the operator should know.
    pub fn check(&self) -> String {
        let mut text = "configuration is valid\n".to_owned();
        for notice in &self.notices {
            let _ = writeln!(text, "note: {}", on_one_line(notice));
        }
        if !self.ignored.is_empty() {
            let count = self.ignored.len();
            let keys = if count == 1 { "key is" } else { "keys are" };
            let _ = writeln!(text, "note: {count} {keys} not for this service and ignored");
        }
        text
    }
}

/// A value as YAML reads it back.
fn quoted(value: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_-./:,".contains(character);
    let starts =
        value.starts_with(|first: char| first.is_ascii_alphanumeric() || "./".contains(first));
    if starts && value.chars().all(plain) && !value.ends_with(':') {
        value.to_owned()
    } else {
        // Single quotes know one escape only, and take every other character as it is.
        format!("'{}'", value.replace('\'', "''"))
    }
}
