//! A state of any size, made for benches: the same records for the same size.

use std::path::Path;

use milvus_rbac::config::Settings;
use milvus_rbac::credential::{Password, Peer};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::model::{
    Change, Credential, GrantId, Grantor, ObjectRow, PasswordHash, ROOT_DEFAULT_PASSWORD, Record,
    Role, RoleName, UserName,
};
use milvus_rbac::store::{SledOptions, SledStore};

/// The password of everybody but root.
const PASSWORD: &[u8] = b"P@ssw0rd";
/// A user who is not root, and the login in base64.
pub(crate) const USER: &str = "user1";
pub(crate) const LOGIN: &str = "dXNlcjE6UEBzc3cwcmQ=";
/// Root's login, with the password that it has at first.
pub(crate) const ROOT_LOGIN: &str = "cm9vdDpNaWx2dXM=";
/// What [`USER`] may search, insert into and query, in the database `default`.
pub(crate) const COLLECTION: &[u8] = b"books";

/// Changes that are made by one commit.
const AT_ONCE: usize = 10_000;
/// Changes after which there is word of it.
const STEP: usize = 500_000;

/// How much of everything there is, besides root and its role.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) users: usize,
    pub(crate) roles: usize,
    pub(crate) roles_of_a_user: usize,
    pub(crate) grants_of_a_role: usize,
}

/// The library on a directory, in this process.
pub(crate) fn open(data: &Path) -> Deployment {
    let store = SledStore::open(data, SledOptions::default()).unwrap();
    Deployment::open(Box::new(store), &Settings::default()).unwrap()
}

/// Fills a directory, and says how far it is if that takes long.
pub(crate) async fn fill(data: &Path, size: Size) {
    let deployment = open(data);
    let root = Password::from(ROOT_DEFAULT_PASSWORD.as_bytes().to_vec());
    deployment.admin().bootstrap(Some(&root)).await.unwrap();
    let password = Password::from(PASSWORD.to_vec());
    let hash = deployment.verifier().hash(&password, Peer::LOCAL).await.unwrap();
    let mut records = records(size, hash);
    let (mut done, mut told) = (0, 0);
    loop {
        let changes: Vec<Change> = records.by_ref().take(AT_ONCE).map(Change::Put).collect();
        if changes.is_empty() {
            break;
        }
        done += changes.len();
        let plan = move |_: &_| Ok::<_, std::convert::Infallible>(((), changes.clone()));
        assert!(deployment.admin().writer().submit(plan).await.unwrap().changed);
        if done >= told + STEP {
            told = done;
            println!("   {done} records of {}", size.count());
        }
    }
    deployment.close().unwrap();
}

impl Size {
    /// Records that it comes to: a grant is two.
    fn count(self) -> usize {
        let Self { users, roles, roles_of_a_user, grants_of_a_role } = self;
        users * (1 + roles_of_a_user) + roles * (1 + 2 * grants_of_a_role)
    }
}

fn records(size: Size, hash: PasswordHash) -> impl Iterator<Item = Record> {
    let Size { users, roles, roles_of_a_user, grants_of_a_role } = size;
    let credentials = (0..users).map(move |index| {
        let credential = Credential { hash: hash.clone(), description: None, time_tick: 0 };
        Record::User(user(index), credential)
    });
    let made = (0..roles).map(|index| Record::Role(role(index), Role::default()));
    let bindings = (0..users).flat_map(move |index| {
        let held = (0..roles_of_a_user).map(move |at| (index * (1 + 6 * at) + at) % roles);
        held.map(move |held| Record::Binding(user(index), role(held)))
    });
    let grants = (0..roles).flat_map(move |role| (0..grants_of_a_role).map(move |at| (role, at)));
    credentials.chain(made).chain(bindings).chain(grants.flat_map(|(role, at)| grant(role, at)))
}

fn user(index: usize) -> UserName {
    UserName::new(&format!("user{index}")).unwrap()
}

fn role(index: usize) -> RoleName {
    RoleName::new(&format!("role{index}")).unwrap()
}

/// A grant as the store has it. A role of [`USER`] has three on [`COLLECTION`].
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
