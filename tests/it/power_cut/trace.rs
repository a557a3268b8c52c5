//! What `strace` saw a process do to the files below a directory, as a log of what began and ended.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The system calls that the log is made of. `mmap` is watched because nothing may be written by it.
pub(super) const CALLS: &str = "trace=openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,\
                                ftruncate,truncate,fallocate,fsync,fdatasync,sync_file_range,\
                                rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,linkat,\
                                symlink,copy_file_range,sendfile,lseek,mmap,dup,dup2,dup3";

/// The first moment of a trace. Those before are for what was there when it began.
pub(super) const BEGIN: usize = 2;

/// Number of a file, whatever it is called.
pub(super) type FileId = usize;

/// What stands for a directory, which is no file of ours, but has a name.
pub(super) const DIRECTORY: FileId = FileId::MAX;

/// What was done.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Write {
        file: FileId,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: FileId,
        length: usize,
    },
    /// A name in a directory stands for this file from now on, or for none.
    Name {
        directory: PathBuf,
        name: PathBuf,
        file: Option<FileId>,
    },
    SyncFile(FileId),
    SyncDirectory(PathBuf),
    /// A revision was acknowledged.
    Acknowledged(u64),
}

/// A deed, with the moments between which it took place. One that never ended has none.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) deed: Deed,
    pub(super) begun: usize,
    pub(super) ended: usize,
}

/// Makes the log of the lines of `strace -f -y -xx`.
pub(super) struct Reader<'a> {
    data: &'a Path,
    acknowledged: &'a Path,
    /// Where the next `write` of a descriptor goes.
    positions: HashMap<u32, usize>,
    names: HashMap<PathBuf, FileId>,
    files: usize,
    log: Vec<Entry>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(data: &'a Path, acknowledged: &'a Path) -> Self {
        let (positions, names) = (HashMap::new(), HashMap::new());
        Self { data, acknowledged, positions, names, files: 0, log: Vec::new() }
    }

    /// Has the directory hold at the beginning what another holds, and all of that durable.
    pub(super) fn begin_with(&mut self, before: &Path) {
        self.add(before, Path::new(""));
    }

    fn add(&mut self, before: &Path, directory: &Path) {
        let mut sync = vec![Deed::SyncDirectory(self.data.join(directory))];
        for entry in fs::read_dir(before.join(directory)).unwrap() {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            let is_directory = entry.file_type().unwrap().is_dir();
            let file = if is_directory { DIRECTORY } else { self.new_file(&self.data.join(&path)) };
            let name = self.name(&self.data.join(&path), Some(file));
            self.at_once(0, [name]);
            if is_directory {
                self.add(before, &path);
            } else {
                let bytes = fs::read(entry.path()).unwrap();
                self.at_once(0, [Deed::Write { file, offset: 0, bytes }]);
                sync.push(Deed::SyncFile(file));
            }
        }
        self.at_once(1, sync);
    }

    fn at_once(&mut self, moment: usize, deeds: impl IntoIterator<Item = Deed>) {
        let entry = |deed| Entry { deed, begun: moment, ended: moment };
        self.log.extend(deeds.into_iter().map(entry));
    }

    fn new_file(&mut self, path: &Path) -> FileId {
        let file = self.files;
        self.files += 1;
        self.names.insert(path.to_owned(), file);
        file
    }

    /// The log, and how many moments it has.
    pub(super) fn read(mut self, trace: &str) -> (Vec<Entry>, usize) {
        let mut open: HashMap<&str, (usize, &str)> = HashMap::new();
        let mut moments = BEGIN;
        for (moment, line) in (BEGIN..).zip(trace.lines()) {
            moments = moment + 1;
            let Some((thread, call)) = line.split_once(' ') else { continue };
            let call = call.trim_start();
            if let Some(begun) = call.strip_suffix("<unfinished ...>") {
                open.insert(thread, (moment, begun));
            } else if call.starts_with("<... ") {
                let (begun, first) = open.remove(thread).unwrap();
                let (_, rest) = call.split_once("resumed>").unwrap();
                self.call(&format!("{first}{rest}"), begun, moment);
            } else {
                self.call(call, moment, moment);
            }
        }
        assert!(open.is_empty(), "calls never ended in these lines of the trace: {open:?}");
        (self.log, moments)
    }

    fn call(&mut self, text: &str, begun: usize, ended: usize) {
        let Some((name, rest)) = text.split_once('(') else { return };
        let Some((arguments, outcome)) = rest.rsplit_once(" = ") else { return };
        let arguments = arguments.trim_end().trim_end_matches(')');
        if outcome.starts_with('-') || outcome.starts_with('?') {
            return;
        }
        let arguments: Vec<&str> = arguments.split(", ").map(str::trim).collect();
        let result: usize =
            outcome.split(['<', ' ']).next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let deeds = self.deeds(name, &arguments, outcome, result);
        self.log.extend(deeds.into_iter().map(|deed| Entry { deed, begun, ended }));
    }

    fn deeds(&mut self, name: &str, arguments: &[&str], outcome: &str, result: usize) -> Vec<Deed> {
        match name {
            "openat" => {
                let path = decode(outcome.split_once('<').unwrap().1.trim_end_matches('>'));
                self.positions.insert(u32::try_from(result).unwrap(), 0);
                self.opened(&path, arguments[2])
            }
            "lseek" => {
                self.positions.insert(descriptor(arguments[0]), result);
                Vec::new()
            }
            "write" | "pwrite64" => self.written(name, arguments, result),
            "ftruncate" => {
                let length = arguments[1].parse().unwrap();
                let file = self.file(arguments[0]);
                file.map(|file| Deed::Truncate { file, length }).into_iter().collect()
            }
            "fsync" | "fdatasync" => {
                let path = path_of(arguments[0]);
                let file = self.names.get(&path).copied();
                match file {
                    _ if !path.starts_with(self.data) => Vec::new(),
                    Some(file) => vec![Deed::SyncFile(file)],
                    None => vec![Deed::SyncDirectory(path)],
                }
            }
            "rename" => {
                let (from, to) = (decode(quoted(arguments[0])), decode(quoted(arguments[1])));
                let Some(file) = self.names.remove(&from) else { return Vec::new() };
                self.names.insert(to.clone(), file);
                vec![self.name(&to, Some(file)), self.name(&from, None)]
            }
            "unlink" => {
                let path = decode(quoted(arguments[0]));
                let known = self.names.remove(&path).is_some();
                known.then(|| self.name(&path, None)).into_iter().collect()
            }
            "mkdir" => {
                let path = decode(quoted(arguments[0]));
                let inside = path.starts_with(self.data) && path != self.data;
                inside.then(|| self.name(&path, Some(DIRECTORY))).into_iter().collect()
            }
            // sled says with it what should be written soon; nothing waits for that.
            "sync_file_range" => Vec::new(),
            "mmap" => {
                let ours = arguments.get(4).is_some_and(|file| self.file(file).is_some());
                assert!(!ours, "a file is mapped, so that what is written to it is not seen");
                Vec::new()
            }
            other => {
                let ours = arguments.iter().any(|argument| {
                    let path =
                        if argument.contains('<') { path_of(argument) } else { PathBuf::new() };
                    path.starts_with(self.data)
                });
                assert!(!ours, "this test does not know what {other} does to files");
                Vec::new()
            }
        }
    }

    fn opened(&mut self, path: &Path, flags: &str) -> Vec<Deed> {
        if !path.starts_with(self.data) || flags.contains("O_DIRECTORY") || path.is_dir() {
            return Vec::new();
        }
        assert!(!flags.contains("O_APPEND"), "this test does not follow appends");
        match self.names.get(path) {
            Some(&file) if flags.contains("O_TRUNC") => vec![Deed::Truncate { file, length: 0 }],
            Some(_) => Vec::new(),
            None => {
                let file = self.new_file(path);
                vec![self.name(path, Some(file))]
            }
        }
    }

    fn written(&mut self, name: &str, arguments: &[&str], result: usize) -> Vec<Deed> {
        let mut bytes = decode_bytes(quoted(arguments[1]));
        if path_of(arguments[0]) == self.acknowledged {
            return vec![Deed::Acknowledged(u64::from_be_bytes(bytes.try_into().unwrap()))];
        }
        let Some(file) = self.file(arguments[0]) else { return Vec::new() };
        bytes.truncate(result);
        let offset = if name == "pwrite64" {
            arguments[3].parse().unwrap()
        } else {
            let position = self.positions.entry(descriptor(arguments[0])).or_default();
            *position += result;
            *position - result
        };
        vec![Deed::Write { file, offset, bytes }]
    }

    fn file(&self, argument: &str) -> Option<FileId> {
        argument.contains('<').then(|| self.names.get(&path_of(argument)).copied())?
    }

    fn name(&self, path: &Path, file: Option<FileId>) -> Deed {
        let directory = path.parent().unwrap().strip_prefix(self.data).unwrap().to_owned();
        Deed::Name { directory, name: path.file_name().unwrap().into(), file }
    }
}

fn descriptor(argument: &str) -> u32 {
    argument.split('<').next().unwrap().parse().unwrap()
}

/// `5</path>`, in hexadecimal.
fn path_of(argument: &str) -> PathBuf {
    decode(argument.split_once('<').unwrap().1.trim_end_matches('>'))
}

fn quoted(argument: &str) -> &str {
    assert!(!argument.ends_with("..."), "the trace leaves bytes out");
    argument.trim_matches('"')
}

fn decode(text: &str) -> PathBuf {
    PathBuf::from(String::from_utf8(decode_bytes(text)).unwrap())
}

/// `\x2f\x61`.
fn decode_bytes(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    text.as_bytes().chunks_exact(4).map(|byte| digit(byte[2]) << 4 | digit(byte[3])).collect()
}
