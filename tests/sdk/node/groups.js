// Privilege groups, backup and restore, and dropping all roles; on the server that
// privileges.js has left, with its users `limited` and `made_1` and its role.

const { connect, equal, logsIn, refused, succeeded } = require("./checks");
const { BUILT_IN, ROLE, denied, level, names, shown } = require("./privileges");

const ALTERABLE = "failed to check if privilege group alterable: ";
const CREATABLE = "failed to check if privilege group creatable: privilege group name ";
const BUILT_IN_NAME = "is defined by built in privileges or privilege groups in system: invalid parameter";

async function groups(client) {
  const listed = async () => names(await client.listPrivilegeGroups());
  const create = (group_name) => client.createPrivilegeGroup({ group_name });
  const add = (group_name, ...privileges) => client.addPrivilegesToGroup({ group_name, privileges });
  const remove = (group_name, ...privileges) => client.removePrivilegesFromGroup({ group_name, privileges });
  equal("the built-in groups", (await listed()).map(([name]) => name), BUILT_IN);
  equal("the content of one", (await listed())[3], ["DatabaseReadOnly", ["ShowCollections", "DescribeDatabase"]]);
  succeeded("a group is made", await create("pg_b"));
  succeeded("and another", await create("pg_a"));
  succeeded("members are added", await add("pg_a", "Search", "Query"));
  succeeded("and again", await add("pg_a", "Search"));
  equal("groups and members are listed by name", (await listed()).slice(0, -9),
    [["pg_a", ["Query", "Search"]], ["pg_b", []]]);
  succeeded("members are removed", await remove("pg_a", "Query", "Insert"));
  equal("and gone", (await listed())[0], ["pg_a", ["Search"]]);
  refused("a group made twice", await create("pg_a"), "CreatePrivilegeGroupFailure", 1100,
    `${CREATABLE}[pg_a] is defined by users: invalid parameter`);
  refused("a group named like a privilege", await create("Search"), "CreatePrivilegeGroupFailure", 1100,
    `${CREATABLE}[Search] ${BUILT_IN_NAME}`);
  refused("a bad name", await create("1pg"), "UnexpectedError", 1402,
    "1pg: invalid privilege group name[privilegeGroup=the first character of a privilege group name %s" +
      " must be an underscore or letter]");
  refused("an unknown group", await add("nothing", "Search"), "OperatePrivilegeGroupFailure", 1100,
    `${ALTERABLE}there is no privilege group name [nothing] defined in system to operate: invalid parameter`);
  refused("no members", await add("pg_a"), "OperatePrivilegeGroupFailure", 1100,
    `${ALTERABLE}privileges is empty when alter the privilege group: invalid parameter`);
  refused("an unknown member", await add("pg_a", "Nope"), "OperatePrivilegeGroupFailure", 1100, `${ALTERABLE}there is` +
    " no privilege name or privilege group name [Nope] defined in system to operate: invalid parameter");
  refused("members of different levels", await add("pg_a", "CreateCollection"), "OperatePrivilegeGroupFailure", 1100,
    `${ALTERABLE}privileges are not the same privilege level: invalid parameter`);
  refused("a group granted by object", await client.grantPrivilege(
    { roleName: ROLE, object: "Collection", objectName: "c1", privilegeName: "pg_a" }), "OperatePrivilegeFailure", 1100,
  "can not operate the custom privilege group [pg_a]: invalid parameter");
  for (const group_name of ["pg_b", "pg_b", "ClusterAdmin"]) {
    succeeded(`${group_name} is dropped, or there is nothing to drop`, await client.dropPrivilegeGroup({ group_name }));
  }
  equal("what is left", (await listed()).map(([name]) => name), ["pg_a", ...BUILT_IN]);
}

async function granted(client, user) {
  const members = { group_name: "pg_c", privileges: ["SelectOwnership"] };
  succeeded("a group", await client.createPrivilegeGroup({ group_name: "pg_c" }));
  succeeded("with a member", await client.addPrivilegesToGroup(members));
  await denied("gives nothing before it is granted", "SelectOwnership", user.listUsers());
  refused("is not granted below its level", await client.grantPrivilegeV2(level("pg_c", "default", "*")),
    "OperatePrivilegeFailure", 1100,
    "dbName and collectionName should be * for the cluster level privilege: pg_c: invalid parameter");
  succeeded("is granted", await client.grantPrivilegeV2(level("pg_c", "*", "*")));
  equal("and lets its holder list", (await user.listUsers()).usernames, ["limited", "made_1", "root"]);
  succeeded("the member is removed", await client.removePrivilegesFromGroup(members));
  await denied("refused on the next call", "SelectOwnership", user.listUsers());
  succeeded("the member is added", await client.addPrivilegesToGroup(members));
  equal("allowed on the next call", (await user.listUsers()).usernames, ["limited", "made_1", "root"]);
  refused("a granted group is not dropped", await client.dropPrivilegeGroup({ group_name: "pg_c" }),
    "DropPrivilegeGroupFailure", 1100, "failed to check if privilege group dropable: privilege group [pg_c] is used by" +
      ` role [${ROLE}], Use REVOKE API to revoke it first: invalid parameter`);
}

// What a backup holds, without what differs from version to version of the client.
function held({ RBAC_meta: meta }) {
  return {
    users: meta.users.map((each) => [each.user, each.password, each.roles.map((role) => role.name)]),
    roles: meta.roles.map((role) => role.name),
    grants: shown({ entities: meta.grants }),
    groups: names(meta),
  };
}

async function backup(client) {
  succeeded("a grant more", await client.grantPrivilegeV2(level("Search", "db1", "c1")));
  const first = await client.backupRBAC();
  succeeded("backupRBAC", first.status);
  const { users, ...others } = held(first);
  equal("the backup: users without root", users.map(([name, , roles]) => [name, roles]), [["limited", [ROLE]], ["made_1", []]]);
  equal("the backup: passwords are bcrypt hashes",
    users.map(([, hash]) => /^\$2a\$10\$[./A-Za-z0-9]{53}$/.test(hash)), [true, true]);
  equal("the backup: roles, grants and groups", others, {
    roles: [ROLE],
    grants: [
      [ROLE, "Collection", "c1", "db1", "Search", "root"],
      [ROLE, "Global", "*", "*", "pg_c", "root"],
    ],
    groups: [["pg_a", ["Search"]], ["pg_c", ["SelectOwnership"]]],
  });
  const { RBAC_meta } = first;
  const refusal = (text) => `failed to check if rbac restorable: ${text}: invalid parameter`;
  refused("restoreRBAC over what is there", await client.restoreRBAC({ RBAC_meta }),
    "OperatePrivilegeFailure", 1100, refusal(`role [${ROLE}] already exists`));

  succeeded("grants go", await client.revokePrivilegeV2(level("Search", "db1", "c1")));
  succeeded("all of them", await client.revokePrivilegeV2(level("pg_c", "*", "*")));
  succeeded("the role goes", await client.dropRole({ roleName: ROLE }));
  refused("a group in the way", await client.restoreRBAC({ RBAC_meta }),
    "OperatePrivilegeFailure", 1100, refusal("privilege group [pg_a] already exists"));
  for (const group_name of ["pg_a", "pg_c"]) {
    succeeded(`${group_name} goes`, await client.dropPrivilegeGroup({ group_name }));
  }
  refused("a user in the way", await client.restoreRBAC({ RBAC_meta }),
    "OperatePrivilegeFailure", 1100, refusal("user [limited] already exists"));
  for (const username of ["limited", "made_1"]) {
    succeeded(`${username} goes`, await client.dropUser({ username }));
  }
  equal("a refused restore leaves nothing", held(await client.backupRBAC()),
    { users: [], roles: [], grants: [], groups: [] });
  succeeded("restoreRBAC of nothing", await client.restoreRBAC({ RBAC_meta: {} }));
  succeeded("restoreRBAC", await client.restoreRBAC({ RBAC_meta }));
  equal("the next backup is the same", held(await client.backupRBAC()), held(first));
  await logsIn("a restored user logs in", "made_1", "NewP@ssw0rd");
  const user = connect("limited:P@ssw0rd");
  equal("a restored user has the restored rights", (await user.listUsers()).usernames, ["limited", "made_1", "root"]);
  await denied("and no others", "CreateOwnership", user.createUser({ username: "made_2", password: "P@ssw0rd" }));
  await user.closeConnection();
}

// It revokes without naming a database and reads through every part of a grant.
async function dropAll(client) {
  for (const wanted of [level("Search", "db1", "c1"), level("pg_c", "*", "*")]) {
    succeeded(`${wanted.privilege} is revoked`, await client.revokePrivilegeV2(wanted));
  }
  succeeded("a grant in default", await client.grantPrivilegeV2(level("Load", "default", "c1")));
  const answers = await client.dropAllRoles();
  equal("dropAllRoles drops all but admin", answers.map((each) => each.code), [1401, 0]);
  equal("no role is left", (await client.listRoles()).results.map((each) => each.role.name), ["admin"]);
  for (const username of ["limited", "made_1"]) {
    succeeded(`${username} is dropped`, await client.dropUser({ username }));
  }
  for (const group_name of ["pg_a", "pg_c"]) {
    succeeded(`${group_name} is dropped`, await client.dropPrivilegeGroup({ group_name }));
  }
  equal("only root is left", (await client.listUsers()).usernames, ["root"]);
}

exports.groups = async () => {
  const client = connect("root:Milvus");
  const user = connect("limited:P@ssw0rd");
  await groups(client);
  await granted(client, user);
  await user.closeConnection();
  await backup(client);
  await dropAll(client);
  await client.closeConnection();
};
