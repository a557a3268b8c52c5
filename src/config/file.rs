//! Settings from a YAML file: ours, or a `milvus.yaml` as it is.
//!
//! Scalars are taken as they are written, so that `0123456` has seven characters, and every value
//! keeps its line. What the values mean is left to the sections.

use std::path::Path;
use std::sync::Arc;

use marked_yaml::types::{MarkedMappingNode, MarkedScalarNode, MarkedSequenceNode};
use marked_yaml::{LoadError, LoaderOptions, Node, Span};
use zeroize::Zeroizing;

use super::key::{self, Key, Kind};
use super::reader::{Given, Reader, Value};
use super::secret::Secret;
use super::source::{IgnoredKey, Mistake, Source};
use super::unknown_key::{Unknown, is_section, judge_unknown};

/// Puts the values of a file over what the reader was given so far, and gives the keys that are
/// not for us.
pub(super) fn apply(reader: &mut Reader, path: &Path) -> Vec<IgnoredKey> {
    let shown: Arc<str> = path.to_string_lossy().into();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) => {
            let text = format!("cannot read `{shown}`: {error}");
            reader.mistakes.push(Mistake { source: Some(Source::Flag("--config")), text });
            return Vec::new();
        }
    };
    // Some editors put a byte order mark in front, which the parser takes for a part of the key.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut file = File { path: shown, reader, ignored: Vec::new() };
    if let Some(line) = second_document(text) {
        file.mistake(line, "a second document begins here; only one can be read".to_owned());
    }
    let options = LoaderOptions::default().error_on_duplicate_keys(true).prevent_coercion(true);
    match marked_yaml::parse_yaml_with_options(0, text, options) {
        Ok(Node::Mapping(mapping)) => file.mapping("", &mapping),
        Ok(Node::Scalar(_) | Node::Sequence(_)) => {
            file.mistake(1, "the file must be a mapping of settings".to_owned());
        }
        Err(error) => file.unreadable(&error),
    }
    file.ignored
}

/// The line where a second document begins. The parser would drop it without a word.
fn second_document(text: &str) -> Option<usize> {
    let marker = |line: &str| {
        line.strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    };
    let content = |line: &str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with(['#', '%'])
    };
    let mut lines = text.lines().enumerate().skip_while(|(_, line)| !content(line));
    // The first line of content may itself be the marker of the first document.
    lines.next()?;
    lines.find(|(_, line)| marker(line)).map(|(index, _)| index + 1)
}

/// A file being read.
struct File<'a> {
    path: Arc<str>,
    reader: &'a mut Reader,
    ignored: Vec<IgnoredKey>,
}

impl File<'_> {
    fn at(&self, line: usize) -> Source {
        Source::File { path: Arc::clone(&self.path), line }
    }

    fn mistake(&mut self, line: usize, text: String) {
        let source = Some(self.at(line));
        self.reader.mistakes.push(Mistake { source, text });
    }

    fn unreadable(&mut self, error: &LoadError) {
        let (line, text) = match error {
            LoadError::TopLevelMustBeMapping(mark) | LoadError::TopLevelMustBeSequence(mark) => {
                (mark.line(), "the file must be a mapping of settings".to_owned())
            }
            LoadError::UnexpectedAnchor(mark) => {
                (mark.line(), "anchors are not supported; write the value out".to_owned())
            }
            LoadError::MappingKeyMustBeScalar(mark) => {
                (mark.line(), "a key must be a plain word".to_owned())
            }
            LoadError::UnexpectedTag(mark) => {
                (mark.line(), "tags are not supported; write the value without".to_owned())
            }
            LoadError::ScanError(mark, error) => {
                (mark.line(), format!("not YAML: {}", error.info()))
            }
            LoadError::DuplicateKey(both) => {
                let first = line_of(both.prev_key.span());
                let key = without_value(both.key.as_str());
                (line_of(both.key.span()), format!("`{key}` is already in line {first}"))
            }
        };
        self.mistake(line, text);
    }

    fn mapping(&mut self, parent: &str, mapping: &MarkedMappingNode) {
        for (name, node) in mapping.iter() {
            let line = line_of(name.span());
            let path = if parent.is_empty() {
                name.as_str().to_owned()
            } else {
                format!("{parent}.{}", name.as_str())
            };
            if let Some(key) = key::find(&path) {
                self.value(key, line, node);
            } else if is_section(&path) {
                self.section(&path, line, node);
            } else {
                self.unknown(path, line);
            }
        }
    }

    fn section(&mut self, path: &str, line: usize, node: &Node) {
        match node {
            Node::Mapping(mapping) => self.mapping(path, mapping),
            Node::Scalar(scalar) if is_null(scalar) => {}
            // What stands there is not repeated: a colon without a space behind makes a
            // password part of it.
            Node::Scalar(_) | Node::Sequence(_) => {
                self.mistake(
                    line,
                    format!("{path}: settings must stand below it, each with a colon and a space"),
                );
            }
        }
    }

    fn unknown(&mut self, path: String, line: usize) {
        match judge_unknown(&path) {
            Unknown::Foreign => {
                let source = self.at(line);
                self.ignored.push(IgnoredKey { key: path, source });
            }
            Unknown::Mistake { meant } => {
                let shown = without_value(&path);
                let mut text = format!("`{shown}` is no setting");
                if let Some(meant) = meant {
                    text = format!("{text}; did you mean `{meant}`?");
                } else if shown.len() < path.len() {
                    text.push_str("; a space is missing behind the colon");
                }
                self.mistake(line, text);
            }
        }
    }

    fn value(&mut self, key: &'static Key, line: usize, node: &Node) {
        let name = key.name;
        let value = match node {
            Node::Scalar(scalar) if is_null(scalar) => None,
            Node::Mapping(_) | Node::Sequence(_) if key.kind == Kind::Tree => {
                Some(Value::Text(Secret::new(as_json(node).to_string())))
            }
            Node::Scalar(scalar) => Some(Value::Text(Secret::new(scalar.as_str().to_owned()))),
            Node::Sequence(items) => {
                let Some(texts) = texts(items) else {
                    self.mistake(line, format!("{name}: takes a list of plain values"));
                    return;
                };
                Some(Value::List(texts))
            }
            Node::Mapping(_) => Some(Value::Mapping),
        };
        let source = self.at(line);
        if key.kind == Kind::Accepted {
            self.ignored.push(IgnoredKey { key: name.to_owned(), source: source.clone() });
        }
        let Some(value) = value else { return };
        // The parser finds only duplicates in the same spelling and the same mapping.
        if let Some(Source::File { line: first, .. }) = self.reader.source(name) {
            self.mistake(line, format!("{name}: is already in line {first}"));
            return;
        }
        self.reader.given.insert(name, Given { value, source });
    }
}

/// A tree as JSON, all scalars as texts.
fn as_json(node: &Node) -> serde_json::Value {
    match node {
        Node::Scalar(scalar) => serde_json::Value::from(scalar.as_str()),
        Node::Sequence(items) => items.iter().map(as_json).collect(),
        Node::Mapping(mapping) => {
            mapping.iter().map(|(name, node)| (name.as_str().to_owned(), as_json(node))).collect()
        }
    }
}

/// The texts of a list; `None` if there is something else in it.
fn texts(items: &MarkedSequenceNode) -> Option<Vec<Secret>> {
    let text = |node: &Node| node.as_scalar().map(|text| Secret::new(text.as_str().to_owned()));
    items.iter().map(text).collect()
}

/// Whether nothing stands there: a value left out, or one of YAML's words for it without quotes.
fn is_null(scalar: &MarkedScalarNode) -> bool {
    scalar.may_coerce() && matches!(scalar.as_str(), "" | "~" | "null" | "Null" | "NULL")
}

fn line_of(span: &Span) -> usize {
    span.start().map_or(1, marked_yaml::Marker::line)
}

/// A key as far as it is one: behind a colon without a space there may be a password.
fn without_value(key: &str) -> &str {
    key.split_once(':').map_or(key, |(name, _)| name)
}
