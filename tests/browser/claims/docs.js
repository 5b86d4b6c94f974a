// `/docs` asks nobody but the service, and works with a key.
"use strict";

const assert = require("node:assert/strict");

const { authorize, execute, openDocs, rowsOf } = require("../swagger");

const foreign = (seen, service) => seen.requests.map(({ url }) => url).filter((url) => !url.startsWith(`${service}/`) && !url.startsWith("data:"));

module.exports = [
  {
    name: "/docs and / ask no other server",
    async holds({ context, seen, places }) {
      const page = await openDocs(context, places.open);
      await page.locator("#operations-runs-list_runs .opblock-summary-control").click();
      await page.waitForLoadState("networkidle");
      await page.goto(`${places.open}/`);
      assert.ok(seen.requests.length > 4);
      assert.deepEqual(foreign(seen, places.open), []);
      // The policy stops nothing that the pages need.
      assert.deepEqual(seen.violations, []);
    },
  },
  {
    name: "/docs with a key shows rows, and without one none",
    async holds({ context, seen, places }) {
      const refused = await execute(await openDocs(context, places.keyed), "tables", "list_rows", rowsOf("shop.orders"));
      assert.equal(refused.status, "401", refused.text);
      const page = await openDocs(context, places.keyed);
      await authorize(page, places.key);
      const shown = await execute(page, "tables", "list_rows", rowsOf("shop.orders"));
      assert.equal(shown.status, "200", shown.text);
      assert.match(shown.text, /order_id/);
      assert.deepEqual(foreign(seen, places.keyed), []);
    },
  },
  {
    name: "/docs keeps no key where a later page finds it",
    async holds({ context, places }) {
      const page = await openDocs(context, places.keyed);
      await authorize(page, places.key);
      await page.reload();
      const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
      assert.ok(!kept.includes("icf_"), kept);
    },
  },
  {
    name: "/docs loads no document that its address names",
    async holds({ context, seen, places }) {
      const named = encodeURIComponent(`${places.evil}/spec.json`);
      for (const query of [`?url=${named}`, `?configUrl=${named}`, `?urls.primaryName=${named}`, `?validatorUrl=${named}`, `#/${named}`]) {
        await openDocs(context, places.open, query);
      }
      assert.deepEqual(foreign(seen, places.open), []);
    },
  },
];
