//! Every file of the fuzzers' corpus through the fuzzers' own checks, so that what a fuzzer once
//! found, and what it starts from, is tested wherever the tests run.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/checks/codec.rs"]
mod codec;
#[path = "../../fuzz/checks/header.rs"]
mod header;
#[path = "../../fuzz/checks/rest_body.rs"]
mod rest_body;
#[path = "../../fuzz/checks/scan.rs"]
mod scan;

/// Fewer than this many files means that a corpus got lost, not that it is small.
const AT_LEAST: usize = 24;

/// Runs a check on each file, and on each file cut short at every byte.
fn run(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= AT_LEAST, "{}: only {} files", folder.display(), files.len());
    for file in files {
        println!("{}", file.display());
        let bytes = fs::read(&file).unwrap();
        check(&bytes);
        for end in 0..bytes.len() {
            check(&bytes[..end]);
        }
    }
}

#[test]
fn headers_of_the_fuzz_corpus_are_read_as_another_decoder_reads_them() {
    run("header", header::check);
}

#[test]
fn bodies_of_the_fuzz_corpus_are_taken_or_refused_as_another_parser_would() {
    run("rest_body", rest_body::check);
}

#[test]
fn keys_and_records_of_the_fuzz_corpus_come_back_the_same() {
    run("codec", codec::check);
}

#[test]
fn names_in_the_messages_of_the_fuzz_corpus_are_those_that_a_decoder_reads() {
    run("scan", scan::check);
}
