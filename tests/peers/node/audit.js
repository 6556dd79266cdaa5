// The audits of graphql-http against one server. Prints, as JSON, how many of each level passed, and which did not.
import { auditServer } from "graphql-http";

const [url, key] = process.argv.slice(2);

const results = await auditServer({
  url,
  fetchFn: (address, init = {}) =>
    fetch(address, key ? { ...init, headers: { ...init.headers, authorization: `Bearer ${key}` } } : init),
});
const passed = {};
const failed = [];
for (const { name, status, reason } of results) {
  const level = name.split(" ", 1)[0];
  passed[level] ??= 0;
  if (status === "ok") passed[level] += 1;
  else failed.push(`${name}: ${reason}`);
}
console.log(JSON.stringify({ passed, failed }));
