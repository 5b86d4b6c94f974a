// What a foreign page learns of answers that it may not read.
"use strict";

const assert = require("node:assert/strict");

// What a page can see of a load, but for its time.
const look = async ([kind, to]) => {
  const load = (tag, source, more = {}) => new Promise((go) => {
    const made = Object.assign(document.createElement(tag), more);
    made.onload = () => go(`load ${made.naturalWidth ?? ""}`);
    made.onerror = () => go("error");
    made[source] = to;
    document.body.append(made);
    setTimeout(() => go("nothing"), 5000);
  });
  const fetched = (options) => fetch(to, options).then(async (answer) => `${answer.type} ${answer.status} ${(await answer.text()).length}`, () => "error");
  const kinds = {
    image: () => load("img", "src"),
    script: () => load("script", "src"),
    style: () => load("link", "href", { rel: "stylesheet" }),
    object: () => load("object", "data"),
    frame: () => load("iframe", "src"),
    video: () => load("video", "src"),
    "fetch without CORS": () => fetched({ mode: "no-cors" }),
    "fetch by CORS": () => fetched({}),
    "fetch with credentials": () => fetched({ credentials: "include" }),
    "fetch with a key": () => fetched({ headers: { authorization: "Bearer x" } }),
  };
  performance.clearResourceTimings();
  const since = performance.now();
  const event = await kinds[kind]();
  const took = performance.now() - since;
  const sizes = performance.getEntriesByName(to).map(({ transferSize, encodedBodySize, decodedBodySize, responseStatus }) => [transferSize, encodedBodySize, decodedBodySize, responseStatus]);

  return { event, sizes, took };
};

const kinds = ["image", "script", "style", "object", "frame", "video", "fetch without CORS", "fetch by CORS", "fetch with credentials", "fetch with a key"];

module.exports = [
  {
    name: "a foreign page reads no answer",
    async holds({ context, places }) {
      const page = await context.newPage();
      for (const origin of places.origins) {
        await page.goto(origin);
        for (const kind of kinds.filter((one) => one.startsWith("fetch"))) {
          const { event } = await page.evaluate(look, [kind, `${places.open}/v1/tables/shop.orders/rows`]);
          assert.ok(["error", "opaque 0 0"].includes(event), `${origin} ${kind}: ${event}`);
        }
      }
    },
  },
  {
    name: "a foreign page cannot tell a table that is there from one that is not, but by the time that it takes",
    async holds({ context, places }) {
      const page = await context.newPage();
      await page.goto(places.evil);
      const told = [];
      for (const kind of kinds) {
        const there = await page.evaluate(look, [kind, `${places.open}/v1/tables/shop.orders/rows`]);
        const missing = await page.evaluate(look, [kind, `${places.open}/v1/tables/shop.nothing/rows`]);
        console.log(`       ${kind}: ${there.event}, in ${there.took.toFixed(0)} ms if it is there, ${missing.took.toFixed(0)} ms if not`);
        if (JSON.stringify([there.event, there.sizes]) !== JSON.stringify([missing.event, missing.sizes])) told.push({ kind, there, missing });
      }
      assert.deepEqual(told, []);
    },
  },
];
