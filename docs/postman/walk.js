// The walk: requests that can be sent one after the other, each of which keeps what the next ones need.
"use strict";

const runs = "/v1/pipelines/{{pipeline}}/runs";
const byKey = { "Idempotency-Key": "{{key}}" };
const stream = { Accept: "text/event-stream" };

// Sends the request again until its run has ended, then says how.
const ended = (state) => `
if (!answer.terminal) pm.execution.setNextRequest(pm.info.requestName);
else is("it ended so", answer.state, "${state}");`;

const ids = 'const ids = [...pm.response.text().matchAll(/^id: ?(.*)$/gm)].map(([, id]) => id);';

// Name; method and address; headers, body, a script before it, the statuses that it answers, a script after it.
const steps = [
  ["Is the service ready?", "GET /readyz", { status: [200] }],
  ["The pipeline", "GET /v1/pipelines/{{pipeline}}", { status: [200], after: 'is("it can be run", answer.usable, true);' }],
  ["Start a run, by a key", `POST ${runs}`, {
    before: 'pm.collectionVariables.set("key", `walk-${Date.now()}`);',
    headers: byKey,
    body: { labels: { caller: "postman" } },
    status: [202],
    after: `
is("Location is the run's", header("Location"), \`/v1/runs/\${answer.id}\`);
is("Retry-After is in seconds", Number(header("Retry-After")) > 0, true);
keep("run_id", answer.id);`,
  }],
  ["Start it again by the same key: the same run", `POST ${runs}`, {
    headers: byKey,
    body: { labels: { caller: "postman" } },
    status: [200, 202],
    after: `
is("it says that it was known", header("Idempotency-Replayed"), "true");
is("it is the same run", answer.id, kept("run_id"));`,
  }],
  ["Ask something else by the same key: refused", `POST ${runs}`, {
    headers: byKey,
    body: { labels: { caller: "somebody else" } },
    status: [422],
    after: 'is("the problem names the key", answer.type, "urn:icefront:problem:idempotency-key-reused");',
  }],
  ["Wait for its end", "GET /v1/runs/{{run_id}}?wait=55s", { status: [200], after: ended("succeeded") }],
  ["Its outcome", "GET /v1/runs/{{run_id}}/outcome", { status: [200], after: 'is("it succeeded", answer.succeeded, true);' }],
  ["Its events, all of them", "GET /v1/runs/{{run_id}}/events", {
    headers: stream,
    status: [200],
    after: `
${ids}
is("it is a stream", header("Content-Type"), "text/event-stream");
const told = [...pm.response.text().matchAll(/^event: ?run\\ndata: ?(.*)$/gm)].map(([, data]) => JSON.parse(data));
is("the last says how the run ended", told.pop().state, "succeeded");
keep("event_id", ids[0]);
keep("events", ids.length);`,
  }],
  ["Its events, those after the first", "GET /v1/runs/{{run_id}}/events", {
    headers: { ...stream, "Last-Event-ID": "{{event_id}}" },
    status: [200],
    after: `
${ids}
is("one less", ids.length, kept("events") - 1);`,
  }],
  ["Its steps", "GET /v1/runs/{{run_id}}/steps", {
    status: [200],
    after: `
is("all succeeded", answer.data.every(({ state }) => state === "succeeded"), true);
keep("step", (answer.data.find(({ statements }) => statements.length > 0) ?? answer.data[0]).name);`,
  }],
  ["The SQL of a step", "GET /v1/runs/{{run_id}}/steps/{{step}}/sql", { status: [200] }],
  ["What declared tests said", "GET /v1/runs/{{run_id}}/tests", { status: [200] }],
  ["What it changed", "GET /v1/runs/{{run_id}}/changes", {
    status: [200],
    after: `
for (const c of answer.data.filter(({ table }) => table)) {
  is(\`\${c.table}: every event read has a place\`, c.rejected + c.duplicate + c.staged, c.read);
  is(\`\${c.table}: so has every one published\`, c.truncates + c.late + c.superseded + c.delete_without_row + c.unchanged + c.inserted + c.updated + c.deleted, c.published);
}`,
  }],
  ["What could not be taken", "GET /v1/rejects?pipeline={{pipeline}}", { status: [200] }],
  ["How fresh every table is", "GET /v1/freshness", { status: [200] }],
  ["What changed, by the hour", "GET /v1/changes?table={{table}}&by=hour", { status: [200] }],
  ["A row", "GET /v1/tables/{{table}}/rows?limit=1", { status: [200], after: 'keep("order_id", answer.data[0].order_id);' }],
  ["Its history", "GET /v1/tables/{{table}}/history?key.order_id={{order_id}}", {
    status: [200],
    after: 'is("one version is current", answer.data.filter((version) => version.is_current).length, 1);',
  }],
  ["Begin to follow its rows, by a name", "PUT /v1/consumers/{{consumer}}", {
    body: { table: "{{table}}", cursor: null },
    status: [200],
    after: 'is("it follows the table", answer.table, kept("table"));',
  }],
  ["The changes of its rows", "GET /v1/tables/{{table}}/changes/rows?limit=1", {
    status: [200],
    after: 'is("all rows come first", answer.data[0]._change_type, "insert");',
  }],
  ["Start one that takes longer", `POST ${runs}`, {
    body: { full_refresh: true },
    status: [202],
    after: 'keep("run_id", answer.id);',
  }],
  ["Start none while one is active", `POST ${runs}`, {
    body: { if_running: "reject" },
    status: [409],
    after: `
is("the problem says why", answer.type, "urn:icefront:problem:run-active");
is("it names the run", answer.run_id, kept("run_id"));
is("so does Location", header("Location"), \`/v1/runs/\${kept("run_id")}\`);`,
  }],
  ["Join the active one", `POST ${runs}`, {
    body: { if_running: "attach" },
    status: [202],
    after: 'is("it is the same run", answer.id, kept("run_id"));',
  }],
  ["It has no outcome yet", "GET /v1/runs/{{run_id}}/outcome", { status: [404] }],
  ["Cancel it", "POST /v1/runs/{{run_id}}/cancel", { status: [200, 202] }],
  ["Wait until it is cancelled", "GET /v1/runs/{{run_id}}?wait=55s", { status: [200], after: `${ended("cancelled")}
keep("attempt", answer.attempt);` }],
  ["Cancel it again: it is over", "POST /v1/runs/{{run_id}}/cancel", { status: [200] }],
  ["Retry it", "POST /v1/runs/{{run_id}}/retry", { status: [202], after: 'is("it is the same run", answer.id, kept("run_id"));' }],
  ["Wait until it has succeeded", "GET /v1/runs/{{run_id}}?wait=55s", { status: [200], after: `${ended("succeeded")}
if (answer.terminal) is("by its next attempt", answer.attempt, Number(kept("attempt")) + 1);` }],
  ["Retry it again: it succeeded", "POST /v1/runs/{{run_id}}/retry", { status: [200] }],
  // It computed everything again, so every test looked, whatever earlier runs left to do.
  ["What its declared tests said", "GET /v1/runs/{{run_id}}/tests", {
    status: [200],
    after: `
const failed = answer.data.find((test) => test.trino_failures_table);
if (failed) keep("test", failed.name);`,
  }],
  ["Run and wait, told by the status", `POST ${runs}?sync=true&wait=55s`, { status: [200] }],
  ["What removed tables left behind", "GET /v1/leftovers?pipeline=old_shop", {
    status: [200],
    after: 'is("two tables of a pipeline that was removed", answer.data.map(({ pipeline_declared }) => pipeline_declared), [false, false]);',
  }],
  ["Delete one of them", "DELETE /v1/leftovers/old_shop.customers?confirm=old_shop.customers", {
    status: [202],
    after: 'keep("deletion_id", answer.id);',
  }],
  ["Wait until it is deleted", "GET /v1/runs/{{deletion_id}}?wait=55s", { status: [200], after: ended("succeeded") }],
  ["There is no such run", "GET /v1/runs/01890000-0000-7000-8000-000000000000/outcome", { status: [410] }],
];

// The words of the scripts above.
const words = `
const answer = /json/.test(pm.response.headers.get("Content-Type")) ? pm.response.json() : undefined;
const header = (name) => pm.response.headers.get(name);
const keep = (name, value) => pm.collectionVariables.set(name, value);
const kept = (name) => pm.collectionVariables.get(name);
const is = (claim, seen, due) => pm.test(claim, () => pm.expect(seen).to.eql(due));`;

exports.folder = (test) => ({
  name: "walk",
  description: "The whole way, from top to bottom: start a run, wait, look at what it did, cancel one, retry it.",
  item: steps.map(([name, call, { headers = {}, body, before, status, after }]) => {
    const [method, address] = call.split(" ");
    const [path, query] = address.slice(1).split("?");
    const sent = body ? { "Content-Type": "application/json", ...headers } : headers;
    const answers = `pm.test("answers ${status.join(" or ")}", () => pm.expect(pm.response.code).to.be.oneOf([${status.join(", ")}]));`;

    return {
      name,
      event: [...(before ? [test(before, "prerequest")] : []), test(after ? `${answers}\n${words}\n\n${after.trim()}` : answers)],
      request: {
        method,
        header: Object.entries(sent).map(([key, value]) => ({ key, value })),
        body: body && { mode: "raw", raw: JSON.stringify(body), options: { raw: { language: "json" } } },
        url: {
          host: ["{{baseUrl}}"],
          path: path.split("/"),
          query: query?.split("&").map((pair) => ({ key: pair.split("=")[0], value: pair.split("=")[1] })),
        },
      },
      response: [],
    };
  }),
});
