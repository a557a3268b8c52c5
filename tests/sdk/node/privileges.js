// Grants of both kinds, what they let a limited user do, and what they do not; on the
// server that errors.js has left, where only root and admin are.

const { connect, equal, logsIn, refused, rejected, succeeded } = require("./checks");

const PERMISSION_DENIED = 7;
const ROLE = "role_p";
const BUILT_IN = [
  "ClusterReadOnly", "ClusterReadWrite", "ClusterAdmin", "DatabaseReadOnly", "DatabaseReadWrite",
  "DatabaseAdmin", "CollectionReadOnly", "CollectionReadWrite", "CollectionAdmin",
];
const NO_ROLE =
  'failed to operate privilege common check: the role "nobody" does not exist: invalid parameter';

const grant = (object, objectName, privilegeName, roleName = ROLE) =>
  ({ roleName, object, objectName, privilegeName });
const level = (privilege, db_name, collection_name, role = ROLE) =>
  ({ role, privilege, db_name, collection_name });
const shown = (answer) => answer.entities.map((each) => [
  each.role.name, each.object.name, each.object_name, each.db_name, each.grantor.privilege.name,
  each.grantor.user.name,
]);
const names = (answer) => answer.privilege_groups.map((each) =>
  [each.group_name, each.privileges.map((privilege) => privilege.name)]);

// What needs which privilege. None of it changes anything if it comes through by mistake.
const CALLS = [
  ["CreateOwnership", "createUser", (user) => user.createUser({ username: "1abc", password: "x" })],
  ["CreateOwnership", "createRole", (user) => user.createRole({ roleName: "1abc" })],
  ["DropOwnership", "dropUser", (user) => user.dropUser({ username: "nobody" })],
  ["DropOwnership", "dropRole", (user) => user.dropRole({ roleName: "nobody" })],
  ["SelectOwnership", "listUsers", (user) => user.listUsers()],
  ["SelectOwnership", "listRoles", (user) => user.listRoles()],
  ["SelectOwnership", "describeRole of one's own", (user) => user.describeRole({ roleName: ROLE })],
  ["SelectOwnership", "listGrants of another role", (user) => user.listGrants({ roleName: "admin" })],
  ["ManageOwnership", "grantRole", (user) => user.grantRole({ username: "limited", roleName: "nobody" })],
  ["ManageOwnership", "grantPrivilege", (user) => user.grantPrivilege(grant("Global", "*", "All", "nobody"))],
  ["ManageOwnership", "revokePrivilege", (user) => user.revokePrivilege(grant("Global", "*", "All", "nobody"))],
  ["ManageOwnership", "grantPrivilegeV2", (user) => user.grantPrivilegeV2(level("ClusterAdmin", "*", "*", "nobody"))],
  ["ManageOwnership", "revokePrivilegeV2", (user) => user.revokePrivilegeV2(level("ClusterAdmin", "*", "*", "nobody"))],
  ["SelectUser", "describeUser of another", (user) => user.describeUser({ username: "root" })],
  ["UpdateUser", "updatePassword of another",
    (user) => user.updatePassword({ username: "root", oldPassword: "wrong", newPassword: "Another1!" })],
  ["CreatePrivilegeGroup", "createPrivilegeGroup", (user) => user.createPrivilegeGroup({ group_name: "1abc" })],
  ["DropPrivilegeGroup", "dropPrivilegeGroup", (user) => user.dropPrivilegeGroup({ group_name: "nothing" })],
  ["ListPrivilegeGroups", "listPrivilegeGroups", (user) => user.listPrivilegeGroups()],
  ["OperatePrivilegeGroup", "addPrivilegesToGroup",
    (user) => user.addPrivilegesToGroup({ group_name: "nothing", privileges: ["Search"] })],
  ["OperatePrivilegeGroup", "removePrivilegesFromGroup",
    (user) => user.removePrivilegesFromGroup({ group_name: "nothing", privileges: ["Search"] })],
  ["BackupRBAC", "backupRBAC", (user) => user.backupRBAC()],
  ["RestoreRBAC", "restoreRBAC", (user) => user.restoreRBAC({ RBAC_meta: {} })],
];

function denied(what, privilege, call) {
  return rejected(what, call, PERMISSION_DENIED,
    `Privilege${privilege}: permission deny to limited in the \`*\` database`);
}

// The limited user is refused everything that needs another privilege than these.
async function refusedAllBut(user, what, ...allowed) {
  for (const [privilege, name, call] of CALLS) {
    if (!allowed.includes(privilege)) {
      await denied(`${what}: refused ${name}`, privilege, call(user));
    }
  }
}

async function byObject(client, user) {
  const listed = async (db_name) => shown(await client.listGrants({ roleName: ROLE, db_name }));
  await refusedAllBut(user, "a role without grants");
  succeeded("grantPrivilege", await client.grantPrivilege(grant("Collection", "c1", "Load")));
  succeeded("and again", await client.grantRolePrivilege(grant("Collection", "c1", "Load")));
  const load = ["GetLoadState", "GetLoadingProgress", "Load"].map((privilege) =>
    [ROLE, "Collection", "c1", "default", privilege, "root"]);
  equal("Load brings its related ones", await listed(), load);
  succeeded("of type Global", await client.grantPrivilege(grant("Global", "whatever", "CreateCollection")));
  succeeded("of type User", await client.grantPrivilege(grant("User", "root", "SelectUser")));
  succeeded("any privilege", await client.grantPrivilege(grant("Collection", "c1", "*")));
  succeeded("in another database", await client.grantPrivilegeV2(level("Search", "db1", "c1")));
  const rest = [
    [ROLE, "Collection", "c1", "default", "*", "root"],
    ...load,
    [ROLE, "Global", "*", "default", "CreateCollection", "root"],
    [ROLE, "User", "root", "default", "SelectUser", "root"],
  ];
  const search = [ROLE, "Collection", "c1", "db1", "Search", "root"];
  equal("listGrants: order and fields", await listed(), [search, ...rest]);
  equal("listGrants of one database", await listed("db1"), [search]);
  equal("listGrants of default", await listed("default"), rest);
  equal("selectGrant of one object",
    shown(await client.selectGrant({ roleName: ROLE, object: "User", objectName: "root" })), rest.slice(-1));
  equal("selectGrant of an object without grants",
    shown(await client.selectGrant({ roleName: ROLE, object: "User", objectName: "nobody" })), []);
  refused("selectGrant of an unknown type",
    (await client.selectGrant({ roleName: ROLE, object: "Nope", objectName: "c1" })).status,
    "SelectGrantFailure", 1100, "not found the object type[name: Nope], supported the object types:" +
      " [Collection Global User]: invalid parameter");
  equal("a user lists the grants of the own role", shown(await user.listGrants({ roleName: ROLE })), [search, ...rest]);
  await denied("a grant in default gives no cluster right", "SelectUser", user.describeUser({ username: "root" }));
  for (const [, object, objectName, , privilegeName] of rest.filter((each) => !/^GetLoad/.test(each[4]))) {
    succeeded(`revokePrivilege ${privilegeName}`,
      await client.revokePrivilege(grant(object, objectName, privilegeName)));
  }
  succeeded("and again", await client.revokeRolePrivilege(grant("Collection", "c1", "Load")));
  equal("the related ones went along, the other database stays", await listed(), [search]);
  succeeded("revokePrivilegeV2", await client.revokePrivilegeV2(level("Search", "db1", "c1")));
  equal("nothing is left", await listed(), []);
  for (const [what, reason, wanted] of [
    ["a privilege of another type",
      "not found the privilege name[CreateOwnership] in object[Collection]: invalid parameter",
      grant("Collection", "c1", "CreateOwnership")],
    ["an unknown type", "failed to operate privilege common check: the object entity in the request is nil or" +
      " invalid: invalid parameter", grant("Nope", "c1", "Search")],
    ["a built-in group", "can not operate the built-in privilege group [ClusterAdmin]: invalid parameter",
      grant("Global", "*", "ClusterAdmin")],
    ["an unknown role", NO_ROLE, grant("Collection", "c1", "Search", "nobody")],
  ]) {
    refused(`grantPrivilege: ${what}`, await client.grantPrivilege(wanted), "OperatePrivilegeFailure", 1100, reason);
    refused(`revokePrivilege: ${what}`, await client.revokePrivilege(wanted), "OperatePrivilegeFailure", 1100, reason);
  }
}

async function byLevel(client, user) {
  succeeded("CreateOwnership in default", await client.grantPrivilege(grant("Global", "*", "CreateOwnership")));
  await refusedAllBut(user, "CreateOwnership in default only");
  succeeded("CreateOwnership", await client.grantPrivilegeV2(level("CreateOwnership", "*", "*")));
  succeeded("a user is made", await user.createUser({ username: "made_1", password: "P@ssw0rd" }));
  await refusedAllBut(user, "CreateOwnership", "CreateOwnership");
  succeeded("it is revoked", await client.revokePrivilegeV2(level("CreateOwnership", "*", "*")));
  await refusedAllBut(user, "revoked: on the next call");
  succeeded("and in default", await client.revokePrivilege(grant("Global", "*", "CreateOwnership")));

  succeeded("SelectOwnership", await client.grantPrivilegeV2(level("SelectOwnership", "*", "*")));
  equal("users are listed", (await user.listUsers()).usernames, ["limited", "made_1", "root"]);
  equal("roles are listed", (await user.listRoles()).results.map((each) => each.role.name), ["admin", ROLE]);
  await refusedAllBut(user, "SelectOwnership", "SelectOwnership");
  succeeded("it is revoked", await client.revokePrivilegeV2(level("SelectOwnership", "*", "*")));

  succeeded("UpdateUser", await client.grantPrivilegeV2(level("UpdateUser", "*", "made_1")));
  refused("the old password is asked for",
    await user.updatePassword({ username: "made_1", oldPassword: "wrong", newPassword: "NewP@ssw0rd" }),
    "UnexpectedError", 1400, "old password not correct for made_1: not authenticated");
  succeeded("a password is set",
    await user.updatePassword({ username: "made_1", oldPassword: "P@ssw0rd", newPassword: "NewP@ssw0rd" }));
  await logsIn("it logs in", "made_1", "NewP@ssw0rd");
  await refusedAllBut(user, "UpdateUser on one user");
  succeeded("it is revoked", await client.revokePrivilegeV2(level("UpdateUser", "*", "made_1")));

  succeeded("a group", await client.grantPrivilegeV2(level("ClusterReadOnly", "*", "*")));
  equal("is listed under its name", shown(await client.listGrants({ roleName: ROLE })),
    [[ROLE, "Global", "*", "*", "ClusterReadOnly", "root"]]);
  await refusedAllBut(user, "ClusterReadOnly", "SelectOwnership", "SelectUser", "ListPrivilegeGroups");
  refused("a role with grants is not dropped", await client.dropRole({ roleName: ROLE }), "DropRoleFailure", 1100,
    "failed to check if drop role: fail to drop the role that it has privileges." +
      " Use REVOKE API to revoke privileges: invalid parameter");
  succeeded("the group is revoked", await client.revokePrivilegeV2(level("ClusterReadOnly", "*", "*")));
  await refusedAllBut(user, "the group revoked");
  const atLevel = "dbName and collectionName should be * for the cluster level privilege: ClusterAdmin";
  for (const [what, errorCode, code, reason, wanted] of [
    ["an unknown privilege", "OperatePrivilegeFailure", 1100, "not found the privilege name[Nope]: invalid parameter",
      level("Nope", "*", "*")],
    ["an unknown role", "OperatePrivilegeFailure", 1100, NO_ROLE, level("Search", "*", "*", "nobody")],
    ["a cluster group in one database", "OperatePrivilegeFailure", 1100, `${atLevel}: invalid parameter`,
      level("ClusterAdmin", "default", "*")],
    ["a database group on a collection", "OperatePrivilegeFailure", 1100,
      "collectionName should be * for the database level privilege: DatabaseReadOnly: invalid parameter",
      level("DatabaseReadOnly", "default", "c1")],
    ["a collection group on a collection of all databases", "OperatePrivilegeFailure", 1100,
      "please specify database name for the collection level privilege: CollectionReadOnly: invalid parameter",
      level("CollectionReadOnly", "*", "c1")],
    ["no collection", "IllegalArgument", 1100,
      "collection name should be not empty: invalid parameter[expected=not empty][actual=]",
      level("Search", "default", "")],
    ["a bad database name", "UnexpectedError", 802, "the first character of a database name must be an underscore" +
      " or letter: invalid database name[database=1db]", level("Search", "1db", "c1")],
  ]) {
    refused(`grantPrivilegeV2: ${what}`, await client.grantPrivilegeV2(wanted), errorCode, code, reason);
  }
}

Object.assign(exports, { BUILT_IN, ROLE, denied, level, names, shown });

exports.privileges = async () => {
  const client = connect("root:Milvus");
  succeeded("a limited user", await client.createUser({ username: "limited", password: "P@ssw0rd" }));
  succeeded("and a role", await client.createRole({ roleName: ROLE }));
  succeeded("that is bound", await client.grantRole({ username: "limited", roleName: ROLE }));
  const user = connect("limited:P@ssw0rd");
  await byObject(client, user);
  await byLevel(client, user);
  await user.closeConnection();
  await client.closeConnection();
};
