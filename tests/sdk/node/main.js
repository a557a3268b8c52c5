// The Node client against a fresh server: the page's snippets, then the error cases,
// grants, and groups. Over TLS something shorter stands for the page, whose address
// is plain text.

const { page } = require("./page");
const { secure } = require("./secure");
const { errors } = require("./errors");
const { privileges } = require("./privileges");
const { groups } = require("./groups");

// A promise that is never settled would end the process quietly, with 0.
process.exitCode = 1;

async function main() {
  await (process.env.SDK_TLS_DIR ? secure() : page());
  await errors();
  await privileges();
  await groups();
  // Not process.exitCode: the client's timers would keep the process.
  process.exit(0);
}

main();
