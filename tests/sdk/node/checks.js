// One line per check, `ok …` or `FAILED …`; the runner counts them.

const { join } = require("node:path");
const { isDeepStrictEqual } = require("node:util");
const { MilvusClient } = require("@zilliz/milvus2-sdk-node");

const WRONG_LOGIN = "auth check failure, please check username and password are correct";
const UNAUTHENTICATED = 16;

// Over TLS that authority is believed and no other.
const trusting = (authority) => ({
  address: "https://localhost:19530",
  tls: { rootCertPath: join(process.env.SDK_TLS_DIR, authority) },
});
const TRANSPORT = process.env.SDK_TLS_DIR ? trusting("ca.pem") : { address: "http://localhost:19530" };

function check(what, isTrue, seen) {
  console.log(isTrue ? `ok ${what}` : `FAILED ${what}: got ${JSON.stringify(seen)}`);
}

function equal(what, seen, expected) {
  check(what, isDeepStrictEqual(seen, expected), seen);
}

// The client turns a call that the server does not have into an empty success,
// so an answer without these fields is a failure.
function succeeded(what, status) {
  check(what, status && status.error_code === "Success" && status.code === 0, status);
}

// A Status: the promise resolves.
function refused(what, answer, errorCode, code, reason) {
  equal(what, [answer.error_code, answer.code, answer.reason], [errorCode, code, reason]);
}

// A gRPC error: the promise rejects.
async function rejected(what, promise, code, details) {
  try {
    check(what, false, await promise);
  } catch (error) {
    equal(what, [error.code, error.details], [code, details]);
  }
}

// A client whose connecting may fail: the process would end if nobody looked at that.
function connect(token) {
  const client = new MilvusClient({ ...TRANSPORT, token });
  client.connectPromise.catch(() => {});
  return client;
}

async function logsIn(what, username, password) {
  const client = connect(`${username}:${password}`);
  try {
    const answer = await client.describeUser({ username });
    equal(what, answer.results.map((result) => result.user.name), [username]);
  } catch (error) {
    check(what, false, error.details);
  }
  await client.closeConnection();
}

async function doesNotLogIn(what, username, password) {
  const client = connect(`${username}:${password}`);
  await rejected(`${what}: connecting`, client.connectPromise, UNAUTHENTICATED, WRONG_LOGIN);
  await rejected(`${what}: a call`, client.describeUser({ username }), UNAUTHENTICATED, WRONG_LOGIN);
  await client.closeConnection();
}

module.exports = {
  UNAUTHENTICATED, WRONG_LOGIN, check, connect, doesNotLogIn, equal, logsIn, refused, rejected, succeeded,
  trusting,
};
