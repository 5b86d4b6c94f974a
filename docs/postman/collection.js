// Prints a Postman collection of the OpenAPI document that is named: the folder `walk`, then a folder per tag. The same document gives the same text.
"use strict";

const fs = require("fs");
const converter = require("openapi-to-postmanv2");
const walk = require("./walk.js");

const variables = {
  baseUrl: "http://localhost:7070",
  token: "",
  pipeline: "shop",
  source: "shop",
  table: "shop.orders",
  model: "shop.daily_revenue",
  order_id: "42",
  run_id: "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60",
  step: "extract",
  test: "accepted_values_orders_status",
  schema: "pipeline.json",
  consumer: "search_index",
  leftover: "old_shop.orders",
  webhook: "ops",
};

const description = `Run the folder \`walk\` from top to bottom: each request keeps in variables what the next ones need, so that those of the other
folders can be sent after it. \`baseUrl\`, \`pipeline\`, \`source\`, \`table\`, \`model\` and \`order_id\` are those of the sample pipeline, \`webhook\` is one of
your settings. \`token\` is a key that \`icefront key new\` made; without one, it stays empty. The rows of a failed test need a test with \`store_failures\` that failed; \`leftover\` is a table that was removed. Made from openapi/openapi.json by docs/postman/make.`;

// What holds of every answer.
const everyAnswer = `
if (pm.response.code >= 400) {
  pm.test("a problem says what to do", () => {
    const problem = pm.response.json();
    pm.expect(pm.response.headers.get("Content-Type")).to.eql("application/problem+json");
    pm.expect(problem.type).to.match(/^urn:icefront:problem:[a-z-]+$/);
    pm.expect(problem.status).to.eql(pm.response.code);
    pm.expect(problem.title).to.be.a("string").that.is.not.empty;
    pm.expect(problem.detail).to.be.a("string").that.is.not.empty;
  });
}
pm.test("the service is not at fault", () => pm.expect(pm.response.code === 504 || pm.response.code < 500).to.be.true);`;

const document = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));

converter.convertV2(
  { type: "string", data: JSON.stringify(document) },
  { folderStrategy: "Tags", parametersResolution: "Example", enableOptionalParameters: false },
  (error, result) => {
    if (error || !result.result) throw error || new Error(result.reason);
    const tags = result.output[0].data.item;
    const collection = {
      info: {
        name: document.info.title,
        description: `${document.info.description}\n\n${description}`,
        schema: "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
      },
      item: [walk.folder(test), ...tags.map(folder)],
      auth: { type: "bearer", bearer: [{ key: "token", value: "{{token}}", type: "string" }] },
      event: [test(everyAnswer)],
      variable: Object.entries(variables).map(([key, value]) => ({ key, value })),
    };
    process.stdout.write(`${JSON.stringify(collection, null, 2)}\n`);
  },
);

function test(script, listen = "test") {
  return { listen, script: { type: "text/javascript", exec: script.trim().split("\n") } };
}

function folder({ name, description, item }) {
  return { name, description, item: item.map(request) };
}

// One operation: by variables, tested against the document.
function request({ name, request, response }) {
  const operation = operationOf(request);
  const { method, header, body, url } = request;
  const kept = {
    method,
    description: request.description?.content,
    header: header.map((h) => parameter(h, operation)),
    body: body?.mode && body,
    url: {
      host: url.host,
      path: url.path,
      query: url.query.map((q) => parameter(q, operation)),
      variable: url.variable.map(({ key, description }) => ({ key, value: `{{${key}}}`, description: description?.content })),
    },
  };
  const named = name.replace(/\.$/, "");

  return {
    name: named,
    event: [test(documented(operation))],
    request: kept,
    response: response.filter(({ code }) => code < 300).flatMap(({ code, status }) => example(operation.responses[code], code, status, kept)),
  };
}

// The document's example of an answer, where it has one: what the converter would fake tells nothing.
function example(response, code, status, { method, url }) {
  const body = response?.content?.["application/json"]?.example;
  if (body === undefined) return [];

  return [{
    name: response.description,
    originalRequest: { method, url },
    status,
    code: Number(code),
    header: [{ key: "Content-Type", value: contentType(response) }],
    body: JSON.stringify(body, null, 2),
  }];
}

function operationOf({ method, url }) {
  const path = `/${url.path.map((part) => part.replace(/^:(.*)/, "{$1}")).join("/")}`;

  return document.paths[path][method.toLowerCase()];
}

// A query parameter or a header: with the value of a variable, then it is sent, or of the document's example, or none.
function parameter({ key, value, disabled, description }, operation) {
  const [, field] = key.split(".");
  const known = (operation.parameters ?? []).find(({ name }) => name === key.split(".")[0]);
  const faked = known && known.example === undefined && known.schema?.example === undefined && !known.schema?.enum;
  // Of these a list has everything, unless the caller asks for one.
  const choices = ["table", "model", "consumer"];
  const variable = [key, field].find((name) => name in variables && !choices.includes(name));
  // Whoever only tries a call deletes nothing.
  if (key === "dry_run") return { key, value: "true", description: description?.content };
  if (variable) value = `{{${variable}}}`;
  else if (faked) value = "";
  else if (known?.schema?.enum) value = known.schema.enum[0];

  return { key, value, disabled: (disabled && !variable) || undefined, description: description?.content };
}

function contentType(response) {
  return Object.keys(response?.content ?? {})[0];
}

function schemaOf(response) {
  const schema = response?.content?.["application/json"]?.schema;

  return schema?.$ref ? document.components.schemas[schema.$ref.split("/").pop()] : schema;
}

// The test that an answer is one that the document lists, as it lists it.
function documented({ responses }) {
  const types = Object.fromEntries(Object.entries(responses).map(([code, response]) => [code, contentType(response)]));
  const fields = Object.fromEntries(Object.entries(responses).filter(([code]) => code < 300).map(([code, response]) => [code, schemaOf(response)?.required ?? []]));

  return `
const types = ${JSON.stringify(types)};
const fields = ${JSON.stringify(fields)};
const code = String(pm.response.code);
const type = types[code] ?? types[\`\${code[0]}XX\`];
pm.test(\`the document lists \${code}\`, () => pm.expect(type).to.be.a("string"));
pm.test(\`\${code} comes as \${type}\`, () => pm.expect(pm.response.headers.get("Content-Type")?.split(";")[0]).to.eql(type));
if (fields[code]?.length) pm.test("all fields are there", () => pm.expect(pm.response.json()).to.include.all.keys(fields[code]));`;
}
