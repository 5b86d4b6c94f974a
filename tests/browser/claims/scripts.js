// Scripts in addresses, definitions, columns and rows: none is run.
"use strict";

const assert = require("node:assert/strict");

const { until } = require("../browser");
const { execute, openDocs, rowsOf } = require("../swagger");

const payloads = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "<svg onload=alert(1)>", "javascript:alert(1)", "{{constructor.constructor('alert(1)')()}}"];

// A page that is as careless as the service should not be: it shows that a script would be noticed.
async function isNoticed({ context, seen, places }) {
  const page = await context.newPage();
  await page.goto(`${places.decoy}/?html=${encodeURIComponent(payloads[1])}`);
  assert.ok(await until(() => seen.dialogs.length > 0), "the decoy's script did not run");
  seen.dialogs.length = 0;
  await page.close();
}

const claim = (name, holds) => ({
  name,
  async holds(visit) {
    await isNoticed(visit);
    await holds(visit);
    await new Promise((go) => setTimeout(go, 300));
    assert.deepEqual(visit.seen.dialogs, []);
    assert.deepEqual(visit.seen.violations, [], "only the policy stopped a script");
  },
});

module.exports = [
  claim("a script in an address is not run, wherever it is told", async ({ context, places }) => {
    const page = await context.newPage();
    for (const payload of payloads.map(encodeURIComponent)) {
      for (const path of [`/${payload}`, `/docs/${payload}`, `/?${payload}=${payload}`, `/v1/pipelines/${payload}`, `/v1/tables/${payload}/rows`, `/v1/runs?${payload}=1`, `/v1/runs?pipeline=${payload}`, `/v1/runs/${payload}/events`]) {
        // An answer that no page shows, such as a download, ends the navigation.
        await page.goto(places.open + path).catch((fault) => assert.match(String(fault), /ERR_ABORTED|Download|ERR_HTTP_RESPONSE_CODE_FAILURE/));
        assert.equal(await page.locator("img[src=x], svg[onload]").count(), 0, path);
      }
    }
  }),
  claim("a script in a definition, a column or a row is not run where its JSON is shown", async ({ context, places }) => {
    const page = await context.newPage();
    for (const path of ["/v1/pipelines", "/v1/pipelines/broken", "/v1/tables/odd.odd", "/v1/tables/odd.odd/rows", "/v1/runs?pipeline=odd"]) {
      const answer = await page.goto(places.open + path);
      assert.match(answer.headers()["content-type"], /^application\/(problem\+)?json/, path);
      assert.equal(await page.locator("img[src=x], script").count(), 0, path);
    }
  }),
  claim("a script in a definition, a column or a row is text in /docs", async ({ context, places }) => {
    const page = await openDocs(context, places.open);
    const shown = [
      await execute(page, "pipelines", "list_pipelines"),
      await execute(page, "tables", "get_table", { table: "odd.odd" }),
      await execute(page, "tables", "list_rows", rowsOf("odd.odd")),
      await execute(page, "pipelines", "get_pipeline", { pipeline: payloads[1] }),
    ];
    assert.ok(shown.some(({ text }) => text.includes("onerror=alert(1)")), JSON.stringify(shown));
    assert.equal(await page.locator("img[src=x]").count(), 0);
  }),
];
