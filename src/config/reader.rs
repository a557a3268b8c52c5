//! Turns what was given into typed values, and remembers where each came from.
//!
//! It never stops at a mistake: it notes it and goes on with the default, so that all mistakes
//! are found in one run.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::key::{self, Kind};
use super::secret::Secret;
use super::settings::Compat;
use super::source::{Mistake, Source};

/// A value as it was written.
#[derive(Debug, Clone)]
#[cfg_attr(not(any(feature = "cli", test)), expect(dead_code, reason = "only a file holds lists"))]
pub(super) enum Value {
    /// One text. It may be a secret.
    Text(Secret),
    /// A list of texts, which only a file can hold.
    List(Vec<Secret>),
    /// A mapping, kept only as the fact that there is one.
    Mapping,
}

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) source: Source,
}

/// One line of `config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: &'static str,
    /// The value as it would be written in a file; `None` for a secret.
    pub(super) value: Option<String>,
    pub(super) source: Source,
}

/// What was given, what was made of it, and what was wrong with it.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The values that win, by canonical key.
    pub(super) given: BTreeMap<&'static str, Given>,
    /// Decides the defaults; read before everything else.
    pub(super) compat: Compat,
    pub(super) entries: Vec<Entry>,
    pub(super) mistakes: Vec<Mistake>,
    /// What the operator should know although nothing is wrong.
    pub(super) notices: Vec<String>,
}

impl Reader {
    /// Where the value of a key comes from; `None` if nobody gave one.
    pub(super) fn source(&self, key: &str) -> Option<Source> {
        self.given.get(key).map(|given| given.source.clone())
    }

    /// Notes a mistake in the value of a key.
    pub(super) fn mistake(&mut self, key: &str, text: &str) {
        let source = self.source(key);
        // A flag is its own name; behind a file or variable the key has to be said.
        let text = match source {
            Some(Source::Flag(_)) => text.to_owned(),
            _ => format!("{key}: {text}"),
        };
        self.mistakes.push(Mistake { source, text });
    }

    /// Reads a value, or takes the default. Entries are not made here.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        match parse(&self.given.get(key)?.value) {
            Ok(value) => Some(value),
            Err(text) => {
                self.mistake(key, &text);
                None
            }
        }
    }

    /// Notes what the value of a key is, for `config show`.
    pub(super) fn show(&mut self, key: &'static str, value: Option<String>) {
        let source = self.source(key).unwrap_or_else(|| match key::find(key).map(|key| key.kind) {
            Some(Kind::ByCompat) => Source::CompatDefault(self.compat),
            _ => Source::Default,
        });
        self.entries.push(Entry { key, value, source });
    }

    /// A switch.
    pub(super) fn switch(&mut self, key: &'static str, default: bool) -> bool {
        let value = self.read(key, |value| one(value, switch)).unwrap_or(default);
        self.show(key, Some(value.to_string()));
        value
    }

    /// A whole number within bounds.
    pub(super) fn number<N>(&mut self, key: &'static str, default: N, range: RangeInclusive<N>) -> N
    where
        N: FromStr + PartialOrd + Display + Copy,
    {
        let value = self.read(key, |value| one(value, |text| number(text, &range)));
        let value = value.unwrap_or(default);
        self.show(key, Some(value.to_string()));
        value
    }

    /// A time in milliseconds within bounds.
    pub(super) fn millis(
        &mut self,
        key: &'static str,
        default: Duration,
        range: RangeInclusive<u64>,
    ) -> Duration {
        let default = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.number(key, default, range))
    }

    /// A value that can be read from a text and written as one.
    pub(super) fn word<T>(&mut self, key: &'static str, default: T) -> T
    where
        T: FromStr<Err = String> + Display,
    {
        let value = self.read(key, |value| one(value, str::parse)).unwrap_or(default);
        self.show(key, Some(value.to_string()));
        value
    }

    /// A text; an empty one counts as none.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        let text = self.read(key, |value| one(value, |text| Ok(text.to_owned())));
        let text = text.filter(|text| !text.is_empty());
        self.show(key, Some(text.clone().unwrap_or_default()));
        text
    }

    /// Checks the value of a key that has no meaning here.
    pub(super) fn checked(&mut self, key: &'static str, parse: impl FnOnce(&str) -> bool) {
        self.read(key, |value| {
            one(value, |text| {
                if parse(text) { Ok(()) } else { Err(format!("`{text}` is no value for it")) }
            })
        });
    }

    /// A list, written as a list or with commas; `None` if nobody gave one.
    pub(super) fn list(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.read(key, list)
    }
}

/// Hands the one text of a value on. What the parser says must not repeat a secret.
pub(super) fn one<T>(
    value: &Value,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, String> {
    match value {
        Value::Text(text) => parse(text.expose()),
        Value::List(_) => Err("takes one value, not a list".to_owned()),
        Value::Mapping => Err("takes a value, not a mapping".to_owned()),
    }
}

/// The entries of a list, trimmed, without empty ones.
fn list(value: &Value) -> Result<Vec<String>, String> {
    let entries = |text: &str| {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    match value {
        Value::Text(text) => Ok(entries(text.expose())),
        Value::List(texts) => Ok(texts.iter().flat_map(|text| entries(text.expose())).collect()),
        Value::Mapping => Err("takes a list, not a mapping".to_owned()),
    }
}

/// Reads a switch.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("`{text}` is neither `true` nor `false`")),
    }
}

fn number<N>(text: &str, range: &RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    match text.parse::<N>() {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => {
            Err(format!("`{text}` is not a whole number from {} to {}", range.start(), range.end()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(Secret::new(text.to_owned()))
    }

    #[test]
    fn lists_may_be_written_either_way() {
        let plain = Value::List(vec![Secret::new("a".to_owned()), Secret::new(" b,c".to_owned())]);
        assert_eq!(list(&plain).unwrap(), ["a", "b", "c"]);
        assert_eq!(list(&text("a, b,,c")).unwrap(), ["a", "b", "c"]);
        assert!(list(&text("")).unwrap().is_empty());
        assert!(list(&Value::Mapping).is_err());
    }

    #[test]
    fn switches_take_two_words_in_any_case() {
        assert_eq!(switch("True"), Ok(true));
        assert_eq!(switch("false"), Ok(false));
        for text in ["", "yes", "1", "on"] {
            assert!(switch(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_outside_the_bounds_name_the_bounds() {
        assert_eq!(number("14", &(4..=14)), Ok(14));
        for text in ["15", "3", "-4", "4.0", "", "99999999999999999999"] {
            let error = number::<u32>(text, &(4..=14)).unwrap_err();
            assert!(error.ends_with("from 4 to 14"), "{error}");
        }
    }
}
