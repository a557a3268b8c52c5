// The Node snippets of the page "Create Users & Roles", in its order. Between the
// lines `snippet` and `end of snippet` stands the page's text, but for what a
// comment `repaired:` names. The checks stand outside.

const { equal, logsIn, doesNotLogIn, succeeded } = require("./checks");

// repaired: `await` needs an async function where there is `require`
exports.page = async () => {
  // snippet: Create a user
  const { MilvusClient, DataType } = require("@zilliz/milvus2-sdk-node")

  const address = "http://localhost:19530";
  const token = "root:Milvus";
  const client = new MilvusClient({address, token});

  const created = // repaired: the answer is kept, to be checked
  await client.createUser({
     username: 'user_1',
     password: 'P@ssw0rd',
   });
  // end of snippet

  succeeded("page: a user is made", created);
  await logsIn("page: the new user logs in", "user_1", "P@ssw0rd");

  let updated;
  { // repaired: a block of its own, as the page declares the same two names again
    // snippet: Update password
    const { MilvusClient, DataType } = require("@zilliz/milvus2-sdk-node")

    updated = // repaired: the answer is kept, to be checked
    await client.updateUser({
       username: 'user_1',
       newPassword: 'P@ssw0rd',
       oldPassword: 'NewP@ssw0rd',
    });
    // end of snippet
  }

  // The page hands in the two passwords the wrong way round. That must be
  // refused, by an answer and not by an exception, and change nothing.
  equal("page: the update with its passwords the wrong way round is refused",
    [updated.code, updated.error_code, updated.reason],
    [1400, "UnexpectedError", "old password not correct for user_1: not authenticated"]);
  await logsIn("page: the password is the one it was", "user_1", "P@ssw0rd");
  await doesNotLogIn("page: and not the other", "user_1", "NewP@ssw0rd");

  const users = // repaired: the answer is kept, to be checked
  // snippet: List users
  await client.listUsers();
  // end of snippet

  succeeded("page: the users are listed", users.status);
  equal("page: listUsers is the page's sample", users.usernames, ['root', 'user_1']);

  const role = // repaired: the answer is kept, to be checked
  // snippet: Create a role
  await client.createRole({
     roleName: 'role_a',
  });
  // end of snippet

  succeeded("page: a role is made", role);

  const roles = // repaired: the answer is kept, to be checked
  // snippet: List roles
  await client.listRoles({
      includeUserInfo: true
  });
  // end of snippet

  succeeded("page: the roles are listed", roles.status);
  equal("page: listRoles is the page's sample",
    roles.results.map((result) => result.role.name), ['admin', 'role_a']);

  // What the page says in words.
  const root = await client.describeUser({ username: "root" });
  equal("page: the default role of root is admin",
    root.results.map((result) => [result.user.name, result.roles.map((each) => each.name)]),
    [["root", ["admin"]]]);
  equal("page: and admin's users show root",
    roles.results.map((result) => result.users.map((user) => user.name)), [["root"], []]);
  await client.closeConnection();
};
