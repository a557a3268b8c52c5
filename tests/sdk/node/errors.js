// The error cases of the page's calls, on the server that the page has left, and
// what the page leaves out: bindings, descriptions, own password, drops.

const {
  UNAUTHENTICATED, WRONG_LOGIN, check, connect, doesNotLogIn, equal, logsIn, refused, rejected, succeeded,
} = require("./checks");

const PERMISSION_DENIED = 7;
const UNKNOWN_ROLE =
  "not found the role, maybe the role isn't existed or internal system error: invalid parameter";
const WEAK = "invalid password: three of upper-case letters, lower-case letters, digits and" +
  " special characters are required: invalid parameter";

async function names(client) {
  const users = await client.listUsers();
  const roles = await client.listRoles();
  return [users.usernames, roles.results.map((result) => result.role.name)];
}

async function rolesOf(client, username) {
  const answer = await client.describeUser({ username });
  return answer.results.map((result) => result.roles.map((role) => role.name));
}

async function badUsers(client) {
  const create = (username, password) => client.createUser({ username, password });
  refused("duplicate user", await create("user_1", "P@ssw0rd"),
    "CreateCredentialFailure", 1100, "user already exists: user_1: invalid parameter");
  refused("short password", await create("user_2", "P@ss1"),
    "IllegalArgument", 1100, "invalid password length: invalid parameter[5 out of range 8 <= value <= 64]");
  refused("weak password", await create("user_2", "password"), "IllegalArgument", 1100, WEAK);
  refused("bad user name: first character", await create("1abc", "P@ssw0rd"), "IllegalArgument", 1100,
    "invalid user name 1abc, the first character must be a letter, but got 1: invalid parameter");
  const other = await create("user-2", "P@ssw0rd");
  check("bad user name: other character",
    other.code === 1100 && other.reason.includes("invalid user name user-2"), other);
  refused("wrong old password",
    await client.updatePassword({ username: "user_1", oldPassword: "P@ssw0rd!", newPassword: "Another1!" }),
    "UnexpectedError", 1400, "old password not correct for user_1: not authenticated");
  refused("weak new password",
    await client.updatePassword({ username: "user_1", oldPassword: "P@ssw0rd", newPassword: "newpassword" }),
    "IllegalArgument", 1100, WEAK);
  refused("dropping root", await client.dropUser({ username: "root" }),
    "UnexpectedError", 1401, "root user cannot be deleted: privilege not permitted");
}

async function badRoles(client) {
  refused("duplicate role", await client.createRole({ roleName: "role_a" }),
    "CreateRoleFailure", 1100, 'role [name:"role_a"] already exists: invalid parameter');
  const bad = await client.createRole({ roleName: "1role" });
  check("bad role name", bad.code === 1100 && bad.reason.includes("role name"), bad);
  refused("binding an unknown role", await client.grantRole({ username: "user_1", roleName: "nobody" }),
    "OperateUserRoleFailure", 1100, UNKNOWN_ROLE);
  refused("unbinding an unknown role", await client.revokeRole({ username: "user_1", roleName: "nobody" }),
    "OperateUserRoleFailure", 1100, UNKNOWN_ROLE);
  refused("binding an unknown user", await client.grantRole({ username: "nobody", roleName: "role_a" }),
    "OperateUserRoleFailure", 1100,
    'failed to check if operate user role: user "nobody" not found: invalid parameter');
  refused("dropping an unknown role", await client.dropRole({ roleName: "nobody" }),
    "DropRoleFailure", 1100, UNKNOWN_ROLE);
  refused("dropping admin", await client.dropRole({ roleName: "admin" }), "UnexpectedError", 1401,
    "the role[admin] is a default role, which can't be dropped: privilege not permitted");
  refused("the grants of an unknown role", (await client.listGrants({ roleName: "nobody" })).status,
    "SelectGrantFailure", 1100, 'the role "nobody" does not exist: invalid parameter');
}

async function plainUser() {
  const user = connect("user_1:P@ssw0rd");
  await rejected("a plain user is refused listUsers", user.listUsers(), PERMISSION_DENIED,
    "PrivilegeSelectOwnership: permission deny to user_1 in the `*` database");
  await rejected("a plain user is refused createUser",
    user.createUser({ username: "user_2", password: "P@ssw0rd" }), PERMISSION_DENIED,
    "PrivilegeCreateOwnership: permission deny to user_1 in the `*` database");
  equal("a plain user sees himself, without roles", await rolesOf(user, "user_1"), [[]]);
  await user.closeConnection();
}

async function bindings(client) {
  succeeded("a role is bound", await client.grantRole({ username: "user_1", roleName: "role_a" }));
  succeeded("and bound again", await client.grantRole({ username: "user_1", roleName: "role_a" }));
  equal("the binding shows", await rolesOf(client, "user_1"), [["role_a"]]);
  const grants = await client.listGrants({ roleName: "role_a" });
  succeeded("the grants of a role are listed", grants.status);
  equal("and are none", grants.entities, []);
  equal("hasRole", (await client.hasRole({ roleName: "role_a" })).hasRole, true);
  succeeded("the role is unbound", await client.revokeRole({ username: "user_1", roleName: "role_a" }));
  equal("the binding is gone", await rolesOf(client, "user_1"), [[]]);
  equal("an unknown user is an empty answer", await rolesOf(client, "nobody"), []);
}

async function descriptions(client) {
  const description = async () => (await client.describeUser({ username: "user_d" })).results[0].description;
  succeeded("a user is made with a description",
    await client.createUser({ username: "user_d", password: "P@ssw0rd", description: "first" }));
  equal("the description shows", await description(), "first");
  succeeded("the description alone is updated",
    await client.updateUser({ username: "user_d", description: "second" }));
  equal("the new one shows", await description(), "second");
  await logsIn("the password is the one it was", "user_d", "P@ssw0rd");
  succeeded("the user is dropped", await client.dropUser({ username: "user_d" }));
  succeeded("a role is made with a description",
    await client.createRole({ roleName: "role_d", description: "first" }));
  succeeded("it is altered", await client.alterRole({ roleName: "role_d", description: "second" }));
  const role = await client.describeRole({ roleName: "role_d" });
  equal("and shows", role.results.map((result) => result.role.description ?? result.description), ["second"]);
  succeeded("the role is dropped", await client.dropRole({ roleName: "role_d" }));
}

async function ownPasswordAndDrops(client) {
  const user = connect("user_1:P@ssw0rd");
  succeeded("a user changes the own password",
    await user.updatePassword({ username: "user_1", oldPassword: "P@ssw0rd", newPassword: "NewP@ssw0rd" }));
  await rejected("the very next call with the old one is refused",
    user.describeUser({ username: "user_1" }), UNAUTHENTICATED, WRONG_LOGIN);
  await logsIn("the new one logs in", "user_1", "NewP@ssw0rd");
  await user.closeConnection();

  const gone = connect("user_1:NewP@ssw0rd");
  await gone.connectPromise;
  succeeded("a user is dropped", await client.dropUser({ username: "user_1" }));
  succeeded("and dropped again", await client.dropUser({ username: "user_1" }));
  await rejected("the very next call of a dropped user is refused",
    gone.describeUser({ username: "user_1" }), UNAUTHENTICATED, WRONG_LOGIN);
  await gone.closeConnection();
  succeeded("a role is dropped", await client.dropRole({ roleName: "role_a" }));
  equal("only root and admin are left", await names(client), [["root"], ["admin"]]);
}

exports.errors = async () => {
  const client = connect("root:Milvus");
  await doesNotLogIn("wrong password", "root", "milvus");
  await doesNotLogIn("unknown user", "nobody", "P@ssw0rd");
  await badUsers(client);
  await badRoles(client);
  equal("nothing of all this left a user or a role", await names(client),
    [["root", "user_1"], ["admin", "role_a"]]);
  await plainUser();
  await bindings(client);
  await descriptions(client);
  await ownPasswordAndDrops(client);
  const version = await client.getVersion();
  check("getVersion is a version-like text", /\d/.test(version.version), version);
  await client.closeConnection();
};
