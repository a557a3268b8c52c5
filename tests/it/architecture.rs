//! The rooms of the package and the doors between them, read from the source: who may use whom,
//! and what may happen only in one place.

use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms each room may use, beside itself. `grpc::codec` is one door of the room `grpc`.
const DOORS: [(&str, &[&str]); 24] = [
    ("model", &[]),
    ("clock", &[]),
    ("freshness", &["clock"]),
    ("log", &[]),
    ("gather", &[]),
    ("tls", &[]),
    ("snapshot", &["model"]),
    ("policy", &["model", "snapshot"]),
    ("store", &["model", "proto", "clock", "tls", "log"]),
    ("copy", &["model", "store"]),
    ("credential", &["model", "snapshot", "clock"]),
    ("writer", &["model", "snapshot", "store", "clock", "freshness"]),
    ("admin", &["model", "snapshot", "writer", "credential", "log"]),
    ("authorizer", &["model", "snapshot", "policy", "writer", "credential", "clock", "freshness"]),
    // `admin`: the table of errors gives each AdminError its code, for both APIs.
    ("api", &["model", "proto", "policy", "admin", "credential", "authorizer", "writer", "log"]),
    ("grpc", &["admin", "api", "credential", "proto", "clock", "model"]),
    ("rest", &["admin", "api", "credential", "layer", "policy", "model"]),
    ("layer", &["authorizer", "credential", "api", "proto", "policy", "clock", "model", "log"]),
    (
        "gateway",
        &[
            "admin",
            "api",
            "authorizer",
            "config",
            "credential",
            "gather",
            "layer",
            "log",
            "model",
            "policy",
            "proto",
            "snapshot",
            "tls",
        ],
    ),
    ("config", &["model"]),
    (
        "deployment",
        &[
            "admin",
            "authorizer",
            "clock",
            "config",
            "credential",
            "freshness",
            "policy",
            "store",
            "writer",
        ],
    ),
    ("telemetry", &["config"]),
    // The generated services name the codec that refuses what cannot be decoded.
    ("proto", &["grpc"]),
    (
        "server",
        &[
            "model",
            "clock",
            "freshness",
            "snapshot",
            "policy",
            "store",
            "credential",
            "writer",
            "admin",
            "authorizer",
            "api",
            "grpc",
            "rest",
            "layer",
            "config",
            "deployment",
            "telemetry",
            "proto",
            "log",
            "gather",
            "tls",
            "gateway",
        ],
    ),
];

/// What may lie in the repository's own folder.
const TOP: [&str; 18] = [
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    "proto",
    "src",
    "tests",
    "examples",
    "README.md",
    "benches",
    "fuzz",
    ".ci",
    ".gitignore",
    "rustfmt.toml",
    "clippy.toml",
    "deny.toml",
    "LICENSE",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
];

/// Most lines of a file without its tests.
const MOST_LINES: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A source file, by its path in the repository.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The room it belongs to: the folder or file right below `src`.
    fn room(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or_default();
        let first = inside.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Whether all of it is tests.
    fn is_tests(&self) -> bool {
        self.path.ends_with("/tests.rs")
    }

    /// Its lines up to the tests at its end, numbered from 1.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        self.text[..end].lines().enumerate().map(|(at, line)| (at + 1, line))
    }

    /// The same without comments.
    fn statements(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code().filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// How many `super` lead out of its room.
    fn levels_to_root(&self) -> usize {
        let inside = self.path.strip_prefix("src/").unwrap_or_default();
        let depth = inside.split('/').count();
        if inside.ends_with("/mod.rs") { depth - 1 } else { depth }
    }
}

fn collect(folder: &Path, sources: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            sources.push(Source { path, text });
        }
    }
}

fn sources(folder: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&root().join(folder), &mut sources);
    assert!(sources.len() > 10, "{folder} has not been found");
    sources
}

/// What follows each `crate::` of a line: the room, or a door of it such as `grpc::codec`.
fn used(line: &str) -> impl Iterator<Item = String> {
    line.match_indices("crate::").filter(|(at, _)| !line[..*at].ends_with('$')).map(|(at, word)| {
        let path = &line[at + word.len()..];
        let end = path.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        path[..end.unwrap_or(path.len())].to_owned()
    })
}

fn is_allowed(doors: &[&str], room: &str, path: &str) -> bool {
    let to = path.split("::").next().unwrap_or_default();
    to == room
        || doors.iter().any(|door| {
            path == *door || path.strip_prefix(door).is_some_and(|rest| rest.starts_with("::"))
        })
}

/// Fails with everything that is wrong, one per line.
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_room_uses_only_the_rooms_it_may() {
    let mut wrong = Vec::new();
    for source in sources("src").iter().filter(|source| !source.is_tests()) {
        let room = source.room();
        // The binary's own folder sees the package from outside.
        if ["main", "lib", "command"].contains(&room) {
            continue;
        }
        let Some((_, doors)) = DOORS.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!("{}: the room `{room}` has no row", source.path));
            continue;
        };
        for (number, line) in source.statements() {
            for path in used(line).filter(|path| !is_allowed(doors, room, path)) {
                wrong.push(format!("{}:{number}: {room} must not use {path}", source.path));
            }
            let supers = "super::".repeat(source.levels_to_root());
            if line.contains(&supers) {
                wrong.push(format!("{}:{number}: write crate:: instead of {supers}", source.path));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_reader_of_arrows_sees_them() {
    let found: Vec<String> = used("fn f(a: crate::model::Name) -> crate::{x} {").collect();
    assert_eq!(found, ["model::Name", ""]);
    assert!(is_allowed(&["model"], "policy", "model::Name"));
    assert!(is_allowed(&[], "policy", "policy::Need"));
    assert!(!is_allowed(&["model"], "policy", "models::Name"));
    assert!(!is_allowed(&["model"], "policy", ""));
    assert!(is_allowed(&["grpc::codec"], "layer", "grpc::codec::undecodable"));
    assert!(!is_allowed(&["grpc::codec"], "layer", "grpc::MilvusRpcs"));
    let source = |path: &str| Source { path: path.to_owned(), text: String::new() };
    for (path, room, levels) in [
        ("src/clock.rs", "clock", 1),
        ("src/rest/mod.rs", "rest", 1),
        ("src/rest/body.rs", "rest", 2),
        ("src/store/sled/mod.rs", "store", 2),
    ] {
        assert_eq!((source(path).room(), source(path).levels_to_root()), (room, levels));
    }
}

/// Places in code outside of tests where a word stands, except in files that may.
fn places(word: &str, may: impl Fn(&Source) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources("src").iter().filter(|source| !source.is_tests() && !may(source)) {
        for (number, line) in source.statements().filter(|(_, line)| line.contains(word)) {
            found.push(format!("{}:{number}: {}", source.path, line.trim()));
        }
    }
    found
}

#[test]
fn what_decides_never_waits() {
    let pure = ["model", "snapshot", "policy"];
    for word in ["async fn", "async move", "async {", ".await"] {
        assert_none(&places(word, |source| !pure.contains(&source.room())));
    }
}

#[test]
fn the_environment_is_read_in_one_place_and_the_clock_in_another() {
    for word in ["std::env", "env::var", "env::vars"] {
        assert_none(&places(word, |source| source.room() == "config"));
    }
    for word in ["SystemTime", "UNIX_EPOCH"] {
        assert_none(&places(word, |source| source.path == "src/clock.rs"));
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = [sources("src"), sources("tests")]
        .into_iter()
        .flatten()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    assert_none(&silent);
}

#[test]
fn no_file_is_longer_than_can_be_read_at_once() {
    let long: Vec<String> = sources("src")
        .iter()
        .filter(|source| !source.is_tests() && source.code().count() > MOST_LINES)
        .map(|source| format!("{}: {} lines", source.path, source.code().count()))
        .collect();
    assert_none(&long);
}

#[test]
fn nothing_lies_about_in_the_repository() {
    let mut found = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // Not part of it: what git and cargo keep there.
        if ![".git", "target"].contains(&name.as_str()) && !TOP.contains(&name.as_str()) {
            found.push(name);
        }
    }
    assert_none(&found);
}
