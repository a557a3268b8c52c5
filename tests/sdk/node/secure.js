// Over TLS: whose certificate is believed, and what the page would have left, made over an
// encrypted connection. The cases that follow use such connections, too.

const { MilvusClient } = require("@zilliz/milvus2-sdk-node");
const { check, connect, equal, succeeded, trusting } = require("./checks");

const UNAVAILABLE = 14;

// Checks that no call comes through, whatever the login.
async function doesNotConnect(what, transport) {
  const client = new MilvusClient({ ...transport, token: "root:Milvus", timeout: 3000, maxRetries: 1 });
  const outcome = await client.connectPromise.then(() => "connected", (error) => error);
  check(what, outcome.code === UNAVAILABLE, outcome.details ?? outcome);
  await client.closeConnection();
}

exports.secure = async () => {
  await doesNotConnect("TLS: another authority is not believed", trusting("other-ca.pem"));
  await doesNotConnect("TLS: plain text is not served", { address: "http://localhost:19530" });
  const client = connect("root:Milvus");
  succeeded("TLS: a user is made", await client.createUser({ username: "user_1", password: "P@ssw0rd" }));
  succeeded("TLS: a role is made", await client.createRole({ roleName: "role_a" }));
  equal("TLS: the users are listed", (await client.listUsers()).usernames, ["root", "user_1"]);
  await client.closeConnection();
};
