// The Node client against a fresh server: the page's snippets, then the error cases.

const { page } = require("./page");
const { errors } = require("./errors");

// A promise that is never settled would end the process quietly, with 0.
process.exitCode = 1;

async function main() {
  await page();
  await errors();
  // Not process.exitCode: the client's timers would keep the process.
  process.exit(0);
}

main();
