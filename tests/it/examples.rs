//! The examples that need nothing beside them do what they say.

use std::path::PathBuf;
use std::process::Command;

/// What an example prints. cargo builds the examples together with the tests.
fn printed(example: &str) -> String {
    let mut program: PathBuf = std::env::current_exe().unwrap();
    program.pop();
    program.set_file_name("examples");
    let output = Command::new(program.join(example)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_service_behind_the_layer_is_reached_by_those_who_may_and_knows_who_they_are() {
    assert_eq!(
        printed("embed_layer"),
        "\
user_1:P@ssw0rd asks for books
  the service searches books in default for user_1
  found something in books
user_1:P@ssw0rd asks for films
  refused: PrivilegeSearch: permission deny to user_1 in the `default` database
user_1:guess asks for books
  refused: auth check failure, please check username and password are correct
"
    );
}

#[test]
fn an_embedder_asks_who_calls_and_what_they_may() {
    assert_eq!(
        printed("embedded"),
        "\
user_1:P@ssw0rd, Search books: user_1 may
user_1:P@ssw0rd, Search films: user_1 may not
user_1:P@ssw0rd, CreateCredential : user_1 may not
user_1:guess, Search books: refused: auth check failure, please check username and password are correct
"
    );
}
