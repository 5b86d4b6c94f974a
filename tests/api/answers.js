// Prints an example of each answer of the OpenAPI document: `{operation: {status: body}}`, from newman's report of calls to an address. Lists are
// cut to two elements, long texts to 400 characters.
"use strict";

const fs = require("fs");

const [, , documentPath, reportPath, address] = process.argv;
const document = JSON.parse(fs.readFileSync(documentPath, "utf8"));
const report = JSON.parse(fs.readFileSync(reportPath, "utf8"));
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, { operationId, responses }]) => ({ method: method.toUpperCase(), path: path.split("/").slice(1), operationId, responses })),
);

// The operation of a request: the one whose path it has. A word of a path wins over a name in its place.
function operationOf({ method, url }) {
  const fits = (part, at) => part === url.path[at] || /^\{.*\}$/.test(part);
  const found = operations.filter((one) => one.method === method && one.path.length === url.path.length && one.path.every(fits));

  return found.sort((a, b) => a.path.filter((part) => part.startsWith("{")).length - b.path.filter((part) => part.startsWith("{")).length)[0];
}

function short(value) {
  if (Array.isArray(value)) return value.slice(0, 2).map(short);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, of]) => [key, short(of)]));
  if (typeof value !== "string") return value;
  // The names of this service, as a reader would call them.
  const named = value.replaceAll("test_api_", "").replaceAll(address, "http://localhost:7070");

  return named.length > 400 ? `${named.slice(0, 400)}…` : named;
}

const answers = {};
for (const { request, response } of report.run.executions) {
  const operation = operationOf(request);
  const documented = operation?.responses[response.code];
  if (response.code >= 300 || !documented?.content?.["application/json"]) continue;
  const body = short(JSON.parse(Buffer.from(response.stream.data).toString()));
  // The longest has most to tell.
  const of = (answers[operation.operationId] ??= {});
  const length = (answer) => JSON.stringify(answer ?? "").length;
  if (length(body) > length(of[response.code])) of[response.code] = body;
}
const sorted = Object.fromEntries(Object.entries(answers).sort(([a], [b]) => (a < b ? -1 : 1)));
process.stdout.write(`${JSON.stringify(sorted, null, 2)}\n`);
