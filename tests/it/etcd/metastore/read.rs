//! What a server shows and decides of the stores in the dump, part by part.

use std::collections::{BTreeMap, BTreeSet};

use milvus_rbac::credential::{Caller, Login, Peer};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::model::{Level, ObjectType, Privilege};
use milvus_rbac::policy::{Claims, Home, Need, ObjectSource, Requirement};
use milvus_rbac::proto::milvus as pb;
use serde_json::Value;

use super::dump;
use crate::support::{Grpc, TestServer};

/// A login of the dump, and whether it is accepted.
type LoginCase = (String, String, bool);

/// What is to be read from one store.
#[derive(Default)]
pub(super) struct Expected {
    users: BTreeMap<String, String>,
    roles: BTreeMap<String, String>,
    user_roles: BTreeMap<String, BTreeSet<String>>,
    role_users: BTreeMap<String, BTreeSet<String>>,
    groups: BTreeMap<String, BTreeSet<String>>,
    /// Role, type, object, database, privilege, grantor.
    pub(super) grants: BTreeSet<[String; 6]>,
    passwords: BTreeMap<String, String>,
    logins: Vec<LoginCase>,
    decisions: Vec<Decision>,
}

/// May this user exercise this privilege on this object?
#[derive(Debug)]
struct Decision {
    user: String,
    object_type: String,
    privilege: String,
    database: String,
    object: String,
    allowed: bool,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = String> {
    value.as_array().into_iter().flatten().map(text)
}

fn map(value: &Value) -> impl Iterator<Item = (String, &Value)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value))
}

impl Expected {
    /// What the entries hold.
    pub(super) fn of_entries() -> Self {
        Self::default().and(&dump())
    }

    pub(super) fn of_older() -> Self {
        Self::default().and(&dump()["older"])
    }

    /// What the entries hold with the newer ones on top.
    pub(super) fn of_newer() -> Self {
        Self::of_entries().and(&dump()["newer"])
    }

    fn and(mut self, part: &Value) -> Self {
        let expected = &part["expected"];
        self.users.extend(list(&expected["users"]).map(|user| (user, String::new())));
        self.users.extend(map(&expected["user_descriptions"]).map(|(user, of)| (user, text(of))));
        self.roles.extend(list(&expected["roles"]).map(|role| (role, String::new())));
        self.roles.extend(map(&expected["role_descriptions"]).map(|(role, of)| (role, text(of))));
        for (user, roles) in map(&expected["user_roles"]) {
            for role in list(roles) {
                self.role_users.entry(role).or_default().insert(user.clone());
            }
            self.user_roles.insert(user, list(roles).collect());
        }
        for (role, users) in map(&expected["role_users"]) {
            let users: BTreeSet<String> = list(users).collect();
            assert_eq!(self.role_users.get(&role).cloned().unwrap_or_default(), users);
        }
        self.groups.extend(
            map(&expected["privilege_groups"])
                .map(|(group, members)| (group, list(members).collect())),
        );
        let grants = expected["grants"].as_array().unwrap().iter();
        self.grants.extend(grants.map(|row| std::array::from_fn(|column| text(&row[column]))));
        for (user, password) in map(&part["passwords"]) {
            self.logins.push((user.clone(), text(password), true));
            self.logins.push((user.clone(), format!("x{}", text(password)), false));
            self.passwords.insert(user, text(password));
        }
        let logins = expected["logins"].as_array().into_iter().flatten();
        self.logins.extend(
            logins.map(|login| (text(&login[0]), text(&login[1]), login[2].as_bool().unwrap())),
        );
        self.decisions.extend(expected["decisions"].as_array().unwrap().iter().map(|row| {
            let [user, object_type, privilege, database, object] =
                std::array::from_fn(|column| text(&row[column]));
            let allowed = row[5].as_bool().unwrap();
            Decision { user, object_type, privilege, database, object, allowed }
        }));
        self
    }

    /// A grant that the start of a Milvus adds.
    pub(super) fn and_grant(mut self, grant: [&str; 6]) -> Self {
        self.grants.insert(grant.map(str::to_owned));
        self
    }

    /// Asks a server for everything. The number of decisions.
    pub(super) async fn check(&self, server: &TestServer) -> usize {
        let root = server.grpc(("root", &self.passwords["root"])).await;
        self.check_lists(&root).await;
        for (user, password, accepted) in &self.logins {
            let login = server.grpc((user, password)).await;
            assert_eq!(login.logs_in().await, *accepted, "{user} with {password}");
        }
        self.check_decisions(&server.deployment).await
    }

    async fn check_lists(&self, root: &Grpc) {
        let users: Vec<&String> = self.users.keys().collect();
        assert_eq!(root.list_users().await.unwrap().iter().collect::<Vec<_>>(), users);
        let request = pb::SelectUserRequest { include_role_info: true, ..Default::default() };
        let answer = root.rpc().select_user(request).await.unwrap().into_inner();
        let mut user_roles = BTreeMap::new();
        for result in answer.results {
            let name = result.user.unwrap().name;
            assert_eq!(result.description, self.users[&name], "{name}");
            let roles: BTreeSet<String> = result.roles.into_iter().map(|role| role.name).collect();
            user_roles.insert(name, roles);
        }
        assert_eq!(user_roles, self.user_roles);

        let request = pb::SelectRoleRequest { include_user_info: true, ..Default::default() };
        let answer = root.rpc().select_role(request).await.unwrap().into_inner();
        let (mut roles, mut role_users) = (BTreeMap::new(), BTreeMap::new());
        for result in answer.results {
            let role = result.role.unwrap();
            let users: BTreeSet<String> = result.users.into_iter().map(|user| user.name).collect();
            if !users.is_empty() {
                role_users.insert(role.name.clone(), users);
            }
            roles.insert(role.name, role.description);
        }
        assert_eq!(roles, self.roles);
        let held = self.role_users.iter().filter(|(_, users)| !users.is_empty());
        assert_eq!(role_users, held.map(|(role, users)| (role.clone(), users.clone())).collect());

        let mut grants = BTreeSet::new();
        for role in self.roles.keys() {
            grants.extend(grants_of(root, role).await);
        }
        assert_eq!(grants, self.grants);
        assert_eq!(custom_groups(root).await, self.groups);
    }

    async fn check_decisions(&self, deployment: &Deployment) -> usize {
        let mut callers = BTreeMap::new();
        for (user, password) in &self.passwords {
            callers.insert(user.clone(), caller(deployment, user, password).await.unwrap());
        }
        for decision in &self.decisions {
            let Decision { user, object_type, privilege, database, object, allowed } = decision;
            let found =
                may(deployment, &callers[user], (object_type, privilege), (database, object));
            assert_eq!(found, *allowed, "{decision:?}");
        }
        self.decisions.len()
    }
}

/// All grants of a role: itself, type, object, database, privilege, grantor.
pub(super) async fn grants_of(root: &Grpc, role: &str) -> Vec<[String; 6]> {
    let entity = pb::GrantEntity {
        role: Some(pb::RoleEntity { name: role.to_owned(), ..Default::default() }),
        db_name: "*".to_owned(),
        ..Default::default()
    };
    let request = pb::SelectGrantRequest { base: None, entity: Some(entity) };
    let answer = root.rpc().select_grant(request).await.unwrap().into_inner();
    let columns = |grant: pb::GrantEntity| {
        let grantor = grant.grantor.unwrap();
        [
            grant.role.unwrap().name,
            grant.object.unwrap().name,
            grant.object_name,
            grant.db_name,
            grantor.privilege.unwrap().name,
            grantor.user.unwrap().name,
        ]
    };
    answer.entities.into_iter().map(columns).collect()
}

/// Custom groups with their members: those that are not built in.
pub(super) async fn custom_groups(root: &Grpc) -> BTreeMap<String, BTreeSet<String>> {
    let request = pb::ListPrivilegeGroupsRequest { base: None };
    let answer = root.rpc().list_privilege_groups(request).await.unwrap().into_inner();
    let groups = answer.privilege_groups.into_iter();
    groups
        .filter(|group| Privilege::from_name(&group.group_name).is_none())
        .map(|group| {
            let members = group.privileges.into_iter().map(|member| member.name);
            (group.group_name, members.collect())
        })
        .collect()
}

/// Who logs in so, if that is accepted.
pub(super) async fn caller(deployment: &Deployment, user: &str, password: &str) -> Option<Caller> {
    let login = Login::new(user, password.as_bytes());
    deployment.authorizer().log_in(login, Peer::LOCAL).await.ok()
}

/// Whether a caller may do what takes this privilege on an object of this type, `*` for all.
pub(super) fn may(
    deployment: &Deployment,
    caller: &Caller,
    (object_type, privilege): (&str, &str),
    (database, object): (&str, &str),
) -> bool {
    let need = Need::Privilege {
        object_type: ObjectType::from_name(object_type).unwrap(),
        privilege: Privilege::from_name(privilege).unwrap(),
        level: Level::Collection,
    };
    // As an RPC that asks for exactly this, on the object that it names.
    let requirement: &'static Requirement = Box::leak(Box::new(Requirement {
        service: "",
        method: "",
        path: "",
        documented: need,
        milvus: need,
        home: Home::Data,
        database: None,
        object: ObjectSource::Nested(1),
        streaming: false,
        many_requests: false,
        served: true,
        conditions: &[],
    }));
    let objects = [object.to_owned()];
    let authorizer = deployment.authorizer();
    authorizer.decide(Some(caller), requirement, database, &objects, Claims::default()).is_allowed()
}
