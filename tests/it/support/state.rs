//! States made of records, as the operations would store them, for decisions without a server.

use milvus_rbac::model::{
    Change, Credential, GrantId, Grantor, ObjectRow, ObjectType, PasswordHash, Privilege,
    PrivilegeGroup, Record, Role, RoleName, UserName,
};
use milvus_rbac::snapshot::Snapshot;

/// Gives a state its records one after another.
#[derive(Default)]
pub(crate) struct State(pub(crate) Snapshot);

pub(crate) fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

pub(crate) fn user(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

/// The row of a role on a stored object, with an id that is its own.
pub(crate) fn row(name: &str, object_type: &str, object: &str) -> (ObjectRow, GrantId) {
    let row =
        ObjectRow { role: role(name), object_type: object_type.into(), object: object.into() };
    (row, GrantId(format!("{name}/{object_type}/{object}").into()))
}

impl State {
    pub(crate) fn put(&mut self, record: Record) {
        self.0.apply(&Change::Put(record));
    }

    pub(crate) fn user(&mut self, name: &str) {
        let hash = PasswordHash::new("");
        self.put(Record::User(user(name), Credential { hash, description: None, time_tick: 0 }));
    }

    pub(crate) fn role(&mut self, name: &str) {
        self.put(Record::Role(role(name), Role::default()));
    }

    pub(crate) fn bind(&mut self, name: &str, held: &str) {
        self.put(Record::Binding(user(name), role(held)));
    }

    pub(crate) fn group(&mut self, name: &str, members: &[&str]) {
        let mut privileges: Vec<_> = members.iter().map(|name| (*name).into()).collect();
        privileges.sort();
        self.put(Record::Group(PrivilegeGroup { name: name.into(), privileges }));
    }

    /// A stored grant, text by text.
    pub(crate) fn stored(&mut self, name: &str, object_type: &str, object: &str, text: &str) {
        let (row, id) = row(name, object_type, object);
        self.put(Record::Row(row, id.clone()));
        self.put(Record::Privilege(id, text.into(), Grantor("root".into())));
    }

    /// A grant by object (v1), with what comes along.
    pub(crate) fn grant(
        &mut self,
        name: &str,
        object_type: &str,
        database: &str,
        object: &str,
        privilege: &str,
    ) {
        let object = if object_type == "Global" { "*" } else { object };
        let database = if database.is_empty() { "default" } else { database };
        for text in with_related(privilege) {
            self.stored(name, object_type, &format!("{database}.{object}"), &text);
        }
    }

    /// A grant by level (v2): the type follows from the privilege.
    pub(crate) fn grant_v2(&mut self, name: &str, database: &str, collection: &str, what: &str) {
        let privilege = Privilege::from_name(what);
        let object_type = privilege.and_then(Privilege::v1_object_type);
        let object_type = object_type.unwrap_or(ObjectType::Global).as_str();
        for text in with_related(what) {
            self.stored(name, object_type, &format!("{database}.{collection}"), &text);
        }
    }

    pub(crate) fn settled(mut self) -> Snapshot {
        self.0.settle();
        self.0
    }
}

/// The stored text of a privilege or group and of what is granted along with it.
fn with_related(name: &str) -> Vec<String> {
    let Some(privilege) = Privilege::from_name(name) else {
        return vec![if name == "*" { name.to_owned() } else { format!("PrivilegeGroup{name}") }];
    };
    let related = privilege.related().iter().filter_map(|name| Privilege::from_name(name));
    [privilege].into_iter().chain(related).map(Privilege::stored_name).collect()
}
