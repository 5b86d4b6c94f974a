// Every call of the API, from a foreign page: none that writes is taken, and one that reads does nothing and tells nothing.
"use strict";

const assert = require("node:assert/strict");

const names = {
  pipeline: "shop", source: "shop", table: "shop.orders", model: "shop.daily_revenue", consumer: "search_index", leftover: "shop.orders",
  webhook: "ops", step: "extract", test: "any", schema: "pipeline.json",
};

// The operations of the service's own document, with names that are there.
async function operations(places) {
  const document = await places.ask("/openapi.json");
  const run = (await places.ask("/v1/runs")).data[0].id;
  const filled = (path) => path.replaceAll(/\{(.*?)\}/g, (_, name) => ({ ...names, run_id: run })[name]);

  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => ({ method: method.toUpperCase(), path: filled(path) })),
  );
}

module.exports = [
  {
    name: "no call that writes is taken from a foreign page",
    async holds({ context, seen, places }) {
      const writes = (await operations(places)).filter(({ method }) => method !== "GET");
      assert.ok(writes.length > 20, `${writes.length} calls`);
      for (const origin of places.origins) {
        const page = await context.newPage();
        await page.goto(origin);
        for (const { method, path } of writes) {
          for (const mode of method === "POST" ? ["no-cors", "cors"] : ["cors"]) {
            const options = { method, mode, body: '{"confirm": "shop.orders"}' };
            await page.evaluate(([to, options]) => fetch(to, options).then(() => {}, () => {}), [places.open + path, options]);
          }
        }
      }
      const taken = seen.answers.filter(({ method, url, status }) => url.startsWith(places.open) && method !== "OPTIONS" && status !== 403);
      assert.deepEqual(taken, []);
      const refused = seen.answers.filter(({ status }) => status === 403);
      assert.ok(refused.length >= places.origins.length * writes.filter(({ method }) => method === "POST").length, `${refused.length} refused`);
    },
  },
  {
    name: "an image, a script, a style or a frame of any path does nothing and is shown to no page",
    async holds({ context, places }) {
      const reads = (await operations(places)).filter(({ method, path }) => method === "GET" && !path.endsWith("/events"));
      const paths = [...reads.map(({ path }) => path), "/", "/docs/", "/openapi.json", "/v1/pipelines/shop/runs", "/v1/tables/shop.orders/reset"];
      const page = await context.newPage();
      await page.goto(places.evil);
      const shown = await page.evaluate(async ({ service, paths }) => {
        const before = new Set(Object.keys(window));
        const load = (tag, source, path) => new Promise((go) => {
          const made = document.createElement(tag);
          if (tag === "link") made.rel = "stylesheet";
          made.onload = () => go({ tag, path, size: made.naturalWidth, rules: made.sheet && document.styleSheets.length });
          made.onerror = () => go(undefined);
          made[source] = service + path;
          document.body.append(made);
        });
        const loads = paths.flatMap((path) => [["img", "src"], ["script", "src"], ["link", "href"]].map(([tag, source]) => load(tag, source, path)));
        const loaded = (await Promise.all(loads)).filter(Boolean);

        return { loaded, globals: Object.keys(window).filter((name) => !before.has(name)) };
      }, { service: places.open, paths });
      assert.deepEqual(shown, { loaded: [], globals: [] });
    },
  },
];
