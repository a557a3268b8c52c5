//! `milvus-rbac serve`, the release binary, on a state that is made before.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use milvus_rbac::config::Settings;
use milvus_rbac::credential::{Password, Peer};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::model::{
    Change, Credential, GrantId, Grantor, ObjectRow, Record, Role, RoleName, UserName,
};
use milvus_rbac::store::{SledOptions, SledStore};

use super::process::Process;

/// A user who is not root, with two roles like everybody, and the login in base64.
pub(crate) const LOGIN: &str = "dXNlcjE6UEBzc3cwcmQ=";
const PASSWORD: &[u8] = b"P@ssw0rd";
/// What that user may search, insert into and query, in the database `default`.
pub(crate) const COLLECTION: &[u8] = b"books";

const USERS: usize = 1_000;
const ROLES: usize = 100;
const GRANTS_PER_ROLE: usize = 100;

/// Changes that are made by one commit.
const AT_ONCE: usize = 1_000;

/// Fills a directory: 1,000 users with two roles each, 100 roles, 10,000 grants.
pub(crate) async fn fill(data: &Path) {
    let store = SledStore::open(data, SledOptions::default()).unwrap();
    let deployment = Deployment::open(Box::new(store), &Settings::default()).unwrap();
    deployment.admin().bootstrap(None).await.unwrap();
    let password = Password::from(PASSWORD.to_vec());
    let hash = deployment.verifier().hash(&password, Peer::LOCAL).await.unwrap();
    let users = (0..USERS).map(move |index| {
        let credential = Credential { hash: hash.clone(), description: None, time_tick: 0 };
        Record::User(user(index), credential)
    });
    let roles = (0..ROLES).map(|index| Record::Role(role(index), Role::default()));
    let bindings = (0..USERS).flat_map(|index| {
        [index, index * 7 + 1].map(|held| Record::Binding(user(index), role(held % ROLES)))
    });
    let grants = (0..ROLES).flat_map(|role| (0..GRANTS_PER_ROLE).map(move |at| (role, at)));
    let grants = grants.flat_map(|(role, at)| grant(role, at));
    let changes: Vec<Change> =
        users.chain(roles).chain(bindings).chain(grants).map(Change::Put).collect();
    for changes in changes.chunks(AT_ONCE) {
        let changes = changes.to_vec();
        let plan = move |_: &_| Ok::<_, std::convert::Infallible>(((), changes.clone()));
        assert!(deployment.admin().writer().submit(plan).await.unwrap().changed);
    }
    deployment.close().unwrap();
}

fn user(index: usize) -> UserName {
    UserName::new(&format!("user{index}")).unwrap()
}

fn role(index: usize) -> RoleName {
    RoleName::new(&format!("role{index}")).unwrap()
}

/// A grant as the store has it. The role of [`LOGIN`] has three on [`COLLECTION`].
fn grant(index: usize, at: usize) -> [Record; 2] {
    let privilege = ["Search", "Insert", "Query", "Delete"][at % 4];
    // What a role may do to one object stands under one id.
    let (object, id) = match (index, at) {
        (1, 0..3) => (format!("default.{}", std::str::from_utf8(COLLECTION).unwrap()), index << 16),
        _ => (format!("db{}.c{index}_{at}", at % 10), index << 16 | at),
    };
    let id = GrantId(format!("{id:016x}").into());
    let row = ObjectRow {
        role: role(index),
        object_type: "Collection".into(),
        object: object.as_str().into(),
    };
    let stored = format!("Privilege{privilege}");
    let grantor = Grantor("root".into());
    [Record::Row(row, id.clone()), Record::Privilege(id, stored.as_str().into(), grantor)]
}

/// The server on such a directory, in front of an upstream if there is one.
pub(crate) fn start(binary: &str, data: &Path, upstream: Option<SocketAddr>) -> Process {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MILVUS_RBAC_") {
            command.env_remove(name);
        }
    }
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command.arg("--store").arg(format!("sled:{}", data.display()));
    if let Some(upstream) = upstream {
        command.arg("--upstream").arg(format!("http://{upstream}"));
    }
    // Lines go nowhere, but are made.
    command.stderr(Stdio::null());
    Process::start(command, |line| {
        let listen = line.split_whitespace().find_map(|word| word.strip_prefix("listen="));
        listen?.split(',').next()
    })
}
